//! Outcome parts, as the job store keeps them: a decoded outcome survives encoding and decoding.

use brigade_engine::outcomes::SliceOutcomes;
use brigade_engine::outcomes::codec::PartBuilder;
use bytes::Bytes;

const TASKS: u32 = 4096;

pub(crate) fn check(bytes: &[u8]) {
    let Ok(outcomes) = SliceOutcomes::of_parts(TASKS, &[(0, Bytes::copy_from_slice(bytes))]) else { return };
    let known = (0..TASKS).filter_map(|offset| Some((offset, outcomes.get(offset)?.clone())));
    let mut parts = Vec::new();
    let mut part = PartBuilder::default();
    for (offset, outcome) in known {
        if part.add(offset, outcome) {
            parts.push(std::mem::take(&mut part));
        }
    }
    parts.push(part);
    let written = (0..).zip(parts.into_iter().filter(|part| !part.is_empty()).map(|part| part.finish().bytes));
    let again = SliceOutcomes::of_parts(TASKS, &written.collect::<Vec<_>>()).expect("what we write we read");
    for offset in 0..TASKS {
        assert_eq!(
            again.get(offset).map(|outcome| outcome.is_success()),
            outcomes.get(offset).map(|outcome| outcome.is_success()),
            "an outcome changed its nature"
        );
    }
}
