//! Finds copies of one job that would overwrite each other: a replaced prefix makes a key that
//! another row, whose own key begins with the new prefix, has already.
//!
//! ```text
//! old/ -> new/      old/a -> new/a      new/a -> new/a       two rows, one target
//! (none) -> new/    a     -> new/a      new/a -> new/new/a   in one bucket: a copy over a source
//! ```
//!
//! It counts such rows, and the job tells its user. Where two of the rows held certainly have one
//! target the job fails, unless its option `shared-targets` allows that: without a confirmation the
//! job would silently lose one of two objects. It holds a bounded number of rows, so in a large
//! manifest it does not always see that.

use std::collections::HashSet;

use brigade_model::options::Separator;
use brigade_model::{BucketName, ObjectKey, Operation, Task};

use crate::manifest::row::Row;

/// Keys held of each kind: 2 MiB at the most. ours
const KEYS_HELD: usize = 1000;

/// What a job's rows do to each other.
pub(super) struct Overlaps<'a> {
    rename: Option<Rename<'a>>,
    /// By the blank that stands before keys: it is the separator's, or the key's.
    readings: [Met; 2],
}

struct Rename<'a> {
    from: &'a str,
    to: &'a str,
    /// The bucket that is copied into, as the job calls it.
    target: &'a BucketName,
}

/// The rows in one reading.
#[derive(Default)]
struct Met {
    /// Rows that are renamed.
    renamed: u64,
    /// Rows whose place another row's copy may take.
    endangered: u64,
    /// Targets of rows that are not renamed.
    kept_keys: HashSet<ObjectKey>,
    /// Targets of rows that are.
    new_keys: HashSet<ObjectKey>,
    /// A target that two rows have.
    shared: Option<ObjectKey>,
}

impl<'a> Overlaps<'a> {
    pub(super) fn new(operation: &'a Operation) -> Self {
        let rename = match operation {
            Operation::Copy(copy) if copy.prefix_replace == Some(true) => Some(Rename {
                from: copy.resources_prefix.as_deref().unwrap_or_default(),
                to: copy.target_prefix.as_deref().unwrap_or_default(),
                target: &copy.target.bucket,
            }),
            _ => None,
        };
        Self { rename, readings: [Met::default(), Met::default()] }
    }

    /// Takes a row of the manifest in.
    pub(super) fn see(&mut self, row: &Row) {
        let (Some(rename), None) = (&self.rename, row.task.defect) else { return };
        let [with_blank, without] = &mut self.readings;
        without.see(rename, &row.task, &row.task.key);
        match row.is_behind_blank {
            false => with_blank.see(rename, &row.task, &row.task.key),
            true => {
                if let Ok(key) = ObjectKey::new(format!(" {}", row.task.key)) {
                    with_blank.see(rename, &row.task, &key);
                }
            }
        }
    }

    fn met(&self, separator: Separator) -> &Met {
        match separator {
            Separator::Comma => &self.readings[0],
            Separator::CommaBlank => &self.readings[1],
        }
    }

    /// A key that two rows would be copied to.
    pub(super) fn shared_target(&self, separator: Separator) -> Option<&ObjectKey> {
        self.met(separator).shared.as_ref()
    }

    /// What the user should know.
    pub(super) fn note(&self, separator: Separator) -> Option<String> {
        let (Met { endangered, renamed, .. }, rename) = (self.met(separator), self.rename.as_ref()?);
        let is_possible = *endangered > 0 && *renamed > 0;
        let to = rename.to;
        is_possible.then(|| match to {
            "" => format!("{endangered} rows keep their key: a row whose prefix is taken away may be copied over them"),
            _ => format!(
                "{endangered} rows have keys that begin with {to:?} already: other rows may be copied over them"
            ),
        })
    }
}

impl Met {
    fn see(&mut self, rename: &Rename<'_>, task: &Task, key: &ObjectKey) {
        let Rename { from, to, target } = *rename;
        let begins_alike = key.as_str().starts_with(to);
        match key.as_str().strip_prefix(from) {
            Some(rest) => {
                self.renamed += 1;
                // Its own object lies where copies go.
                let is_source_in_reach = !to.is_empty() && begins_alike && from != to && task.bucket == *target;
                self.endangered += u64::from(is_source_in_reach);
                if let Ok(new) = ObjectKey::new(format!("{to}{rest}")) {
                    if self.kept_keys.contains(&new) {
                        self.shared.get_or_insert_with(|| new.clone());
                    }
                    hold(&mut self.new_keys, new);
                }
            }
            None if begins_alike => {
                self.endangered += 1;
                if self.new_keys.contains(key) {
                    self.shared.get_or_insert_with(|| key.clone());
                }
                hold(&mut self.kept_keys, key.clone());
            }
            None => {}
        }
    }
}

fn hold(keys: &mut HashSet<ObjectKey>, key: ObjectKey) {
    if keys.len() < KEYS_HELD {
        keys.insert(key);
    }
}

#[cfg(test)]
mod tests;
