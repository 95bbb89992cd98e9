//! The report of a job, as its user reads it: `manifest.json`, and the files that it names.

use serde_json::Value;

/// A report.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// `manifest.json`.
    pub manifest: Value,
    /// The rows of all files.
    pub rows: Vec<Row>,
}

/// A row of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// The object.
    pub key: String,
    /// Whether its task succeeded.
    pub is_success: bool,
    /// The code of a failure.
    pub code: String,
    /// What else is said of it.
    pub said: String,
}

impl Report {
    /// Reads a report by the text of its `manifest.json`; `text` gives the object of a key.
    ///
    /// # Errors
    /// What cannot be read of it.
    pub fn read(manifest: &str, text: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let manifest: Value = serde_json::from_str(manifest).map_err(|error| error.to_string())?;
        let mut rows = Vec::new();
        for file in manifest["Results"].as_array().ok_or("manifest.json names no results")? {
            let (kind, key) = (&file["TaskExecutionStatus"], file["Key"].as_str().unwrap_or_default());
            let text = text(key).ok_or_else(|| format!("{key} is not there"))?;
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
            for record in reader.records() {
                let record = record.map_err(|error| format!("{key}: {error}"))?;
                let row = read_row(&record).filter(|row| row.is_success == (kind == "succeeded"));
                rows.push(row.ok_or_else(|| format!("{key}: {record:?}"))?);
            }
        }
        Ok(Self { manifest, rows })
    }
}

fn read_row(record: &csv::StringRecord) -> Option<Row> {
    let decoded = |at| Some(percent_encoding::percent_decode_str(record.get(at)?).decode_utf8().ok()?.into_owned());
    let is_success = record.get(3)? == "succeeded";
    let row = Row { key: decoded(1)?, is_success, code: decoded(4)?, said: decoded(6)? };
    (record.len() == 7).then_some(row)
}
