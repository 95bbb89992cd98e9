-- Leases carry a random token beside the epoch, which repeats when the database falls back to an
-- older state; and a slice tells when the oldest of its leases began that was not released cleanly.
-- Leases and parts of before have no token; opening the store revokes all leases, so that nobody
-- writes under one of those any more.

ALTER TABLE job ADD COLUMN stage_token BLOB;        -- of the last lease

ALTER TABLE slice ADD COLUMN token BLOB;            -- of the last lease
ALTER TABLE slice ADD COLUMN leased_at INTEGER;     -- the last lease
ALTER TABLE slice ADD COLUMN unsettled_since INTEGER;

ALTER TABLE part ADD COLUMN token BLOB;             -- of the lease that recorded it

-- Which of its leases was the last is not known any more: it may have been the first.
UPDATE slice SET leased_at = first_leased, unsettled_since = iif(must_look, first_leased, NULL)
    WHERE first_leased IS NOT NULL;
