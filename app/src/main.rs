//! The `brigade` binary.
fn main() {}
