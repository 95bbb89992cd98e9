-- Slices of before hold keys without the blanks at their ends. A job that is still being prepared
-- keeps the slices that it finds and cuts the others by bytes, so that one manifest would be read
-- in two ways: it begins anew. Its files stay in the spool without a row until the job is purged.

DELETE FROM part WHERE job IN (SELECT id FROM job WHERE status IN ('New', 'Preparing'));
DELETE FROM upload
    WHERE slice IS NOT NULL AND job IN (SELECT id FROM job WHERE status IN ('New', 'Preparing'));
DELETE FROM slice WHERE job IN (SELECT id FROM job WHERE status IN ('New', 'Preparing'));
