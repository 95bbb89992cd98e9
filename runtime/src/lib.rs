//! The bodies of the ports `Clock`, `Entropy` and `Spawn`: the system's own, and those of a
//! simulation, which a seed and a paused clock decide.

pub mod clock;
pub mod entropy;
pub mod spawn;

pub use clock::{SimulatedClock, SkewedClock, SystemClock};
pub use entropy::{SeededEntropy, SystemEntropy};
pub use spawn::{Node, TokioSpawn};
