//! Looks, before anything is listed or uploaded, whether the buckets are there that a job will write to.
//!
//! What is missing for certain is refused. What a look does not tell (a key that may not list, a store that does not answer, an
//! endpoint that may not be the role's) is said, and the service decides.

use anyhow::Result;
use brigade_config::{Explained, UsageError};
use brigade_model::ports::object_store::{CancelToken, ListObjectsV2, Verdict, send};
use brigade_model::report::ReportSpec;
use brigade_model::{BucketName, Operation};

use super::CommonArgs;
use crate::command::access::PlaceUse;
use crate::command::job::CommandContext;
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

async fn look(
    context: &CommandContext,
    common: &CommonArgs,
    role: &str,
    flag: &str,
    use_of: PlaceUse,
    bucket: &BucketName,
) -> Result<()> {
    let (store, is_of_role) = context.open_place(&common.store, role, use_of)?;
    let list = ListObjectsV2 { bucket: bucket.clone(), prefix: String::new(), continuation_token: None, max_keys: 1 };
    let Err(error) = send(&*store, &CancelToken::unbounded(), list).await else { return Ok(()) };
    match error.verdict {
        Verdict::Missing if is_of_role => {
            let what = UsageError(format!("{flag}: there is no bucket {bucket}"));
            Err(Explained::new(what, ["create it, or name another".to_owned()]).into())
        }
        Verdict::Denied => Ok(()),
        _ => {
            tell(format_args!("warning: {flag}: bucket {bucket} could not be looked at: {error}"));
            Ok(())
        }
    }
}
