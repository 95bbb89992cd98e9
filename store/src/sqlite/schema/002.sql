-- Jobs that retry an ended one: that stays until its tasks are read.

ALTER TABLE job ADD COLUMN retry_of BLOB; -- NULL for a job that reads a manifest

CREATE INDEX job_retried ON job (retry_of, status) WHERE retry_of IS NOT NULL AND terminated IS NULL;
