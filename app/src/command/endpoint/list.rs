//! `brigade endpoint list`.

use crate::command::job::{Desk, output};
use crate::command::limits;
use crate::operator::{EndpointState, HardCaps, Limits};
use crate::progress::grouped;
use crate::proof;
use crate::table;

/// Does it.
///
/// # Errors
/// As the service answers.
pub async fn run(desk: &Desk) -> anyhow::Result<()> {
    let answer = desk.client()?.list_endpoints().await?;
    output::print_document(desk.output, &answer.body, || to_text(&answer.value.endpoints))
}

fn to_text(endpoints: &[EndpointState]) -> String {
    const HEADER: [&str; 11] = [
        "endpoint",
        "state",
        "in flight",
        "waiting",
        "limits",
        "configured",
        "probed",
        "proved",
        "lacks",
        "unproven",
        "reason",
    ];
    table::columns(&HEADER, &["in flight", "waiting", "proved"], &endpoints.iter().map(row).collect::<Vec<_>>())
}

fn row(endpoint: &EndpointState) -> Vec<String> {
    let stopped = endpoint.stopped.as_ref();
    let state = match stopped {
        Some(stopped) => format!("stopped since {}", stopped.since),
        None if endpoint.is_up => "up".to_owned(),
        None => "away".to_owned(),
    };
    vec![
        endpoint.endpoint.clone(),
        state,
        grouped(endpoint.requests_in_flight_now.into()),
        grouped(endpoint.calls_waiting_now),
        limits::to_text(endpoint.limits),
        configured(endpoint.configured),
        endpoint.probed.clone().unwrap_or_default(),
        endpoint.proved.len().to_string(),
        proof::in_short(&endpoint.lacks),
        proof::in_short(&endpoint.unproven),
        stopped.map(|stopped| stopped.reason.clone()).unwrap_or_default(),
    ]
}

fn configured(caps: HardCaps) -> String {
    limits::to_text(Limits {
        requests_in_flight: Some(caps.requests_in_flight),
        requests_per_second: caps.requests_per_second,
        bytes_per_second: caps.bytes_per_second,
    })
}

#[cfg(test)]
mod tests {
    use crate::operator::StoppedSince;

    use super::*;

    fn endpoint(name: &str) -> EndpointState {
        EndpointState {
            endpoint: name.into(),
            stopped: None,
            is_up: true,
            configured: HardCaps {
                requests_in_flight: 32,
                adaptive: true,
                requests_per_second: None,
                bytes_in_flight: None,
                bytes_per_second: None,
            },
            limits: Limits::default(),
            requests_in_flight_now: 3,
            calls_waiting_now: 0,
            lanes: vec![],
            probed: None,
            proved: vec!["tagging".into(), "versions".into()],
            lacks: vec![],
            unproven: vec![],
        }
    }

    #[test]
    fn endpoints_are_a_row_each() {
        let stopped = StoppedSince { since: "2026-01-01T00:00:00Z".into(), reason: "moving".into() };
        let limits = Limits { requests_per_second: Some(50), ..Limits::default() };
        let west = EndpointState { stopped: Some(stopped), limits, ..endpoint("west") };
        let away = EndpointState { is_up: false, calls_waiting_now: 1200, ..endpoint("east") };
        let (proved, lacks) = (vec![], vec!["restore".to_owned()]);
        let unproven = ["versions", "object-lock", "canned-acl", "acl-grants"].map(str::to_owned).to_vec();
        let away = EndpointState { proved, lacks, unproven, ..away };
        insta::assert_snapshot!(to_text(&[endpoint("main"), west, away]), @r"
        ENDPOINT  STATE                               IN FLIGHT  WAITING  LIMITS         CONFIGURED    PROVED  LACKS    UNPROVEN                                      REASON
        main      up                                          3        0                 32 in flight       2
        west      stopped since 2026-01-01T00:00:00Z          3        0  50 requests/s  32 in flight       2                                                         moving
        east      away                                        3    1,200                 32 in flight       0  restore  versions, object-lock, canned-acl and 1 more
        ");
    }
}
