//! Asks for consent to what cannot be undone: a delete, and a repeat that does not check effects.

use std::io::{BufRead, IsTerminal};

use anyhow::{Context as _, bail};
use brigade_config::UsageError;

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
    fn the_question_says_how_many() {
        let known = question("old.csv lists", Some(100_000));
        assert_eq!(known, "This deletes the 100,000 objects that old.csv lists. Type the number or yes to go on: ");
        assert!(question("s3://b/old.csv lists", None).contains("every object that s3://b/old.csv lists"));
    }
}
