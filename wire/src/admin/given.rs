//! Numbers of a request, read strictly: what is null, absent or out of bounds is told apart.

use std::num::{NonZeroU32, NonZeroU64};

use brigade_model::limits::PRIORITY_MAX;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Number;

/// The greatest number that every reader of JSON reads exactly: 2^53 - 1.
pub(super) const BYTES_MAX: u64 = (1 << 53) - 1;

pub(super) type GivenCount = Option<Option<NonZeroU32>>;
pub(super) type GivenBytes = Option<Option<NonZeroU64>>;

pub(super) fn given_count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<GivenCount, D::Error> {
    let narrow = |count| NonZeroU32::try_from(count).expect("it is within its bounds");
    given_whole(deserializer, u32::MAX.into()).map(|given| given.map(|count| count.map(narrow)))
}

pub(super) fn given_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<GivenBytes, D::Error> {
    given_whole(deserializer, BYTES_MAX)
}

/// A priority, if one is given; the handler refuses one below 0.
pub(super) fn given_priority<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i32>, D::Error> {
    given_number(deserializer, &format!("up to {PRIORITY_MAX}"))
}

/// A number of hours, if one is given; the handler refuses one out of its bounds.
pub(super) fn given_hours<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    given_number(deserializer, "of hours")
}

fn given_number<'de, D: Deserializer<'de>, T: TryFrom<i64>>(
    deserializer: D,
    which: &str,
) -> Result<Option<T>, D::Error> {
    let Some(number) = Option::<Number>::deserialize(deserializer)? else { return Ok(None) };
    let within = whole(&number).and_then(|whole| T::try_from(whole).ok());
    within.map(Some).ok_or_else(|| D::Error::custom(format!("{number} is no whole number {which}")))
}

/// A priority that must be given; the handler refuses one below 0.
pub(super) fn needed_priority<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    given_priority(deserializer)?.ok_or_else(|| D::Error::custom("a priority is needed"))
}

/// JSON tells no whole number from 5.0, so that is one.
pub(super) fn whole(number: &Number) -> Option<i64> {
    const MOST: f64 = BYTES_MAX as f64;
    let of_float = || number.as_f64().filter(|float| float.fract() == 0.0 && (-MOST..=MOST).contains(float));
    number.as_i64().or_else(|| of_float().map(|float| float as i64))
}

/// A field that stands there, be it null.
pub(super) fn given_whole<'de, D: Deserializer<'de>>(deserializer: D, max: u64) -> Result<GivenBytes, D::Error> {
    let Some(number) = Option::<Number>::deserialize(deserializer)? else { return Ok(Some(None)) };
    let within = whole(&number).and_then(|whole| u64::try_from(whole).ok()).filter(|whole| *whole <= max);
    let within = within.and_then(NonZeroU64::new);
    within
        .map(|whole| Some(Some(whole)))
        .ok_or_else(|| D::Error::custom(format!("{number} is no whole number from 1 to {max}")))
}
