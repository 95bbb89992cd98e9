//! `brigade man`: the manual pages, one for each command, written from its flags.

use std::path::PathBuf;

use anyhow::Context as _;

use crate::printer::note;

/// What the command takes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  brigade man /usr/share/man/man1")]
pub struct Arguments {
    /// The folder that they are written into; it is made if it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Does it, of this command line.
///
/// # Errors
/// When the folder cannot be written to.
pub fn run(arguments: Arguments, command_line: clap::Command) -> anyhow::Result<()> {
    let folder = arguments.folder;
    let unwritable = || format!("cannot write manual pages into {}", folder.display());
    std::fs::create_dir_all(&folder).with_context(unwritable)?;
    clap_mangen::generate_to(command_line, &folder).with_context(unwritable)?;
    note(format_args!("the manual pages are in {}: man brigade, man brigade-job-create", folder.display()));
    Ok(())
}
