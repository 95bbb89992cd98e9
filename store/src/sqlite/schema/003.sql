-- What operators set for endpoints while the service runs.

CREATE TABLE endpoint (
    name     TEXT    NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL,
    settings TEXT    NOT NULL            -- JSON
) STRICT, WITHOUT ROWID;
