//! The program as its users run it: processes, exit codes, output.

mod demo;
mod job;
mod kept;
