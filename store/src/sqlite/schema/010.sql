-- The service holds a job whose tasks all fail by what a person must change: until then it gets no
-- slot. A job's life says why; a program that knows only version 9 would drop that, so it must refuse.

ALTER TABLE job ADD COLUMN held_until INTEGER; -- by the service clock; NULL while nothing holds it
