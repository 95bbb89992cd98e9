//! Real processes for tests: ours, and other projects' servers and clients. All listen on loopback, on
//! ports that the system chooses, and end with the test.

pub mod function;
pub mod process;
pub mod scenario;
pub mod server;

pub use function::Function;
pub use process::Process;
pub use scenario::Scenario;
pub use server::Server;
