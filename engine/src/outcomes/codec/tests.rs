use std::collections::BTreeMap;

use proptest::prelude::*;

use brigade_model::outcome::TaskEffect;

use super::*;
use crate::outcomes::{Done, SliceOutcomes};

fn finish(outcomes: impl IntoIterator<Item = (u32, Outcome)>) -> FinishedPart {
    let mut part = PartBuilder::default();
    for (offset, outcome) in outcomes {
        part.add(offset, outcome);
    }
    part.finish()
}

fn noted(message: &str) -> Outcome {
    Outcome::SucceededWith { message: message.to_owned() }
}

#[test]
fn a_plain_success_costs_less_than_a_bit() {
    let part = finish((0..1000).map(|offset| (offset, Outcome::Succeeded)));
    assert!(part.bytes.len() <= 6, "{} bytes", part.bytes.len());
    assert_eq!((part.succeeded, part.failed), (1000, 0));
}

#[test]
fn failures_that_are_alike_cost_little() {
    let failed = |n: u32| Outcome::failed("NoSuchKey", Some(404), format!("the key is gone (request {n:08x})"));
    let part = finish((0..1000).map(|n| (n, failed(n))));
    assert!(part.bytes.len() < 16 * 1024, "{} bytes", part.bytes.len());
    let read: Vec<_> = PartReader::open(&part.bytes).collect::<Result<_, _>>().unwrap();
    assert_eq!(read[999], Recorded { offsets: 999..1000, outcome: failed(999) });
}

#[test]
fn a_part_is_full_at_a_thousand_outcomes_or_256_kib() {
    let mut part = PartBuilder::default();
    assert!(part.is_empty());
    assert_eq!((0..1000).filter(|n| part.add(*n, Outcome::Succeeded)).collect::<Vec<_>>(), [999]);
    let mut part = PartBuilder::default();
    let message = "x".repeat(5000);
    let full_at = (0..).find(|n| part.add(*n, Outcome::failed("A", None, &message))).unwrap();
    assert!((200..=260).contains(&full_at), "{full_at}");
    let finished = part.finish();
    let read: Vec<_> = PartReader::open(&finished.bytes).collect::<Result<_, _>>().unwrap();
    let Outcome::Failed(failure) = &read[0].outcome else { panic!("a failure") };
    assert_eq!(failure.message.len(), OUTCOME_MESSAGE_BYTES_MAX);
}

#[test]
fn an_outcome_given_twice_is_counted_once() {
    let part = finish([(3, Outcome::Succeeded), (3, Outcome::failed("A", None, "b"))]);
    assert_eq!((part.succeeded, part.failed), (1, 0));
}

#[test]
fn a_damaged_part_is_an_error() {
    let failed = (0..20).map(|n| (2 * n, Outcome::failed("AccessDenied", Some(403), format!("no {n}"))));
    let part = finish(failed.chain([(41, noted("x")), (42, Outcome::Succeeded)])).bytes;
    assert_eq!(part[1], ZSTD);
    for end in 0..part.len() {
        assert!(PartReader::open(&part[..end]).any(|entry| entry.is_err()), "cut off at {end}");
    }
    let first = |bytes: &[u8]| PartReader::open(bytes).next().unwrap().unwrap_err();
    assert_eq!(first(&[3, 0]), ReadPartError::Format(3, 0));
    assert_eq!(first(&[1, 7]), ReadPartError::Format(1, 7));
    assert!(matches!(first(&[1, 0, 3]), ReadPartError::Damaged(_)), "a kind that format 1 does not have");
    assert!(matches!(first(&[2, 0, 0, 0]), ReadPartError::Damaged(_)), "an empty run");
}

#[test]
fn parts_that_contradict_each_other_or_their_slice_are_an_error() {
    let part = |offsets: Range<u32>| (0, finish(offsets.map(|offset| (offset, Outcome::Succeeded))).bytes);
    assert_eq!(Done::of_parts(9, &[part(0..3), part(2..4)]), Err(ReadPartError::Twice(2)));
    let error = SliceOutcomes::of_parts(3, &[part(0..4)]).unwrap_err();
    assert_eq!(error, ReadPartError::Beyond { offset: 3, tasks: 3 });
}

/// A run of 2 from 0; a success with a message after 5 more; a failure after 1 more.
const ENTRIES: &str = "000215046b65707406094e6f537563684b6579940304676f6e65";

#[test]
fn format_2_is_what_it_was() {
    let gone = Outcome::failed("NoSuchKey", Some(404), "gone");
    let in_doubt = Outcome::unconfirmed(None, "lost");
    let outcomes = [(0, Outcome::Succeeded), (1, Outcome::Succeeded), (7, noted("kept")), (9, gone), (10, in_doubt)];
    let part = finish(outcomes);
    let written_then = "0200".to_owned() + ENTRIES + "030b556e636f6e6669726d656400046c6f7374";
    assert_eq!(hex::encode(&part.bytes), written_then);
}

/// A part of format 1 with one failure of this code.
fn failure_of_format_1(code: &str, message: &str) -> Outcome {
    let part = finish([(0, Outcome::failed(code, Some(403), message))]).bytes;
    let bytes: Vec<u8> = [1].into_iter().chain(part.slice(1..)).collect();
    let mut read = PartReader::open(&bytes);
    read.next().unwrap().unwrap().outcome
}

#[test]
fn failures_of_format_1_are_of_unknown_effect_unless_their_code_is_a_refusal() {
    let part = hex::decode("0100".to_owned() + ENTRIES).unwrap();
    let read: Vec<_> = PartReader::open(&part).collect::<Result<_, _>>().unwrap();
    assert_eq!(read.len(), 3);
    assert_eq!(read[2].outcome, Outcome::failed("NoSuchKey", Some(404), "gone").of_unknown_effect());
    for code in ["Unconfirmed", "ChangedSinceAttempt", "AccessDenied", "RequestTimeout", "InternalError", "Own"] {
        assert_eq!(failure_of_format_1(code, "no").effect(), TaskEffect::Unknown, "{code}");
    }
    for code in REFUSALS {
        assert_eq!(failure_of_format_1(code, "no").effect(), TaskEffect::None, "{code}");
        let behind = failure_of_format_1(code, "the object was copied; putting its ACL failed: no");
        assert_eq!(behind.effect(), TaskEffect::Unknown, "{code}");
    }
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        6 => Just(Outcome::Succeeded),
        1 => ".{0,30}".prop_map(|message| Outcome::SucceededWith { message }),
        2 => ("[A-Za-z]{0,20}", prop::option::of(100_u16..600), ".{0,60}")
            .prop_map(|(code, status, message)| Outcome::failed(code, status, message)),
        1 => ".{0,30}".prop_map(|message| Outcome::unconfirmed(None, message)),
    ]
}

proptest! {
    #[test]
    fn parts_hold_what_a_plain_map_would(
        outcomes in prop::collection::hash_map(0_u32..3000, any_outcome(), 0..300),
        part_size in 1_usize..200,
    ) {
        // A hash map's order is as good a completion order as any.
        let completed: Vec<(u32, Outcome)> = outcomes.clone().into_iter().collect();
        let finished: Vec<FinishedPart> = completed.chunks(part_size).map(|part| finish(part.iter().cloned())).collect();
        let parts: Vec<(u64, Bytes)> = (0..).zip(finished.iter().map(|part| part.bytes.clone())).collect();

        let expected: BTreeMap<u32, Outcome> = outcomes.into_iter().collect();
        let slice = SliceOutcomes::of_parts(3000, &parts).unwrap();
        let done = Done::of_parts(3000, &parts).unwrap();
        for offset in 0..3000 {
            prop_assert_eq!(slice.get(offset), expected.get(&offset));
            prop_assert_eq!(done.has(offset), expected.contains_key(&offset));
        }
        prop_assert_eq!(done.first_missing(), (0..3000).find(|offset| !expected.contains_key(offset)));
        let succeeded: u32 = finished.iter().map(|part| part.succeeded).sum();
        let failed: u32 = finished.iter().map(|part| part.failed).sum();
        prop_assert_eq!(succeeded as usize, expected.values().filter(|outcome| outcome.is_success()).count());
        prop_assert_eq!(failed as usize, expected.values().filter(|outcome| !outcome.is_success()).count());
    }

    #[test]
    fn any_bytes_are_a_part_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let part: Vec<u8> = [FORMAT, PLAIN].into_iter().chain(bytes).collect();
        let _ = SliceOutcomes::of_parts(100, &[(0, Bytes::from(part))]);
    }
}
