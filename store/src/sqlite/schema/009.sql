-- What each account keeps, counted in the transaction that changes it; and ended jobs give up their
-- slices and outcomes before they leave the list. Of slices from before only their outcomes count:
-- how long their files are no row tells.

ALTER TABLE slice ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0; -- its file in the spool and its parts

ALTER TABLE job ADD COLUMN lacks_report     INTEGER NOT NULL DEFAULT 0; -- it ended without the one it wants
ALTER TABLE job ADD COLUMN holds_slices     INTEGER NOT NULL DEFAULT 0; -- until it gives them up
ALTER TABLE job ADD COLUMN outcomes_removed INTEGER;

CREATE TABLE account (
    name  TEXT    NOT NULL PRIMARY KEY,
    jobs  INTEGER NOT NULL,              -- its rows of job
    bytes INTEGER NOT NULL               -- of the slices of those jobs that hold theirs
) STRICT, WITHOUT ROWID;

UPDATE slice SET bytes = (SELECT coalesce(sum(length(part.bytes)), 0) FROM part
                          WHERE part.job = slice.job AND part.slice = slice.number);
UPDATE job SET holds_slices = 1 WHERE EXISTS (SELECT 1 FROM slice WHERE slice.job = job.id);
UPDATE job SET lacks_report = 1 WHERE terminated IS NOT NULL AND life LIKE '%"code":"ReportDeliveryFailed"%';
INSERT INTO account (name, jobs, bytes)
    SELECT account, count(*), sum((SELECT coalesce(sum(slice.bytes), 0) FROM slice WHERE slice.job = job.id))
    FROM job GROUP BY account;

CREATE INDEX job_holds            ON job (since)
    WHERE terminated IS NOT NULL AND lacks_report = 0 AND holds_slices = 1;
CREATE INDEX job_holds_of_account ON job (account, since)
    WHERE terminated IS NOT NULL AND lacks_report = 0 AND holds_slices = 1;
CREATE INDEX job_may_leave        ON job (account, is_visible, since)
    WHERE terminated IS NOT NULL AND lacks_report = 0;
