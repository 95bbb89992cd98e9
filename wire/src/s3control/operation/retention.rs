//! `S3PutObjectRetention`: how long each object is kept, and how. An empty `Retention` lifts what keeps it.

use brigade_model::Operation;
use brigade_model::operation::{Retention, RetentionMode, SetRetention};

use crate::s3control::{Fields, S3ControlError};
use crate::times;
use crate::xml::Writer;

/// Reads the element's children.
pub(super) fn read(mut parameters: Fields<'_>) -> Result<Operation, S3ControlError> {
    let bypass_governance = parameters.boolean("BypassGovernanceRetention")?.unwrap_or_default();
    // An empty one is there, and says something.
    let given = parameters.child("Retention")?;
    let mut given = parameters.required("Retention", given)?;
    let until = given.time("RetainUntilDate")?;
    let mode = given.choice("Mode", RetentionMode::ALL.map(|mode| (mode.name(), mode)))?;
    let retention = match (mode, until) {
        (Some(mode), Some(until)) => Some(Retention { mode, until }),
        (None, None) => None,
        _ => return Err(given.malformed("needs both Mode and RetainUntilDate, or neither")),
    };
    given.finish()?;
    parameters.finish()?;
    Ok(Operation::Retention(SetRetention { retention, bypass_governance }))
}

/// Writes the element's children.
pub(super) fn write(writer: &mut Writer, set: SetRetention) {
    if set.bypass_governance {
        writer.leaf("BypassGovernanceRetention", true);
    }
    writer.within("Retention", |w| {
        if let Some(Retention { mode, until }) = set.retention {
            w.leaf("RetainUntilDate", times::iso(until));
            w.leaf("Mode", mode.name());
        }
    });
}
