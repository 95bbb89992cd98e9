//! Asks for consent to what cannot be undone: a delete, and a repeat that does not check effects.

use std::io::{BufRead, IsTerminal};

use anyhow::{Context as _, bail};
use brigade_config::UsageError;
use brigade_model::manifest::Field;

use super::manifest::Reading;
use crate::printer;
use crate::progress::grouped;

/// Asks on the terminal whether to delete the objects that `which` (such as "old.csv lists").
///
/// # Errors
/// [`UsageError`] without a terminal; another error when the answer is not a consent.
pub fn ask(which: &str, rows: Option<u64>) -> anyhow::Result<()> {
    agree("a delete", &question(which, rows), rows)
}

/// Asks on the terminal whether to do again, without a look, what `which` in doubt.
///
/// # Errors
/// As [`ask`].
pub fn ask_to_act(which: &str, rows: u64) -> anyhow::Result<()> {
    let question = format!(
        "This does again what {which} unconfirmed, among {} objects, and overwrites what others wrote there since. \
         Type the number or yes to go on: ",
        grouped(rows)
    );
    agree("acting on what is unconfirmed", &question, Some(rows))
}

/// Asks on the terminal whether to replace the tags that objects have. Without a terminal it asks nothing: that a job
/// replaces them is what it is asked to do.
///
/// # Errors
/// When the answer is not a consent.
pub fn ask_to_replace_tags(doomed: &Doomed<'_>) -> anyhow::Result<()> {
    if !std::io::stdin().is_terminal() {
        return Ok(());
    }
    agree("replacing tags", &question_of_tags(doomed), doomed.rows)
}

/// The objects that a delete is about, or a replacement of tags.
#[derive(Debug)]
pub struct Doomed<'a> {
    /// What lists them.
    pub which: &'a str,
    /// How many they are, if that is known.
    pub rows: Option<u64>,
    /// What is known of the list.
    pub reading: &'a Reading,
}

/// The same of a new delete, whose manifest was read.
///
/// # Errors
/// As [`ask`].
pub fn ask_to_delete(doomed: &Doomed<'_>) -> anyhow::Result<()> {
    agree("a delete", &question_of(doomed), doomed.rows)
}

fn question_of_tags(doomed: &Doomed<'_>) -> String {
    let (objects, typed) = (objects_of(doomed, "objects"), typed(doomed));
    format!("This replaces every tag of {objects} (--add keeps the tags that they have). Type {typed} to go on: ")
}

/// `the 1,200 objects in bucket photos that old.csv lists`
fn objects_of(doomed: &Doomed<'_>, what: &str) -> String {
    let Doomed { which, rows, reading } = doomed;
    let count = rows.map_or_else(|| format!("all {what}"), |rows| format!("the {} {what}", grouped(rows)));
    let bucket = reading.bucket.as_ref().map_or_else(String::new, |bucket| format!(" in bucket {bucket}"));
    format!("{count}{bucket} that {which} lists")
}

fn typed(doomed: &Doomed<'_>) -> &'static str {
    if doomed.rows.is_some() { "the number or yes" } else { "yes" }
}

fn question_of(doomed: &Doomed<'_>) -> String {
    let Doomed { reading, .. } = doomed;
    let are_versions = reading.fields.contains(&Field::VersionId);
    let (what, end) = match are_versions {
        true => ("versions", "for good"),
        false => ("objects", "for good unless the bucket keeps versions"),
    };
    let (objects, typed) = (objects_of(doomed, what), typed(doomed));
    format!("This deletes {objects}, {end}. Type {typed} to go on: ")
}

/// Asks that question on the terminal; `what` says without one what would have been asked about.
///
/// # Errors
/// As [`ask`].
pub(in crate::command::job) fn agree(what: &str, question: &str, rows: Option<u64>) -> anyhow::Result<()> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(UsageError(format!("{what} asks first and there is no terminal to ask on: say --yes")).into());
    }
    printer::ask(question);
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer).context("the answer could not be read")?;
    if !is_consent(&answer, rows) {
        bail!("not agreed: nothing was done");
    }
    Ok(())
}

fn question(which: &str, rows: Option<u64>) -> String {
    match rows {
        Some(rows) => {
            format!("This deletes the {} objects that {which}. Type the number or yes to go on: ", grouped(rows))
        }
        None => format!("This deletes every object that {which}. Type yes to go on: "),
    }
}

/// Whether the answer is `yes`, or the number of objects with or without separators.
fn is_consent(answer: &str, rows: Option<u64>) -> bool {
    let answer = answer.trim();
    let is_number = |rows: u64| answer == rows.to_string() || answer == grouped(rows);
    answer == "yes" || rows.is_some_and(is_number)
}

#[cfg(test)]
mod tests {
    use brigade_model::manifest::ManifestFormat;
    use brigade_model::options::JobOptions;

    use super::super::manifest::parse_fields;
    use super::*;

    #[test]
    fn only_yes_or_the_very_number_is_consent() {
        for answer in ["yes\n", "1200\n", " 1,200 \r\n"] {
            assert!(is_consent(answer, Some(1200)), "{answer:?}");
        }
        for answer in ["", "\n", "y\n", "YES\n", "no\n", "120\n", "12000\n"] {
            assert!(!is_consent(answer, Some(1200)), "{answer:?}");
        }
        assert!(!is_consent("0\n", None));
    }

    #[test]
    fn the_question_names_count_bucket_and_whether_it_is_for_good() {
        let reading = |fields: &str| Reading {
            format: ManifestFormat::Csv,
            fields: parse_fields(fields).unwrap(),
            options: JobOptions::default(),
            bucket: Some("photos".parse().unwrap()),
        };
        let asked = |rows, fields| question_of(&Doomed { which: "old.csv", rows, reading: &reading(fields) });
        let objects = "This deletes the 100,000 objects in bucket photos that old.csv lists, for good unless the bucket keeps \
                       versions. Type the number or yes to go on: ";
        assert_eq!(asked(Some(100_000), "Bucket,Key"), objects);
        let versions = "This deletes all versions in bucket photos that old.csv lists, for good. Type yes to go on: ";
        assert_eq!(asked(None, "Bucket,Key,VersionId"), versions);
        let tags = "This replaces every tag of the 7 objects in bucket photos that old.csv lists (--add keeps the tags that they \
                    have). Type the number or yes to go on: ";
        let reading = reading("Bucket,Key");
        assert_eq!(question_of_tags(&Doomed { which: "old.csv", rows: Some(7), reading: &reading }), tags);
    }

    #[test]
    fn the_question_says_how_many() {
        let known = question("old.csv lists", Some(100_000));
        assert_eq!(known, "This deletes the 100,000 objects that old.csv lists. Type the number or yes to go on: ");
        assert!(question("s3://b/old.csv lists", None).contains("every object that s3://b/old.csv lists"));
    }
}
