-- What the failed tasks of a job failed by, and what its tasks copied or restored, counted in the transaction of the
-- outcomes. Of outcomes from before nothing is counted.

ALTER TABLE job ADD COLUMN failure_counts        TEXT;                       -- JSON; NULL while nothing failed
ALTER TABLE job ADD COLUMN done_bytes            INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN tasks_of_unknown_size INTEGER NOT NULL DEFAULT 0;
