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
    ask_about(doomed, "replacing tags", &warning_of_tags(doomed))
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
    ask_about(doomed, "a delete", &warning(doomed))
}

/// Says on a line of its own what will be done, and asks below it.
fn ask_about(doomed: &Doomed<'_>, what: &str, warning: &str) -> anyhow::Result<()> {
    if std::io::stdin().is_terminal() {
        printer::tell(warning);
    }
    let typed = if doomed.rows.is_some() { "the number or yes" } else { "yes" };
    agree(what, &format!("Type {typed} to go on: "), doomed.rows)
}

fn warning_of_tags(doomed: &Doomed<'_>) -> String {
    format!("This replaces every tag of {} (--add keeps them).", objects_of(doomed, "object"))
}

fn warning(doomed: &Doomed<'_>) -> String {
    let (one, end) = match doomed.reading.fields.contains(&Field::VersionId) {
        true => ("version", "for good"),
        false => ("object", "for good unless it keeps versions"),
    };
    format!("This deletes {}, {end}.", objects_of(doomed, one))
}

/// `1,200 objects of bucket photos`, or without a count `every object that s3://lists/old.csv lists`.
fn objects_of(doomed: &Doomed<'_>, one: &str) -> String {
    let Doomed { which, rows, reading } = doomed;
    let buckets = reading.buckets.to_text();
    match rows {
        Some(1) => format!("1 {one}{buckets}"),
        Some(rows) => format!("{} {one}s{buckets}", grouped(*rows)),
        None => format!("every {one} that {which} lists"),
    }
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

    use super::super::manifest::{BucketsNamed, parse_fields};
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
        let reading = |fields: &str, names: &[&str]| {
            let mut buckets = BucketsNamed::default();
            names.iter().for_each(|name| buckets.note(name.parse().unwrap()));
            let (format, fields) = (ManifestFormat::Csv, parse_fields(fields).unwrap());
            Reading { format, fields, options: JobOptions::default(), buckets }
        };
        let of = |rows, fields, names: &[&str]| {
            warning(&Doomed { which: "old.csv", rows, reading: &reading(fields, names) })
        };
        let told = |rows, fields| of(rows, fields, &["photos", "photos"]);
        let objects = "This deletes 100,000 objects of bucket photos, for good unless it keeps versions.";
        assert_eq!(told(Some(100_000), "Bucket,Key"), objects);
        let versions = "This deletes every version that old.csv lists, for good.";
        assert_eq!(told(None, "Bucket,Key,VersionId"), versions);
        assert!(told(Some(1), "Bucket,Key").starts_with("This deletes 1 object of bucket photos"));
        let tags = "This replaces every tag of 7 objects of bucket photos (--add keeps them).";
        let two = "This deletes 2 objects of the buckets logs and photos, for good unless it keeps versions.";
        assert_eq!(of(Some(2), "Bucket,Key", &["photos", "logs"]), two);
        let many = of(Some(6), "Bucket,Key", &["bbb", "aaa", "eee", "ddd", "ccc", "aaa"]);
        assert!(many.contains("6 objects of the buckets aaa, bbb, ddd, eee and others,"), "{many}");
        let reading = reading("Bucket,Key", &["photos"]);
        assert_eq!(warning_of_tags(&Doomed { which: "old.csv", rows: Some(7), reading: &reading }), tags);
    }

    #[test]
    fn the_question_says_how_many() {
        let known = question("old.csv lists", Some(100_000));
        assert_eq!(known, "This deletes the 100,000 objects that old.csv lists. Type the number or yes to go on: ");
        assert!(question("s3://b/old.csv lists", None).contains("every object that s3://b/old.csv lists"));
    }
}
