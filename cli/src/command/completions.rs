//! `brigade completions`: what a shell needs to complete commands, options and their values.

use clap_complete::Shell;

use crate::printer;

/// What the command takes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  brigade completions bash > /usr/share/bash-completion/completions/brigade\n  \
    brigade completions zsh > /usr/share/zsh/vendor-completions/_brigade\n  \
    brigade completions fish > /usr/share/fish/vendor_completions.d/brigade.fish")]
pub struct Arguments {
    /// Which shell
    shell: Shell,
}

/// Does it, of this command line.
///
/// # Errors
/// When standard output takes nothing.
pub fn run(arguments: Arguments, mut command_line: clap::Command) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command_line, "brigade", &mut script);
    printer::say_as_it_is(&script)
}
