-- Jobs, their slices and outcomes. Times of day are nanoseconds since 1970; expiries are
-- nanoseconds of the process's monotonic clock, and mean nothing after a restart, which
-- revokes every lease.

CREATE TABLE job (
    id            BLOB    NOT NULL PRIMARY KEY,
    account       TEXT    NOT NULL,
    dialect       TEXT    NOT NULL,
    token         TEXT    NOT NULL,
    endpoint      TEXT    NOT NULL,
    status        TEXT    NOT NULL,
    priority      INTEGER NOT NULL,
    revision      INTEGER NOT NULL,
    held_by_user  INTEGER NOT NULL,
    is_deleted    INTEGER NOT NULL,
    is_visible    INTEGER NOT NULL,
    created       INTEGER NOT NULL,
    suspended     INTEGER,
    terminated    INTEGER,
    total         INTEGER NOT NULL,
    succeeded     INTEGER NOT NULL DEFAULT 0, -- of slices that are done
    failed        INTEGER NOT NULL DEFAULT 0, -- of slices that are done
    stage_epoch   INTEGER NOT NULL DEFAULT 0,
    stage_owner   BLOB,
    stage_expires INTEGER,                    -- NULL while nobody holds it
    life          TEXT    NOT NULL,           -- JSON: what changes and nobody asks for
    spec          TEXT    NOT NULL            -- JSON: what was asked
) STRICT;

CREATE UNIQUE INDEX job_token           ON job (account, dialect, token) WHERE is_deleted = 0;
CREATE INDEX        job_listed          ON job (account, dialect, id, terminated) WHERE is_visible = 1;
CREATE INDEX        job_listed_by_status ON job (account, dialect, status, id, terminated) WHERE is_visible = 1;
CREATE INDEX        job_hidden          ON job (id) WHERE is_visible = 0;
CREATE INDEX        job_open            ON job (id) WHERE terminated IS NULL;
CREATE INDEX        job_open_of_account ON job (account, terminated) WHERE terminated IS NULL;
CREATE INDEX        job_slots           ON job (endpoint, status) WHERE terminated IS NULL;
CREATE INDEX        job_ended           ON job (terminated) WHERE terminated IS NOT NULL;
CREATE INDEX        job_counted         ON job (status) WHERE is_deleted = 0;
CREATE INDEX        job_stage_leased    ON job (id) WHERE stage_expires IS NOT NULL;

-- Changes that were applied: how a repeat is recognised.
CREATE TABLE change (
    job BLOB NOT NULL,
    id  BLOB NOT NULL,
    PRIMARY KEY (job, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE slice (
    job          BLOB    NOT NULL,
    number       INTEGER NOT NULL,
    first_task   INTEGER NOT NULL,
    tasks        INTEGER NOT NULL,
    spool_name   TEXT    NOT NULL,
    succeeded    INTEGER NOT NULL DEFAULT 0,
    failed       INTEGER NOT NULL DEFAULT 0,
    is_done      INTEGER NOT NULL DEFAULT 0,
    next_seq     INTEGER NOT NULL DEFAULT 0,
    epoch        INTEGER NOT NULL DEFAULT 0,
    owner        BLOB,
    expires      INTEGER,                    -- NULL while nobody holds it
    must_look    INTEGER NOT NULL DEFAULT 0,
    revocations  INTEGER NOT NULL DEFAULT 0,
    first_leased INTEGER,
    PRIMARY KEY (job, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX slice_waiting ON slice (job, number) WHERE is_done = 0 AND expires IS NULL;
CREATE INDEX slice_leased  ON slice (job, expires) WHERE expires IS NOT NULL;
CREATE INDEX slice_begun   ON slice (job) WHERE is_done = 0 AND next_seq > 0;

-- Outcomes, in the engine's encoding.
CREATE TABLE part (
    job       BLOB    NOT NULL,
    slice     INTEGER NOT NULL,
    seq       INTEGER NOT NULL,
    epoch     INTEGER NOT NULL,
    bytes     BLOB    NOT NULL,
    PRIMARY KEY (job, slice, seq)
) STRICT, WITHOUT ROWID;

-- Multipart uploads in progress; those of the report have no slice.
CREATE TABLE upload (
    job       BLOB    NOT NULL,
    upload_id TEXT    NOT NULL,
    slice     INTEGER,
    bucket    TEXT    NOT NULL,
    key       TEXT    NOT NULL,
    PRIMARY KEY (job, upload_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE report_file (
    job    BLOB    NOT NULL,
    kind   TEXT    NOT NULL,
    number INTEGER NOT NULL,
    key    TEXT    NOT NULL,
    md5    TEXT    NOT NULL,
    rows   INTEGER NOT NULL,
    PRIMARY KEY (job, kind, number)
) STRICT, WITHOUT ROWID;

-- Jobs whose row is purged while other rows of them remain.
CREATE TABLE doomed (
    job BLOB NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;
