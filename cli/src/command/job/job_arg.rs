//! A job on the command line: its id, or the beginning of an id that no other job has.
//!
//! Ids are in the order of creation and lists go by them, so one page of each list that begins at the
//! first id with that beginning tells whether it names one job.

use std::fmt;
use std::str::FromStr;

use brigade_client::{Client, ClientError};
use brigade_config::nearest::nearest;
use brigade_config::{Explained, UsageError};
use brigade_model::JobId;
use brigade_model::job::Dialect;
use brigade_wire::admin::JobQuery;
use brigade_wire::cos::list_jobs::ListQuery;

use super::{found, list};
use crate::printer;

/// Fewer characters would name a job by chance.
const LENGTH_MIN: usize = 4;
/// The digits of an id.
const DIGITS: usize = 32;
/// Candidates that are told of when a beginning is not one job's only.
const CANDIDATES_SHOWN: usize = 10;

/// The text that names a job, as hexadecimal digits without hyphens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobArg(String);

impl FromStr for JobArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits: String = text.chars().filter(|c| *c != '-').map(|c| c.to_ascii_lowercase()).collect();
        let is_some_id = digits.chars().all(|c| c.is_ascii_hexdigit()) && (LENGTH_MIN..=DIGITS).contains(&digits.len());
        is_some_id.then_some(Self(digits)).ok_or_else(|| {
            format!("takes the id of a job, or its first characters, {LENGTH_MIN} at least: see 'brigade job list'")
        })
    }
}

impl fmt::Display for JobArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hyphenated(&self.0))
    }
}

impl JobArg {
    /// The job that it names. A whole id is taken as it is; only a beginning asks the service.
    ///
    /// # Errors
    /// [`Explained`] when no job or more than one begins so; [`ClientError`] when the service does not tell.
    pub async fn resolve(&self, client: &Client) -> anyhow::Result<JobId> {
        if self.0.len() == DIGITS {
            return Ok(self.first());
        }
        let candidates = self.candidates(client).await?;
        match candidates.as_slice() {
            [job] => Ok(*job),
            [] => Err(self.unknown(client).await?.into()),
            _ => Err(self.ambiguous(client, &candidates).await?.into()),
        }
    }

    /// The first id that begins so.
    fn first(&self) -> JobId {
        let number = u128::from_str_radix(&format!("{:0<DIGITS$}", self.0), 16);
        JobId::from_bytes(number.expect("the digits are hexadecimal, 32 of them").to_be_bytes())
    }

    fn is_of(&self, job: JobId) -> bool {
        digits_of(job).starts_with(&self.0)
    }

    /// The first jobs that begin so, one more than are shown at most.
    async fn candidates(&self, client: &Client) -> Result<Vec<JobId>, ClientError> {
        let after = u128::from_be_bytes(*self.first().as_bytes()).checked_sub(1);
        let after = after.map(|number| JobId::from_bytes(number.to_be_bytes()));
        let query = ListQuery { max_results: CANDIDATES_SHOWN + 1, next: after, ..ListQuery::default() };
        let mut jobs: Vec<JobId> = client.list_jobs(&query).await?.value.jobs.iter().map(|job| job.id).collect();
        let query = JobQuery {
            dialect: Some(Dialect::S3Control),
            after,
            max: Some(CANDIDATES_SHOWN + 1),
            ..JobQuery::default()
        };
        match client.list_jobs_of_dialects(&query).await {
            Ok(answer) => jobs.extend(answer.value.jobs.iter().filter_map(|job| job.job.parse::<JobId>().ok())),
            // Another service has no such API, and a key need not be allowed to use it.
            Err(error) if found::is_denied(&error) || !found::has_such_api(&error) => {}
            Err(error) => return Err(error),
        }
        jobs.retain(|job| self.is_of(*job));
        jobs.sort();
        Ok(jobs)
    }

    async fn unknown(&self, client: &Client) -> anyhow::Result<Explained> {
        let what = UsageError(format!("no job begins with {self}"));
        let ids: Vec<String> = list::fetch(client, &[], None).await?.ids().collect();
        let length = self.0.len();
        let alike = nearest(&self.0, ids.iter().filter_map(|id| id.get(..length)));
        let meant = alike.and_then(|alike| ids.iter().find(|id| id.starts_with(alike)));
        let advice = match meant {
            Some(id) => format!("did you mean {}?", hyphenated(id)),
            None => "see which there are: brigade job list".to_owned(),
        };
        Ok(Explained::new(what, [advice]))
    }

    async fn ambiguous(&self, client: &Client, candidates: &[JobId]) -> anyhow::Result<Explained> {
        let what = UsageError(format!("{self} begins the ids of several jobs: say more of it"));
        let shown = &candidates[..candidates.len().min(CANDIDATES_SHOWN)];
        // The lines stand below the error, two blanks to the right.
        let width = printer::width_of_errors().map(|width| width.saturating_sub(2));
        let table = list::fetch(client, &[], None).await?.only(shown, width);
        let more = (candidates.len() > CANDIDATES_SHOWN).then(|| "and others: brigade job list --all".to_owned());
        Ok(Explained::new(what, table.lines().map(str::to_owned).chain(more)))
    }
}

/// The digits of an id.
pub(super) fn digits_of(job: JobId) -> String {
    hex::encode(job.as_bytes())
}

/// Digits of an id with its hyphens.
pub(super) fn hyphenated(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + 4);
    for (at, digit) in digits.chars().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use brigade_client::stub::Stub;
    use brigade_runtime::SystemClock;

    use super::super::list::tests::{other_page, page_of};
    use super::*;

    const ONE: &str = "01978a00-0000-7000-8000-000000000001";
    const TWO: &str = "01978a00-0000-7000-8000-000000000002";
    const THIRD: &str = "01978a00-1111-7000-8000-000000000003";

    async fn resolve(text: &str, script: Vec<(u16, String)>) -> (anyhow::Result<JobId>, Stub) {
        let stub = Stub::scripted(script, Arc::new(SystemClock::new())).await;
        (text.parse::<JobArg>().unwrap().resolve(&stub.client).await, stub)
    }

    #[tokio::test]
    async fn the_beginning_of_an_id_names_the_only_job_that_has_it() {
        for text in ["01978a00-1111", "01978a001", "01978A00-1", "01978a00-1111-7000-8000-00000000000"] {
            let (job, stub) = resolve(text, vec![page_of(&[THIRD]), other_page(&[])]).await;
            assert_eq!(job.unwrap().to_string(), THIRD, "{text}");
            let (line, ..) = stub.asked();
            assert!(line.contains("after=01978a00-"), "only what may begin so is asked for: {line}");
        }
        let (job, _) = resolve("01978a00-0", vec![page_of(&[THIRD]), other_page(&[TWO])]).await;
        assert_eq!(job.unwrap().to_string(), TWO, "a job of another dialect");
    }

    #[tokio::test]
    async fn a_whole_id_asks_nothing() {
        let (job, _) = resolve(ONE, vec![(500, String::new())]).await;
        assert_eq!(job.unwrap().to_string(), ONE);
    }

    #[tokio::test]
    async fn a_beginning_of_several_ids_lists_its_candidates() {
        let both = || vec![page_of(&[ONE]), other_page(&[TWO])];
        let (refused, _) = resolve("01978a00-0000", [both(), vec![other_page(&[TWO, ONE])]].concat()).await;
        let refused = refused.unwrap_err();
        let Explained { what, below } = refused.downcast_ref().unwrap();
        assert_eq!(what.to_string(), "01978a00-0000 begins the ids of several jobs: say more of it");
        assert!(below.iter().any(|line| line.contains(ONE)) && below.iter().any(|line| line.contains(TWO)));
    }

    #[tokio::test]
    async fn a_slip_in_an_id_is_asked_back() {
        let script = vec![page_of(&[ONE]), other_page(&[]), other_page(&[THIRD, ONE])];
        let (refused, _) = resolve("01978b00-1111", script).await;
        let refused = refused.unwrap_err();
        let Explained { what, below } = refused.downcast_ref().unwrap();
        assert_eq!(what.to_string(), "no job begins with 01978b00-1111");
        assert_eq!(below, &[format!("did you mean {THIRD}?")]);
    }

    #[test]
    fn what_begins_no_id_is_refused_with_what_is_taken() {
        for text in ["", "019", "nightly", "01978a00-0000-7000-8000-0000000000011"] {
            assert!(text.parse::<JobArg>().unwrap_err().contains("4 at least"), "{text:?}");
        }
    }
}
