//! Standard output of the commands. Whoever reads it may stop at any line, as `head` does.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use crate::cli::Ended;

/// Prints a line.
///
/// # Errors
/// [`Ended`] with 0 when nobody reads on: what was wanted was read. Otherwise what the system
/// said.
pub fn say(text: impl Display) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}").and_then(|()| stdout.flush()).map_err(told)
}

/// The error of a write to standard output.
#[must_use]
pub fn told(error: io::Error) -> anyhow::Error {
    if error.kind() == ErrorKind::BrokenPipe { Ended(0).into() } else { error.into() }
}
