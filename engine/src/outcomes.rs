//! Outcomes of a slice's tasks, in parts.
//!
//! [`codec`] packs outcomes into parts and unpacks them; [`Done`] says which tasks have an outcome,
//! so that a worker knows where to continue; [`SliceOutcomes`] holds each outcome, for the report.
//! A task is named by its *offset*, its number within the slice.

pub mod codec;

use std::collections::HashMap;
use std::ops::Range;

use brigade_model::Outcome;
use bytes::Bytes;

pub use codec::{FinishedPart, PartBuilder, PartReader, ReadPartError, Recorded};

/// Which tasks of a slice have an outcome: one bit a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    tasks: u32,
    bits: Vec<u64>,
    /// No task before this one is without an outcome.
    first_missing: u32,
}

impl Done {
    /// No outcome yet.
    #[must_use]
    pub fn none(tasks: u32) -> Self {
        Self { tasks, bits: vec![0; tasks.div_ceil(64) as usize], first_missing: 0 }
    }

    /// What the parts of a slice of `tasks` tasks have recorded.
    ///
    /// # Errors
    /// [`ReadPartError`].
    pub fn of_parts(tasks: u32, parts: &[(u64, Bytes)]) -> Result<Self, ReadPartError> {
        let mut done = Self::none(tasks);
        for recorded in parts.iter().flat_map(|(_, bytes)| PartReader::open(bytes)) {
            done.add(recorded?.offsets)?;
        }
        Ok(done)
    }

    /// Whether the task has an outcome.
    #[must_use]
    pub fn has(&self, offset: u32) -> bool {
        self.bits.get(offset as usize / 64).is_some_and(|word| word >> (offset % 64) & 1 == 1)
    }

    /// The first task without an outcome; `None` when each has one.
    #[must_use]
    pub fn first_missing(&self) -> Option<u32> {
        (self.first_missing < self.tasks).then_some(self.first_missing)
    }

    /// Tasks in `offsets` without an outcome.
    pub fn missing_in(&self, offsets: Range<u32>) -> impl Iterator<Item = u32> {
        let end = offsets.end.min(self.tasks);
        (offsets.start.max(self.first_missing)..end).filter(|offset| !self.has(*offset))
    }

    /// The tasks have an outcome now.
    ///
    /// # Errors
    /// [`ReadPartError::Twice`], [`ReadPartError::Beyond`]: an invariant is broken.
    pub fn add(&mut self, offsets: Range<u32>) -> Result<(), ReadPartError> {
        if offsets.end > self.tasks {
            return Err(ReadPartError::Beyond { offset: offsets.end - 1, tasks: self.tasks });
        }
        for offset in offsets {
            let (word, bit) = (&mut self.bits[offset as usize / 64], 1 << (offset % 64));
            if *word & bit != 0 {
                return Err(ReadPartError::Twice(offset));
            }
            *word |= bit;
        }
        while self.first_missing < self.tasks && self.has(self.first_missing) {
            self.first_missing += 1;
        }
        Ok(())
    }
}

/// Every outcome of a slice. Its size grows with the outcomes that are not plain successes.
#[derive(Debug)]
pub struct SliceOutcomes {
    done: Done,
    /// Those that are not plain successes.
    others: HashMap<u32, Outcome>,
}

impl SliceOutcomes {
    /// What the parts of a slice of `tasks` tasks have recorded.
    ///
    /// # Errors
    /// [`ReadPartError`].
    pub fn of_parts(tasks: u32, parts: &[(u64, Bytes)]) -> Result<Self, ReadPartError> {
        let mut outcomes = Self { done: Done::none(tasks), others: HashMap::new() };
        for recorded in parts.iter().flat_map(|(_, bytes)| PartReader::open(bytes)) {
            let Recorded { offsets, outcome } = recorded?;
            outcomes.done.add(offsets.clone())?;
            if outcome != Outcome::Succeeded {
                outcomes.others.insert(offsets.start, outcome);
            }
        }
        Ok(outcomes)
    }

    /// The outcome of a task; `None` when it has none.
    #[must_use]
    pub fn get(&self, offset: u32) -> Option<&Outcome> {
        self.done.has(offset).then(|| self.others.get(&offset).unwrap_or(&Outcome::Succeeded))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_task_without_an_outcome_moves_over_those_that_have_one() {
        let mut done = Done::none(130);
        assert_eq!(done.first_missing(), Some(0));
        done.add(1..64).unwrap();
        assert_eq!(done.first_missing(), Some(0));
        done.add(0..1).unwrap();
        assert_eq!(done.first_missing(), Some(64));
        done.add(65..129).unwrap();
        assert_eq!(done.missing_in(0..200).collect::<Vec<_>>(), [64, 129]);
        done.add(64..65).unwrap();
        done.add(129..130).unwrap();
        assert_eq!(done.first_missing(), None);
        assert!(done.has(129) && !done.has(130) && !done.has(u32::MAX));
    }

    #[test]
    fn an_outcome_too_many_is_an_error() {
        let mut done = Done::none(3);
        done.add(1..2).unwrap();
        assert_eq!(done.add(0..2), Err(ReadPartError::Twice(1)));
        assert_eq!(done.add(2..4), Err(ReadPartError::Beyond { offset: 3, tasks: 3 }));
    }
}
