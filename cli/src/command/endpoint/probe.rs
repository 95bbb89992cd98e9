//! `brigade endpoint probe`.

use brigade_wire::admin::{ProbeRequest, ProbeResult};

use crate::command::job::{CommandContext, output};
use crate::{printer, table};

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Which endpoint
    endpoint: String,
    /// A bucket to write to, with the endpoint's own credentials; it is left as it was. One with versions and object lock
    /// tells most
    #[arg(long, value_name = "BUCKET")]
    bucket: String,
}

/// Does it.
///
/// # Errors
/// As the service answers.
pub async fn run(context: &CommandContext, arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { endpoint, bucket } = arguments;
    let client = context.client()?;
    let answer = match client.probe_endpoint(&endpoint, &ProbeRequest { bucket }).await {
        Ok(answer) => answer,
        Err(error) => return Err(super::explain(&client, &endpoint, error).await),
    };
    output::print_document(context.output, &answer.body, || to_text(&answer.value))
}

/// The findings, a row each: what is not proved comes first.
pub(crate) fn to_text(result: &ProbeResult) -> String {
    let row = |finding: &brigade_wire::admin::ProbeFinding| {
        vec![finding.capability.clone(), finding.proved.clone(), finding.promise.clone(), finding.seen.clone()]
    };
    let mut rows: Vec<_> = result.findings.iter().map(row).collect();
    rows.sort_by_key(|row| ["no", "untested"].iter().position(|proved| row[1] == *proved).unwrap_or(usize::MAX));
    table::wrapped(&["capability", "proved", "what it means", "seen instead"], &rows, printer::width())
}

#[cfg(test)]
mod tests {
    use brigade_model::{Capability, Finding, Probe, Proof, Timestamp};

    use super::*;

    #[test]
    fn findings_are_a_row_each() {
        let found = |capability, proof, seen: &str| Finding { capability, proof, seen: seen.to_owned() };
        let findings = vec![
            found(Capability::Tagging, Proof::Proved, ""),
            found(Capability::TaggingKeepsBody, Proof::Lacking, "a tagging call overwrote the object's bytes"),
            found(Capability::Versions, Proof::Untested, "the bucket keeps no versions; probe one that does"),
        ];
        let probe = Probe { bucket: "scratch".parse().unwrap(), at: Timestamp::UNIX_EPOCH, findings };
        let text = to_text(&ProbeResult::new("main", &probe));
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("CAPABILITY") && lines[0].ends_with("SEEN INSTEAD"), "{text}");
        assert!(lines[1].contains(" no ") && lines[1].ends_with("overwrote the object's bytes"), "{text}");
        assert!(lines[2].contains(" untested ") && lines[2].ends_with("probe one that does"), "{text}");
        assert!(lines[3].starts_with("tagging ") && lines[3].contains(" yes "), "{text}");
    }
}
