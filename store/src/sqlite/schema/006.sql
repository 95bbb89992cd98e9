-- An upload whose completion may have been sent says which ETags its object has then, as a JSON
-- list: whoever takes the slice over proves by them that it was completed.

ALTER TABLE upload ADD COLUMN completing TEXT;
