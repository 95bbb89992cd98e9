//! The flags that say how much is told beside the answer, and the filter of the log that they ask for.

/// How much is told beside the answer.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Verbosity {
    /// Print answers and errors only: no progress and no hints; the log of `serve` has warnings only
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "General")]
    pub(crate) quiet: bool,
    /// Log what is done besides, such as every request; the log of `serve` has more, too
    #[arg(short, long, global = true, help_heading = "General")]
    pub(crate) verbose: bool,
}

impl Verbosity {
    /// The filter of the log that the flags ask for.
    #[must_use]
    pub fn log_filter(self) -> Option<&'static str> {
        match (self.quiet, self.verbose) {
            (true, _) => Some("warn,audit=info"),
            (false, true) => Some("info,brigade=debug"),
            (false, false) => None,
        }
    }
}
