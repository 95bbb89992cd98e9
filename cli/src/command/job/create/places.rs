//! Looks, before anything is listed or uploaded, whether the buckets are there that a job will write to.
//!
//! What is missing for certain is refused. What a look does not tell (a key that may not list, a store that does not answer) is
//! said, and the service decides.

use anyhow::Result;
use brigade_config::{Explained, UsageError};
use brigade_model::ports::object_store::{CancelToken, ListObjectsV2, Verdict, send};
use brigade_model::report::ReportSpec;
use brigade_model::{BucketName, Operation};
use brigade_wire::admin::{PlaceQuery, PlaceState};

use super::CommonArgs;
use crate::command::access::PlaceUse;
use crate::command::job::{CommandContext, found};
use crate::printer::tell;

/// Looks at the buckets of the report and of the copies.
///
/// # Errors
/// [`UsageError`] when one is not there.
pub(super) async fn check(
    context: &CommandContext,
    common: &CommonArgs,
    role: &str,
    operation: &Operation,
    report: &ReportSpec,
) -> Result<()> {
    let report = report.bucket.as_ref().map(|bucket| ("--report", PlaceUse::Report, &bucket.bucket));
    let target = match operation {
        Operation::Copy(copy) => Some(("--to", PlaceUse::Target, &copy.target.bucket)),
        _ => None,
    };
    for (flag, use_of, bucket) in report.into_iter().chain(target) {
        look(context, common, role, flag, use_of, bucket).await?;
    }
    Ok(())
}

/// By the role's own credentials: those of the configuration here, else the service does it.
async fn look(
    context: &CommandContext,
    common: &CommonArgs,
    role: &str,
    flag: &str,
    use_of: PlaceUse,
    bucket: &BucketName,
) -> Result<()> {
    let opened = context.open_place(&common.store, role, use_of);
    if !matches!(opened, Ok((_, true)))
        && let Some(found) = ask_service(context, role, use_of, bucket).await?
    {
        return match (found.is_there, found.why) {
            (Some(true), _) => Ok(()),
            (Some(false), _) => Err(missing(flag, bucket)),
            (None, why) => not_checked(flag, bucket, &why.unwrap_or_default()),
        };
    }
    let (store, is_of_role) = opened?;
    let list = ListObjectsV2 { bucket: bucket.clone(), prefix: String::new(), continuation_token: None, max_keys: 1 };
    match send(&*store, &CancelToken::unbounded(), list).await {
        Ok(_) => Ok(()),
        Err(error) if error.verdict == Verdict::Missing && is_of_role => Err(missing(flag, bucket)),
        Err(error) => not_checked(flag, bucket, &error.to_string()),
    }
}

/// What the service finds; `None` where it does not look, or not for this key.
async fn ask_service(
    context: &CommandContext,
    role: &str,
    use_of: PlaceUse,
    bucket: &BucketName,
) -> Result<Option<PlaceState>> {
    let bucket = Some(bucket.clone());
    let query = match use_of {
        PlaceUse::Target => PlaceQuery { target: bucket, report: None },
        _ => PlaceQuery { report: bucket, target: None },
    };
    match context.client()?.check_places(role, &query).await {
        Ok(answer) => Ok(answer.value.places.into_iter().next()),
        Err(error) if found::is_denied(&error) || !found::has_such_api(&error) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn missing(flag: &str, bucket: &BucketName) -> anyhow::Error {
    let what = UsageError(format!("{flag}: there is no bucket {bucket}"));
    Explained::new(what, ["create it, or name another".to_owned()]).into()
}

/// The service decides, once the job is prepared.
fn not_checked(flag: &str, bucket: &BucketName, why: &str) -> Result<()> {
    tell(format_args!("warning: {flag}: whether there is a bucket {bucket} was not checked: {why}"));
    Ok(())
}
