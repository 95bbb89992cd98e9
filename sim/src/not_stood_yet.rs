//! What the engine does not stand yet: left out of seeds until it is mended, and tried by hand
//! (`brigade-sim --habit NAME`). Whoever mends one takes it off; in the end this file goes.

use brigade_s3::simulated::Habit;

/// Habits that no seed's store has by itself, each with what is seen then.
pub const HABITS: &[(Habit, &str)] = &[
    (Habit::DeniesWhatIsAbsent, "a look gets 403: a failure that hides its effect"),
    (Habit::ClockIsBehind, "what somebody wrote after a lost attempt is destroyed"),
    (Habit::ClockIsAhead, "ChangedSinceAttempt of objects that nobody touched"),
    (Habit::IgnoresSourceConditions, "new bytes with old metadata"),
    (Habit::HasNoPartCopies, "new bytes with old metadata, where conditions are unproved"),
    (Habit::HeadHasNoCode, "a HEAD that finds no bucket proves that an object is deleted; NotFound for NoSuchKey"),
    (Habit::SendsZeros, "zeros are copied as a success"),
    (Habit::Decompresses, "plain bytes marked gzip"),
    (Habit::IgnoresVersions, "the current object is deleted for the version that a row names"),
    (Habit::IgnoresMetadataOfCopies, "a success with the metadata of the source"),
    (Habit::FoldsKeys, "an object that nobody listed is deleted or overwritten"),
    (Habit::OneKeyIsUnreadable, "the job never ends"),
];
