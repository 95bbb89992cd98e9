-- Jobs that work in rounds: a slice whose open tasks were all looked at waits for a later round of its job. A
-- program that knows only version 11 would lease it again at once, so it must refuse.

ALTER TABLE job   ADD COLUMN round INTEGER NOT NULL DEFAULT 0; -- the one that is under way or begins next
ALTER TABLE slice ADD COLUMN round INTEGER NOT NULL DEFAULT 0; -- the one that it waits for

DROP INDEX slice_waiting;
CREATE INDEX slice_waiting ON slice (job, round, number) WHERE is_done = 0 AND expires IS NULL;
