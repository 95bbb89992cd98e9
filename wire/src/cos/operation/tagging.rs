//! `COSPutObjectTagging`: a directive and a set of tags.
//!
//! An empty set is refused: it would take every tag off every object, and an empty element
//! counts as absent everywhere else on this wire.

use brigade_model::operation::{Directive, Tagging};

use super::{read_directive, read_tags, write_tags};
use crate::cos::CosError;
use crate::cos::fields::Fields;
use crate::cos::words::directive_name;
use crate::xml::Writer;

/// Reads the element's children.
pub(super) fn read(mut tagging: Fields<'_>) -> Result<Tagging, CosError> {
    let directive = read_directive(&mut tagging, "TaggingDirective", &[Directive::Replaced, Directive::Add])?;
    let tags = tagging.container("TagSet")?.map(read_tags).transpose()?;
    let tags = tagging.required("TagSet", tags)?;
    tagging.finish()?;
    Ok(Tagging { directive, tags })
}

/// Writes the element's children.
pub(super) fn write(writer: &mut Writer, tagging: &Tagging) {
    writer.leaf_if("TaggingDirective", tagging.directive.map(directive_name));
    write_tags(writer, "TagSet", &tagging.tags);
}
