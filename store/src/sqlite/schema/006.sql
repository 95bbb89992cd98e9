-- An upload whose completion may have been sent says whose it is and what proves it, as a JSON
-- document: whoever takes the slice over goes by that.

ALTER TABLE upload ADD COLUMN completing TEXT;
