-- The service clock, as it was stored last; its one row is made when the database is opened. Until
-- then a job's `since` was a time of day within `life`; the clock begins with the time of day, so it
-- is a moment of the clock, but one that lies ahead is corrected when the row is made.

CREATE TABLE service_clock (
    id      INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    service INTEGER NOT NULL, -- nanoseconds
    wall    INTEGER NOT NULL  -- the time of day then
) STRICT;

ALTER TABLE job ADD COLUMN since INTEGER NOT NULL DEFAULT 0; -- by the service clock

UPDATE job SET since =
    max(0, coalesce(terminated, unixepoch(json_extract(life, '$.since')) * 1000000000, created));

DROP INDEX job_listed;
DROP INDEX job_listed_by_status;
DROP INDEX job_ended;
CREATE INDEX job_listed ON job (account, dialect, id, terminated, since) WHERE is_visible = 1;
CREATE INDEX job_listed_by_status ON job (account, dialect, status, id, terminated, since) WHERE is_visible = 1;
CREATE INDEX job_ended ON job (since) WHERE terminated IS NOT NULL;
