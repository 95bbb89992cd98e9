//! Real processes for tests: ours, servers of others, clients of others. Everything listens on
//! loopback, on a port that the system chose, and ends with the test.

pub mod process;
pub mod scenario;
pub mod server;

pub use process::Process;
pub use scenario::Scenario;
pub use server::Server;
