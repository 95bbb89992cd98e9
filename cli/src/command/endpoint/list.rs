//! `brigade endpoint list`.

use brigade_wire::admin::{EndpointState, HardCaps, LaneState, Limits, ProtectionState, StoppedSince, WindowState};

use crate::command::job::{CommandContext, output};
use crate::command::limits;
use crate::lines::hanging;
use crate::progress::grouped;
use crate::proof;
use crate::{printer, table, waiting};

/// Does it.
///
/// # Errors
/// As the service answers.
pub async fn run(context: &CommandContext) -> anyhow::Result<()> {
    let answer = context.client()?.list_endpoints().await?;
    output::print_document(context.output, &answer.body, || to_text(&answer.value.endpoints))
}

fn to_text(endpoints: &[EndpointState]) -> String {
    const HEADER: [&str; 12] = [
        "endpoint",
        "state",
        "in flight",
        "waiting",
        "limits",
        "window",
        "protected",
        "configured",
        "probed",
        "proved",
        "lacks",
        "unproven",
    ];
    let rows: Vec<_> = endpoints.iter().map(row).collect();
    let width = printer::width().unwrap_or(usize::MAX);
    let rows = table::fitted(&HEADER, &["in flight", "waiting", "proved"], &rows, width);
    let mut lines = rows.lines();
    let mut text: Vec<String> = lines.by_ref().take(1).map(str::to_owned).collect();
    for (line, endpoint) in lines.zip(endpoints) {
        text.push(line.to_owned());
        text.extend(reason(endpoint).map(|reason| hanging(&format!("  {reason}"), 2, printer::width())));
        text.extend(lanes(&endpoint.lanes).lines().map(|line| format!("  {line}")));
    }
    text.join("\n")
}

/// What goes on in each bucket; nothing where nothing does.
fn lanes(lanes: &[LaneState]) -> String {
    const HEADER: [&str; 8] = ["bucket", "class", "in flight", "waiting", "obj/s", "pace", "p50/p99", "last moved by"];
    let rows: Vec<_> = lanes.iter().filter(|lane| is_busy(lane)).map(lane_row).collect();
    if rows.is_empty() { String::new() } else { table::columns(&HEADER, &HEADER[2..7], &rows) }
}

fn is_busy(lane: &LaneState) -> bool {
    lane.requests_in_flight_now > 0 || lane.calls_waiting_now > 0 || lane.objects_per_second > 0.0
}

fn lane_row(lane: &LaneState) -> Vec<String> {
    vec![
        lane.bucket.clone().unwrap_or_else(|| "(others)".to_owned()),
        lane.class.clone(),
        format!("{}/{}", lane.requests_in_flight_now, lane.limit),
        grouped(lane.calls_waiting_now),
        rate(lane.objects_per_second),
        lane.pace.map(rate).unwrap_or_default(),
        latencies(lane.latency_p50_ms, lane.latency_p99_ms),
        lane.moved_because.clone(),
    ]
}

fn rate(per_second: f64) -> String {
    if per_second < 10.0 { format!("{per_second:.1}") } else { grouped(per_second.round() as u64) }
}

/// In the unit of the greater one; nothing before the first answer.
fn latencies(p50_ms: f64, p99_ms: f64) -> String {
    match p99_ms {
        0.0 => String::new(),
        ..10.0 => format!("{p50_ms:.1}/{p99_ms:.1}ms"),
        10.0..10_000.0 => format!("{p50_ms:.0}/{p99_ms:.0}ms"),
        _ => format!("{:.1}/{:.1}s", p50_ms / 1e3, p99_ms / 1e3),
    }
}

fn row(endpoint: &EndpointState) -> Vec<String> {
    let state = match &endpoint.stopped {
        Some(_) => "stopped",
        None if endpoint.is_up => "up",
        None => "away",
    };
    vec![
        endpoint.endpoint.clone(),
        state.to_owned(),
        grouped(endpoint.requests_in_flight_now.into()),
        grouped(endpoint.calls_waiting_now),
        limits::to_text(endpoint.limits),
        endpoint.windows.iter().map(window).collect::<Vec<_>>().join("; "),
        endpoint.protection.as_ref().map(protection).unwrap_or_default(),
        configured(endpoint.configured),
        endpoint.probed.clone().unwrap_or_default(),
        endpoint.proved.len().to_string(),
        proof::in_short(&endpoint.lacks),
        proof::in_short(&endpoint.unproven),
    ]
}

/// Since when it is stopped and why, in the operator's words; why it is away, in the store's. It has a line of its own: a row
/// fits a terminal.
fn reason(endpoint: &EndpointState) -> Option<String> {
    let stopped = endpoint.stopped.as_ref().map(|StoppedSince { since, reason }| {
        let colon = if reason.is_empty() { "" } else { ": " };
        format!("stopped since {since}{colon}{reason}")
    });
    stopped.or_else(|| endpoint.waiting.as_ref().map(waiting::to_text))
}

fn protection(protection: &ProtectionState) -> String {
    let p50 = protection.probe_p50_ms.map(|ms| format!(", {ms:.0} ms seen")).unwrap_or_default();
    let share = protection.requests_in_flight.map(|n| format!(", {} in flight", grouped(n.into()))).unwrap_or_default();
    format!("{:.0} ms{p50}{share}", protection.protect_latency_ms)
}

fn window(window: &WindowState) -> String {
    let until = window.until.as_ref().map(|until| format!(" until {until}")).unwrap_or_default();
    format!("{}{until} ({} to {} {})", limits::to_text(window.limits), window.from, window.to, window.time_zone)
}

fn configured(caps: HardCaps) -> String {
    limits::to_text(Limits {
        requests_in_flight: Some(caps.requests_in_flight),
        requests_per_second: caps.requests_per_second,
        objects_per_second: caps.objects_per_second,
        bytes_per_second: caps.bytes_per_second,
    })
}

#[cfg(test)]
mod tests {
    use brigade_wire::admin::WaitState;

    use super::*;

    fn endpoint(name: &str) -> EndpointState {
        EndpointState {
            endpoint: name.into(),
            stopped: None,
            is_up: true,
            waiting: None,
            configured: HardCaps {
                requests_in_flight: 32,
                adaptive: true,
                requests_per_second: None,
                objects_per_second: None,
                bytes_in_flight: None,
                bytes_per_second: None,
            },
            limits: Limits::default(),
            windows: vec![],
            protection: None,
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
    fn a_window_that_holds_is_told_with_its_end() {
        let limits = Limits { requests_in_flight: Some(4), ..Limits::default() };
        let (from, to, time_zone) = ("22:00".into(), "06:00".into(), "Europe/Berlin".into());
        let night = WindowState { from, to, time_zone, until: Some("2026-01-02T05:00:00Z".into()), limits };
        let main =
            EndpointState { windows: vec![night.clone(), WindowState { until: None, ..night }], ..endpoint("m") };
        insta::assert_snapshot!(to_text(&[main]), @r"
        ENDPOINT  STATE  IN FLIGHT  WAITING  WINDOW                                                                                                             CONFIGURED    PROVED
        m         up             3        0  4 in flight until 2026-01-02T05:00:00Z (22:00 to 06:00 Europe/Berlin); 4 in flight (22:00 to 06:00 Europe/Berlin)  32 in flight       2
        ");
    }

    #[test]
    fn a_protection_is_told_with_what_it_sees_and_does() {
        let (protect_latency_ms, bucket) = (50.0, Some("photos".to_owned()));
        let new = ProtectionState { protect_latency_ms, bucket, probe_p50_ms: None, requests_in_flight: None };
        let busy = ProtectionState { probe_p50_ms: Some(43.4), requests_in_flight: Some(1200), ..new.clone() };
        let told = [new, busy].map(|state| protection(&state));
        assert_eq!(told, ["50 ms", "50 ms, 43 ms seen, 1,200 in flight"]);
    }

    #[test]
    fn endpoints_are_a_row_each() {
        let stopped = StoppedSince { since: "2026-01-01T00:00:00Z".into(), reason: "moving".into() };
        let limits = Limits { requests_per_second: Some(50), ..Limits::default() };
        let west = EndpointState { stopped: Some(stopped), limits, ..endpoint("west") };
        let waiting = WaitState {
            cause: "credentials".into(),
            who: "calls".into(),
            what: "endpoint east refuses the credentials: InvalidAccessKeyId: no".into(),
            since: None,
            advice: "correct them".into(),
        };
        let waiting = Some(waiting);
        let away = EndpointState { is_up: false, waiting, calls_waiting_now: 1200, ..endpoint("east") };
        let (proved, lacks) = (vec![], vec!["restore".to_owned()]);
        let unproven = ["versions", "object-lock", "canned-acl", "acl-grants"].map(str::to_owned).to_vec();
        let away = EndpointState { proved, lacks, unproven, ..away };
        insta::assert_snapshot!(to_text(&[endpoint("main"), west, away]), @r"
        ENDPOINT  STATE    IN FLIGHT  WAITING  LIMITS         CONFIGURED    PROVED  LACKS    UNPROVEN
        main      up               3        0                 32 in flight       2
        west      stopped          3        0  50 requests/s  32 in flight       2
          stopped since 2026-01-01T00:00:00Z: moving
        east      away             3    1,200                 32 in flight       0  restore  versions, object-lock, canned-acl and 1 more
          endpoint east refuses the credentials: InvalidAccessKeyId: no; correct them (calls wait)
        ");
    }

    fn lane(bucket: &str, class: &str) -> LaneState {
        LaneState {
            bucket: Some(bucket.into()),
            class: class.into(),
            limit: 32,
            requests_in_flight_now: 0,
            calls_waiting_now: 0,
            objects_per_second: 0.0,
            pace: None,
            latency_p50_ms: 31.4,
            latency_p99_ms: 88.8,
            moved_because: "start".into(),
        }
    }

    #[test]
    fn what_goes_on_in_a_bucket_is_a_line_below_its_endpoint_of_80_columns() {
        let copies = LaneState {
            limit: 1024,
            requests_in_flight_now: 1001,
            calls_waiting_now: 2048,
            objects_per_second: 20_310.4,
            moved_because: "no more answers".into(),
            ..lane("photos-backup", "write")
        };
        let paced = LaneState {
            pace: Some(3395.2),
            objects_per_second: 3390.0,
            requests_in_flight_now: 104,
            limit: 155,
            moved_because: "slow down".into(),
            ..lane("photos", "write")
        };
        let slow = LaneState {
            latency_p50_ms: 2000.0,
            latency_p99_ms: 61_000.0,
            objects_per_second: 0.5,
            ..lane("photos", "read")
        };
        let fast =
            LaneState { latency_p50_ms: 0.4, latency_p99_ms: 1.25, objects_per_second: 9999.6, ..lane("x", "read") };
        let main = EndpointState { lanes: vec![copies, lane("idle", "read"), fast], ..endpoint("main") };
        let new =
            LaneState { calls_waiting_now: 1, latency_p50_ms: 0.0, latency_p99_ms: 0.0, ..lane("batch", "write") };
        let west = EndpointState { lanes: vec![slow, paced, new], ..endpoint("west") };
        let idle = EndpointState { lanes: vec![lane("idle", "read")], ..endpoint("idle") };
        let text = to_text(&[main, west, idle]);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        insta::assert_snapshot!(text, @r"
        ENDPOINT  STATE  IN FLIGHT  WAITING  CONFIGURED    PROVED
        main      up             3        0  32 in flight       2
          BUCKET         CLASS  IN FLIGHT  WAITING   OBJ/S    P50/P99  LAST MOVED BY
          photos-backup  write  1001/1024    2,048  20,310    31/89ms  no more answers
          x              read        0/32        0  10,000  0.4/1.2ms  start
        west      up             3        0  32 in flight       2
          BUCKET  CLASS  IN FLIGHT  WAITING  OBJ/S   PACE    P50/P99  LAST MOVED BY
          photos  read        0/32        0    0.5         2.0/61.0s  start
          photos  write    104/155        0  3,390  3,395    31/89ms  slow down
          batch   write       0/32        1    0.0                    start
        idle      up             3        0  32 in flight       2
        ");
    }
}
