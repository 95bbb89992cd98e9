//! The `brigade` binary: all code is in the library, so that tests and the demo use it too.

use std::process::ExitCode;

/// docs/adr/0010-mimalloc.md says why.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    brigade::cli::main()
}
