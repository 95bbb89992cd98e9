//! The `brigade` binary: everything lies in the library, so that tests and the demo use it too.

use std::process::ExitCode;

fn main() -> ExitCode {
    brigade::cli::main()
}
