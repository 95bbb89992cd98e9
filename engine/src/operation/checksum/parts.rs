//! The sizes of the parts that an object was uploaded in, as far as its store tells them.
//!
//! They are taken only where they make the object: a store that does not know parts answers for the whole object
//! each time.

use brigade_model::limits::PARTS_MAX;
use brigade_model::ports::object_store::{At, CallError, HeadPart, ObjectHead, PartHead};

use super::super::failure::{Doing, End, reject};
use super::super::source::source_changed;
use super::super::task_context::TaskContext;

/// The code of an object whose parts its store does not tell.
const PARTS_NOT_TOLD: &str = "PartsNotTold";

/// The size of each part, in order. The bytes of a part are pinned to the object's ETag when they are read: what is
/// told of a part may have its own.
pub(super) async fn read_sizes(context: &TaskContext<'_>, at: &At, head: &ObjectHead) -> Result<Vec<u64>, End> {
    let first = read_part(context, at, 1).await?;
    let parts = first.parts.filter(|parts| (1..=PARTS_MAX).contains(parts)).ok_or_else(|| {
        not_told("the store tells no parts: the object was put in one piece, or its store does not tell them")
    })?;
    // The answers of a dry run have none.
    if parts > 1 && head.etag.is_none() && !context.slice.is_dry_run {
        return Err(not_told("the store tells no ETag, so nothing shows that its parts are of one object"));
    }
    let (mut sizes, mut sum) = (vec![first.size], first.size);
    for part in 2..=parts {
        let told = read_part(context, at, part).await?;
        sum = sum.saturating_add(told.size);
        if told.parts != Some(parts) || sum > head.size {
            break;
        }
        sizes.push(told.size);
    }
    if sizes.len() != parts as usize || sum != head.size {
        let size = head.size;
        return Err(not_told(&format!(
            "the {parts} parts that the store tells do not make the object of {size} bytes"
        )));
    }
    Ok(sizes)
}

async fn read_part(context: &TaskContext<'_>, at: &At, part: u32) -> Result<PartHead, End> {
    let request = HeadPart { at: at.clone(), version: context.task.version.clone(), part };
    match context.send(&context.slice.source, request).await {
        // The object was there when it was looked at, and had this part when the first was told.
        Err(error) if is_of_another_state(&error, part) => Err(source_changed()),
        told => told.doing("reading the size of a part"),
    }
}

/// Whether the object was deleted since, or put in fewer parts. A bucket that is gone is no state of its objects.
fn is_of_another_state(error: &CallError, part: u32) -> bool {
    match error.http_status {
        Some(404) => error.lasting.is_none(),
        Some(416) => part > 1,
        _ => false,
    }
}

fn not_told(why: &str) -> End {
    reject(PARTS_NOT_TOLD, None, format!("{why}; a checksum of all bytes (FULL_OBJECT) can be computed of it"))
}
