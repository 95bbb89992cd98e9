//! Compares a report with the objects that it should account for.

use std::collections::HashMap;
use std::ops::ControlFlow;

use anyhow::{bail, ensure};
use brigade_model::names::{BucketName, ObjectKey};
use brigade_model::ports::ObjectStore;

use crate::report::{self, ReportManifest, Row};

/// What a report says, once it is known to account for each object exactly once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Account {
    /// Objects that are done.
    pub(super) succeeded: u64,
    /// Objects that are not.
    pub(super) failed: u64,
    /// The first rows.
    pub(super) first: Vec<Row>,
}

/// How many of the first rows are kept.
const FIRST_ROWS: usize = 5;

/// Reads the whole report and strikes each row from the list of objects.
///
/// # Errors
/// When a row names an object that is none or that another row named before, or an object has
/// no row, or a file of the report is not what the report says.
pub(super) async fn check(
    store: &dyn ObjectStore,
    manifest: &ReportManifest,
    bucket: &BucketName,
    keys: &[ObjectKey],
) -> anyhow::Result<Account> {
    let mut ledger = Ledger::new(bucket, keys);
    for file in &manifest.results {
        let mut wrong = None;
        let take = |row| match ledger.strike(row, file.is_of_failures()) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                wrong = Some(error);
                ControlFlow::Break(())
            }
        };
        report::read_rows(store, manifest, file, |_| Ok(()), take).await?;
        if let Some(error) = wrong {
            return Err(error);
        }
    }
    ledger.close()
}

/// Objects, each with whether a row named it.
struct Ledger<'a> {
    bucket: &'a BucketName,
    is_struck: HashMap<&'a str, bool>,
    account: Account,
}

impl<'a> Ledger<'a> {
    fn new(bucket: &'a BucketName, keys: &'a [ObjectKey]) -> Self {
        let is_struck = keys.iter().map(|key| (key.as_str(), false)).collect();
        Self { bucket, is_struck, account: Account::default() }
    }

    fn strike(&mut self, row: Row, is_failure: bool) -> anyhow::Result<()> {
        let Row { bucket, key, status, .. } = &row;
        ensure!(bucket == self.bucket.as_str(), "the report names {key:?} of bucket {bucket}");
        match self.is_struck.get_mut(key.as_str()) {
            None => bail!("the report names {key:?}, which is no object of the manifest"),
            Some(true) => bail!("the report names {key:?} twice"),
            Some(is_struck) => *is_struck = true,
        }
        let (count, word) = match is_failure {
            true => (&mut self.account.failed, "failed"),
            false => (&mut self.account.succeeded, "succeeded"),
        };
        ensure!(status == word, "the report's file of tasks that {word} says {status} of {key:?}");
        *count += 1;
        if self.account.first.len() < FIRST_ROWS {
            self.account.first.push(row);
        }
        Ok(())
    }

    fn close(self) -> anyhow::Result<Account> {
        let missing = self.is_struck.iter().filter(|(_, is_struck)| !**is_struck).map(|(key, _)| key);
        let missing: Vec<_> = missing.collect();
        if let Some(key) = missing.iter().min() {
            bail!("the report does not name {} objects, such as {key:?}", missing.len());
        }
        Ok(self.account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Key, status, and whether it stands in a file of failures.
    type Reported = (&'static str, &'static str, bool);

    fn strike_all(keys: &[&str], rows: &[Reported]) -> Result<Account, String> {
        let bucket = "photos".parse().unwrap();
        let keys: Vec<ObjectKey> = keys.iter().map(|key| key.parse().unwrap()).collect();
        let mut ledger = Ledger::new(&bucket, &keys);
        for (key, status, is_failure) in rows {
            let row = Row { bucket: "photos".into(), key: (*key).into(), status: (*status).into(), ..Row::default() };
            ledger.strike(row, *is_failure).map_err(|error| error.to_string())?;
        }
        ledger.close().map_err(|error| error.to_string())
    }

    #[test]
    fn a_report_that_names_each_object_once_is_counted() {
        let account = strike_all(
            &["a", "b", "c"],
            &[("c", "succeeded", false), ("a", "failed", true), ("b", "succeeded", false)],
        );
        let account = account.unwrap();
        assert_eq!((account.succeeded, account.failed, account.first.len()), (2, 1, 3));
    }

    #[test]
    fn a_report_that_misses_repeats_or_invents_an_object_is_refused() {
        let cases: [(&[Reported], &str); 4] = [
            (&[("a", "succeeded", false)], "does not name 1 objects, such as \"b\""),
            (&[("a", "succeeded", false), ("a", "succeeded", false)], "names \"a\" twice"),
            (&[("x", "succeeded", false)], "no object of the manifest"),
            (&[("a", "failed", false)], "says failed of \"a\""),
        ];
        for (rows, told) in cases {
            let error = strike_all(&["a", "b"], rows).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }
}
