//! Habits that the engine does not withstand yet: seeds leave them out; `brigade-sim --habit NAME` tries
//! one. The change that fixes one takes it off the list; in the end this file goes.

use brigade_s3::simulated::Habit;

/// Habits that no seed chooses by itself, each with its symptom.
pub const HABITS: &[(Habit, &str)] = &[];
