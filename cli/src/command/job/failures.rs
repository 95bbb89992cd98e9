//! `brigade job failures`: the failed rows of a job, also while it runs.

use brigade_config::UsageError;
use brigade_wire::admin::{FailedRow, FailureQuery};
use serde_json::Value;

use super::CommandContext;
use super::job_arg::JobArg;
use super::output::Format;
use crate::printer::{self, on_one_line, say, tell};

/// What the command takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The rows are those that are recorded now, in manifest order: a job that runs may add others before \
    the last one shown. With --output json each row is one line."
)]
pub struct Arguments {
    /// Which job
    job: JobArg,
    /// How many rows to show at most [default: all]
    #[arg(long, value_name = "NUMBER")]
    rows: Option<usize>,
}

/// Does it: a page is printed before the next one is asked for.
///
/// # Errors
/// As the service answers.
pub async fn run(context: &CommandContext, arguments: Arguments) -> anyhow::Result<()> {
    if context.output == Format::Xml {
        return Err(UsageError("failed rows have no XML: say --output table or json".to_owned()).into());
    }
    let client = context.client()?;
    let job = arguments.job.resolve(&client).await?;
    let (mut query, mut left) = (FailureQuery::default(), arguments.rows.unwrap_or(usize::MAX));
    let mut is_first = true;
    while left > 0 {
        query.max = Some(left.min(PAGE));
        let page = client.list_failures(job, &query).await?.value;
        left = left.saturating_sub(page.failures.len());
        for row in &page.failures {
            match context.output {
                Format::Json => say(json_line(&serde_json::to_value(row)?))?,
                Format::Table | Format::Xml => say(line(row))?,
            }
        }
        is_first &= page.failures.is_empty();
        // A service that names the same place again would be asked for ever.
        let next = page.next.as_deref().and_then(FailureQuery::place_of).filter(|next| Some(*next) > query.after);
        let Some(next) = next else { break };
        query.after = Some(next);
    }
    if is_first {
        tell("No task of the job has failed so far.");
    }
    Ok(())
}

/// Rows asked for at once.
const PAGE: usize = 1000;

/// The important things first: what failed it, then which object, then the store's words.
fn line(row: &FailedRow) -> String {
    let FailedRow { bucket, key, version, code, http_status, message, is_effect_unknown } = row;
    let status = http_status.map(|status| status.to_string()).unwrap_or_default();
    let version = version.as_ref().map(|version| format!(" (version {version})")).unwrap_or_default();
    let doubt = if *is_effect_unknown { " (it may have been carried out)" } else { "" };
    on_one_line(&format!("{code:<24} {status:>3}  s3://{bucket}/{key}{version}  {message}{doubt}")).into_owned()
}

/// JSON on one line. Inside of strings no line ends, so that all that goes is the indentation.
fn json_line(value: &Value) -> String {
    printer::json(value).lines().map(str::trim_start).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &str) -> FailedRow {
        FailedRow {
            bucket: "photos".into(),
            key: key.into(),
            version: None,
            code: "AccessDenied".into(),
            http_status: Some(403),
            message: "not yours".into(),
            is_effect_unknown: false,
        }
    }

    #[test]
    fn a_failed_row_is_one_line_that_begins_with_its_code() {
        let doubtful = FailedRow {
            version: Some("v1".into()),
            code: "Unconfirmed".into(),
            http_status: None,
            is_effect_unknown: true,
            ..row("b")
        };
        insta::assert_snapshot!([line(&row("a/1.jpg")), line(&doubtful)].join("\n"), @r"
        AccessDenied             403  s3://photos/a/1.jpg  not yours
        Unconfirmed                   s3://photos/b (version v1)  not yours (it may have been carried out)
        ");
    }

    #[test]
    fn no_key_steers_a_terminal_nor_ends_a_line() {
        let forged = row("a\nb\u{1b}[2J");
        assert_eq!(line(&forged).lines().count(), 1);
        assert!(!line(&forged).contains('\u{1b}'));
        let json = json_line(&serde_json::to_value(&forged).unwrap());
        assert_eq!(json.lines().count(), 1);
        assert_eq!(serde_json::from_str::<FailedRow>(&json).unwrap(), forged);
    }
}
