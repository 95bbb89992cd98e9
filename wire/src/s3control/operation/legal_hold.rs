//! `S3PutObjectLegalHold`: puts each object under legal hold, or lifts it.

use brigade_model::Operation;
use brigade_model::operation::LegalHold;

use crate::s3control::{Fields, S3ControlError};
use crate::xml::Writer;

/// Reads the element's children.
pub(super) fn read(mut parameters: Fields<'_>) -> Result<Operation, S3ControlError> {
    let hold = parameters.container("LegalHold")?;
    let mut hold = parameters.required("LegalHold", hold)?;
    let is_held = hold.choice("Status", [true, false].map(|is_held| (status(is_held), is_held)))?;
    let is_held = hold.required("Status", is_held)?;
    hold.finish()?;
    parameters.finish()?;
    Ok(Operation::LegalHold(LegalHold { is_held }))
}

/// Writes the element's children.
pub(super) fn write(writer: &mut Writer, hold: LegalHold) {
    writer.within("LegalHold", |w| w.leaf("Status", status(hold.is_held)));
}

pub(in crate::s3control) fn status(is_held: bool) -> &'static str {
    if is_held { "ON" } else { "OFF" }
}
