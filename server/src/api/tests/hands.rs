//! Every change that a client can ask for, in every status: the answer, and the job's status
//! afterwards.

use brigade_model::Change;

use super::bench::{request, request_to_confirm};
use super::*;

/// The answer to a change: the status after it, or the error.
type Told = Result<&'static str, (u16, &'static str)>;

/// The status that the job has: there was nothing to confirm.
const RUNS: &str = "unchanged";
const ILLEGAL: Told = Err((400, "InvalidRequest"));
const FINISHED: Told = Err((404, "NoSuchJob"));

/// For each status what is answered to a confirmation of a job that asked for one, a confirmation
/// of a job that did not, a cancel, another priority, and a delete. A deleted job shows itself no
/// more once it has ended: `gone`. Sources: the transition rules of UpdateJobStatus; U-2, U-31.
#[rustfmt::skip]
const TABLE: [(Status, [Told; 5]); 13] = [
    (Status::New,        [Ok("New"),       Ok(RUNS), Ok("Cancelled"),  Ok("New"),        Ok("gone")]),
    (Status::Preparing,  [Ok("Preparing"), Ok(RUNS), Ok("Cancelled"),  Ok("Preparing"),  Ok("gone")]),
    (Status::Suspended,  [Ok("Ready"),     Ok(RUNS), Ok("Cancelled"),  Ok("Suspended"),  Ok("gone")]),
    (Status::Ready,      [Ok(RUNS),            Ok(RUNS),    Ok("Cancelled"),  Ok("Ready"),      Ok("gone")]),
    (Status::Active,     [Ok(RUNS),            Ok(RUNS),    Ok("Cancelling"), Ok("Active"),     Ok("Cancelling")]),
    (Status::Pausing,    [Ok(RUNS),            Ok(RUNS),    Ok("Cancelling"), Ok("Pausing"),    Ok("Cancelling")]),
    (Status::Paused,     [Ok(RUNS),            Ok(RUNS),    Ok("Cancelling"), Ok("Paused"),     Ok("Cancelling")]),
    (Status::Completing, [Ok(RUNS),            Ok(RUNS),    ILLEGAL,          Ok("Completing"), Ok("Completing")]),
    (Status::Complete,   [ILLEGAL,         ILLEGAL, ILLEGAL,          FINISHED,         Ok("gone")]),
    (Status::Cancelling, [ILLEGAL,         ILLEGAL, Ok("Cancelling"), Ok("Cancelling"), Ok("Cancelling")]),
    (Status::Cancelled,  [ILLEGAL,         ILLEGAL, ILLEGAL,          FINISHED,         Ok("gone")]),
    (Status::Failing,    [ILLEGAL,         ILLEGAL, ILLEGAL,          Ok("Failing"),    Ok("Failing")]),
    (Status::Failed,     [ILLEGAL,         ILLEGAL, ILLEGAL,          FINISHED,         Ok("gone")]),
];

/// The hands of the table's columns, on a job of that id.
fn hand(column: usize, id: JobId) -> Call {
    match column {
        0 | 1 => Call::new("POST", format!("/jobs/{id}/status?requestedJobStatus=Ready&statusUpdateReason=why")),
        2 => Call::new("POST", format!("/jobs/{id}/status?requestedJobStatus=Cancelled&statusUpdateReason=why")),
        3 => Call::new("POST", format!("/jobs/{id}/priority?priority=77")),
        _ => Call::new("DELETE", format!("/jobs/{id}")),
    }
}

/// A job in that status, which asked to be confirmed if it has to or if that is wished.
async fn job_in(bench: &TestApi, status: Status, asks_for_confirmation: bool) -> JobId {
    let asks = asks_for_confirmation || status == Status::Suspended;
    let id = bench.send(Call::create(if asks { request_to_confirm("t") } else { request("t") })).await.job_id();
    let waits = !matches!(status, Status::New | Status::Preparing | Status::Suspended | Status::Cancelled);
    if asks && waits {
        // Confirmed early, so that it goes on by itself.
        bench.change(id, Change::Confirmed(String::new())).await;
    }
    bench.bring_to(id, status).await;
    id
}

#[tokio::test(start_paused = true)]
async fn each_hand_is_answered_in_each_status_by_this_table() {
    assert_eq!(TABLE.map(|(status, _)| status).as_slice(), Status::ALL, "the table has every status");
    for (status, row) in TABLE {
        for (column, told) in row.into_iter().enumerate() {
            if (status, column) == (Status::Suspended, 1) {
                // A job that needs no confirmation is never Suspended.
                continue;
            }
            let name = format!("{status}, {column}");
            let bench = TestApi::new();
            let id = job_in(&bench, status, column == 0).await;
            let before = bench.store.job(id).await.unwrap().unwrap();
            let answer = bench.send(hand(column, id)).await;
            let after = bench.store.job(id).await.unwrap().unwrap();
            match told {
                Ok(RUNS) => {
                    assert_eq!((answer.status, answer.element("Status")), (200, status.name()), "{name}: {answer:?}");
                    let unchanged = (after.status, &after.status_update_reason, after.is_confirmed);
                    assert_eq!(unchanged, (before.status, &before.status_update_reason, before.is_confirmed), "{name}");
                }
                Ok(now) => {
                    assert_eq!(answer.status, if column == 4 { 204 } else { 200 }, "{name}: {answer:?}");
                    let described = bench.get(&format!("/jobs/{id}")).await;
                    if now == "gone" {
                        assert_eq!(described.refused(), (404, "NoSuchJob"), "{name}");
                    } else {
                        assert_eq!(described.element("Status"), now, "{name}");
                        assert_eq!(after.priority == 77, column == 3, "{name}");
                    }
                    if column < 3 {
                        assert_eq!(
                            (answer.element("Status"), answer.element("StatusUpdateReason")),
                            (now, "why"),
                            "{name}"
                        );
                    }
                }
                Err(refused) => {
                    assert_eq!(answer.refused(), refused, "{name}: {answer:?}");
                    let is_over = status.is_terminal();
                    assert_eq!(answer.element("Message").contains("already finished"), is_over, "{name}: {answer:?}");
                    assert_eq!(after, before, "{name}: a refused hand changes nothing");
                }
            }
            // Whatever stops a job stops its engine before the answer; nothing else does.
            let is_stopped = told.is_ok() && matches!(column, 2 | 4);
            assert_eq!(*bench.told.stopped.lock().unwrap(), if is_stopped { vec![id] } else { vec![] }, "{name}");
        }
    }
}
