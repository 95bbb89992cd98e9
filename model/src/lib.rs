//! The domain model: the field's words and the rules on them.
//!
//! Each thing has one name, defined here: a [`JobSpec`] (what the client asked), a [`Job`] (its
//! row), its [`Status`] and the one table that moves it, an [`Operation`], a manifest, a [`Task`]
//! (one row) and its [`Outcome`], and the *ports*: the traits behind which storage, object stores,
//! time, randomness and threads stand.
//!
//! This crate knows no XML, no SQL, no HTTP and no socket. `serde` serves the stored form
//! only; the wires have their own codecs.

pub mod capabilities;
pub mod capability;
pub mod dry_run;
pub mod endpoint;
pub mod failure_counts;
pub mod header;
pub mod job;
pub mod learned;
pub mod limits;
pub mod live;
pub mod load;
pub mod manifest;
pub mod names;
pub mod operation;
pub mod options;
pub mod outcome;
pub mod ports;
pub mod printable;
pub mod probe;
pub mod progress;
pub mod quota;
pub mod rates;
pub mod report;
pub mod resource;
#[cfg(any(test, feature = "samples"))]
pub mod samples;
pub mod service_clock;
pub mod size;
pub mod slots;
pub mod status;
pub mod store_clock;
pub mod task;
pub mod waiting;

pub use capabilities::{Capabilities, EndpointKind, Standing};
pub use capability::Capability;
pub use dry_run::DryRun;
pub use endpoint::{EndpointRow, EndpointSettings};
pub use failure_counts::{FailureCount, FailureCounts};
pub use job::{Change, Dialect, Job, JobFailure, JobId, JobSpec};
pub use learned::LearnedLimit;
pub use live::Live;
pub use load::LoadLimits;
pub use manifest::{Field, ManifestFormat, ManifestLocation, ManifestSpec, RowRules};
pub use names::{AccountId, BucketName, ETag, EndpointName, NameError, ObjectKey, VersionId};
pub use operation::Operation;
pub use options::JobOptions;
pub use outcome::Outcome;
pub use probe::{Finding, Probe, Proof};
pub use progress::{DoneBytes, Progress};
pub use quota::{Quota, Quotas};
pub use report::{ReportLayout, ReportLayouts, ReportScope, ReportSpec};
pub use service_clock::ServiceTime;
pub use status::{Event, Phase, Status};
pub use store_clock::StoreClock;
pub use task::Task;
pub use waiting::{WaitCause, Waiting};

/// A point in time, in UTC. Wires print whole seconds.
pub type Timestamp = jiff::Timestamp;
