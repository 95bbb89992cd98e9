//! Frequent queries cost the same however many jobs there are.

use brigade_model::ServiceTime;
use brigade_model::job::{Change, Dialect, JobId};
use brigade_model::names::AccountId;
use brigade_model::ports::JobStore;
use brigade_model::ports::job_store::{Apply, ChangeId, Due, ListJobs};
use brigade_model::quota::Quota;
use brigade_model::status::Status;
use rusqlite::{Connection, StatementStatus};

use super::super::job_row::{READ_JOB, insert_job};
use super::super::{accounts, jobs, lists, purge, removal, service_clock, slices, stages};
use super::{open, with_writer};
use crate::conformance::sample_job;

/// Statements and the index that each must go by.
const STATEMENTS: &[(&str, &str)] = &[
    (READ_JOB, "SEARCH job USING INDEX sqlite_autoindex_job_1 (id=?)"),
    (READ_JOB, "SEARCH s USING INDEX slice_begun (job=?)"),
    (jobs::FIND_TOKEN, "SEARCH job USING INDEX job_token (account=? AND dialect=? AND token=?)"),
    (jobs::COUNT_OPEN, "SEARCH job USING COVERING INDEX job_open_of_account (account=? AND terminated=?)"),
    (jobs::FIND_JOB, "SEARCH job USING COVERING INDEX sqlite_autoindex_job_1 (id=?)"),
    (jobs::FIND_REMOVAL, "SEARCH job USING INDEX sqlite_autoindex_job_1 (id=?)"),
    (jobs::FIND_CHANGE, "SEARCH change USING PRIMARY KEY (job=? AND id=?)"),
    (jobs::CHECK_STAGE, "SEARCH job USING INDEX sqlite_autoindex_job_1 (id=?)"),
    (jobs::CANDIDATES, "SEARCH job USING INDEX job_slots (endpoint=? AND status=?)"),
    (lists::PAGE, "SEARCH job USING COVERING INDEX job_listed (account=? AND dialect=? AND id>?)"),
    (
        lists::PAGE_OF_STATUS,
        "SEARCH job USING COVERING INDEX job_listed_by_status (account=? AND dialect=? AND status=? AND id>?)",
    ),
    (lists::OPEN_JOBS, "SCAN job USING INDEX job_open"),
    (lists::COUNT_JOBS, "SCAN job USING COVERING INDEX job_counted"),
    (service_clock::STORE, "SCAN service_clock"),
    (stages::LEASE_STAGE, "SEARCH job USING INDEX sqlite_autoindex_job_1 (id=?)"),
    (stages::RENEW_STAGE, "SEARCH job USING INDEX sqlite_autoindex_job_1 (id=?)"),
    (stages::RELEASE_STAGE, "SEARCH job USING INDEX sqlite_autoindex_job_1 (id=?)"),
    (stages::JOB_STATUS, "SEARCH job USING INDEX sqlite_autoindex_job_1 (id=?)"),
    (stages::COUNT_SLICES, "SEARCH slice USING PRIMARY KEY (job=?)"),
    (stages::CHECK_SLICE, "SEARCH slice USING PRIMARY KEY (job=? AND number=?)"),
    (stages::HOLD_SLICES, "SEARCH job USING INDEX sqlite_autoindex_job_1 (id=?)"),
    (removal::UNCOUNT_JOB, "SEARCH account USING PRIMARY KEY (name=?)"),
    (accounts::ADD_BYTES, "SEARCH account USING PRIMARY KEY (name=?)"),
    (removal::LET_BYTES_GO, "SEARCH slice USING PRIMARY KEY (job=?)"),
    (accounts::BYTES_OF, "SEARCH account USING PRIMARY KEY (name=?)"),
    (accounts::ACCOUNTS, "SCAN account"),
    (accounts::NEXT_HOLDER, "SEARCH job USING INDEX job_holds_of_account (account=?)"),
    (accounts::NEXT_TO_LEAVE, "SEARCH job USING INDEX job_may_leave (account=?)"),
    (stages::FORGET_UPLOAD, "SEARCH upload USING PRIMARY KEY (job=? AND upload_id=?)"),
    (stages::UPLOADS, "SEARCH upload USING PRIMARY KEY (job=?)"),
    (stages::UPLOADS_OF_SLICES, "SEARCH upload USING PRIMARY KEY (job=?)"),
    (stages::FIRST_UPLOADS, "SEARCH upload USING PRIMARY KEY (job=?)"),
    (stages::COUNT_UPLOADS, "SEARCH upload USING PRIMARY KEY (job=?)"),
    (stages::FILES, "SEARCH report_file USING PRIMARY KEY (job=?)"),
    (slices::SLICES, "SEARCH slice USING PRIMARY KEY (job=? AND number>?)"),
    (slices::FIRST_WAITING, "SEARCH slice USING INDEX slice_waiting (job=?)"),
    (slices::LEASE_SLICE, "SEARCH slice USING PRIMARY KEY (job=? AND number=?)"),
    (slices::RENEW_SLICE, "SEARCH slice USING PRIMARY KEY (job=? AND number=?)"),
    (slices::RELEASE_SLICE, "SEARCH slice USING PRIMARY KEY (job=? AND number=?)"),
    (slices::PUT_OFF_SLICE, "SEARCH slice USING PRIMARY KEY (job=? AND number=?)"),
    (slices::JOB_ROUND, "SEARCH job USING INDEX sqlite_autoindex_job_1 (id=?)"),
    (slices::REVOKE_EXPIRED, "SEARCH slice USING INDEX slice_leased (job=? AND expires>? AND expires<?)"),
    (slices::LEASES_OF, "SEARCH slice USING INDEX slice_leased (job=? AND expires>?)"),
    (slices::REVOKE_ONE, "SEARCH slice USING PRIMARY KEY (job=? AND number=?)"),
    (slices::COUNT_LEASED, "SEARCH slice USING COVERING INDEX slice_leased (job=? AND expires>?)"),
    (slices::COUNT_PART, "SEARCH slice USING PRIMARY KEY (job=? AND number=?)"),
    (slices::FORGIVE, "SEARCH slice USING INDEX slice_leased (job=? AND expires>?)"),
    (slices::COUNT_SLICE, "SEARCH job USING INDEX sqlite_autoindex_job_1 (id=?)"),
    (slices::FIND_PART, "SEARCH part USING PRIMARY KEY (job=? AND slice=? AND seq=?)"),
    (slices::PARTS, "SEARCH part USING PRIMARY KEY (job=? AND slice=?)"),
    (purge::NEXT_DOOMED, "SCAN doomed"),
    (purge::NEXT_HIDDEN, "SCAN job USING COVERING INDEX job_hidden"),
    (purge::NEXT_HIDDEN, "SEARCH retry USING INDEX job_retried (retry_of=? AND status=?)"),
    (purge::NEXT_ENDED, "SEARCH retry USING INDEX job_retried (retry_of=? AND status=?)"),
    (purge::NEXT_ENDED, "SEARCH job USING INDEX job_ended (since<?)"),
    (purge::NEXT_OLD_HOLDER, "SEARCH job USING INDEX job_holds (since<?)"),
    (removal::GIVE_UP, "SEARCH job USING INDEX sqlite_autoindex_job_1 (id=?)"),
    (removal::GIVE_UP, "SEARCH s USING INDEX slice_begun (job=?)"),
    (removal::END_BEGUN, "SEARCH slice USING INDEX slice_begun (job=?)"),
    (removal::DELETE_JOB, "SEARCH job USING INDEX sqlite_autoindex_job_1 (id=?)"),
    (purge::DELETE_ROWS[0], "SEARCH part USING PRIMARY KEY (job=? AND slice=? AND seq=?)"),
    (purge::DELETE_ROWS[1], "SEARCH slice USING PRIMARY KEY (job=? AND number=?)"),
    (purge::DELETE_ROWS[2], "SEARCH upload USING PRIMARY KEY (job=? AND upload_id=?)"),
    (purge::DELETE_ROWS[3], "SEARCH report_file USING PRIMARY KEY (job=? AND kind=? AND number=?)"),
    (purge::DELETE_ROWS[4], "SEARCH change USING PRIMARY KEY (job=? AND id=?)"),
];

/// Tables and indices that may be walked whole, since they hold only what is asked for. Only the
/// few candidates for slots are sorted.
const WALKED: [&str; 4] = ["job_open", "job_counted", "job_hidden", "doomed"];

fn plan(connection: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
    // Parameters need no values to be planned with.
    statement.raw_query().mapped(|row| row.get(3)).collect()
}

#[tokio::test]
async fn every_statement_goes_by_an_index_and_sorts_nothing() {
    let (_directory, store) = open();
    let mut wrong = Vec::new();
    for (sql, wanted) in STATEMENTS {
        let plan = with_writer(&store, |connection| plan(connection, sql)).await.unwrap();
        let walks = |step: &String| step.starts_with("SCAN job") || step.starts_with("SCAN slice");
        let is_wrong = |step: &String| {
            let sorts = step.contains("TEMP B-TREE") && *sql != jobs::CANDIDATES;
            sorts || walks(step) && !WALKED.iter().any(|walked| step.ends_with(walked))
        };
        if !plan.iter().any(|step| step == wanted) || plan.iter().any(is_wrong) {
            wrong.push(format!("{sql}\nwants {wanted}\nand has {plan:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

const JOBS: u128 = 4000;

/// Steps of the virtual machine that a statement took: its cost, on any machine.
fn steps(connection: &Connection, sql: &str, parameters: impl rusqlite::Params) -> rusqlite::Result<i32> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query(parameters)?;
    while rows.next()?.is_some() {}
    drop(rows);
    Ok(statement.get_status(StatementStatus::VmStep))
}

#[tokio::test]
async fn a_page_costs_at_the_end_of_the_list_what_it_costs_at_the_start() {
    let (_directory, store) = open();
    let fill = |connection: &Connection| (1..=JOBS).try_for_each(|n| insert_job(connection, &sample_job(n)).map(drop));
    with_writer(&store, fill).await.unwrap();

    let cost = |after: u128, [all, of_status]: [&'static str; 2]| {
        let after = after.to_be_bytes().to_vec();
        move |connection: &Connection| -> rusqlite::Result<(i32, i32)> {
            let all = steps(connection, all, ("a", "cos", &after, 0, 50))?;
            let of_status = steps(connection, of_status, ("a", "cos", &after, 0, 50, "New"))?;
            Ok((all, of_status))
        }
    };
    let (oldest, newest) = ([lists::PAGE, lists::PAGE_OF_STATUS], [lists::NEWEST, lists::NEWEST_OF_STATUS]);
    for (first, last, order) in [(0, JOBS - 50, oldest), (JOBS + 1, 51, newest)] {
        let start = with_writer(&store, cost(first, order)).await.unwrap();
        let end = with_writer(&store, cost(last, order)).await.unwrap();
        assert_eq!(start, end);
    }

    let page = ListJobs {
        account: AccountId::new("a").unwrap(),
        dialect: Dialect::Cos,
        statuses: vec![Status::New, Status::Active],
        after: Some(JobId::from_u128(JOBS - 3)),
        is_newest_first: false,
        ended_since: ServiceTime::default(),
        limit: 1000,
    };
    assert_eq!(store.list_jobs(&page).await.unwrap().len(), 3);
}

#[tokio::test]
async fn describing_and_leasing_cost_the_same_among_many_jobs_as_among_few() {
    let (_directory, store) = open();
    let fill = |from: u128, to: u128| {
        move |connection: &Connection| (from..=to).try_for_each(|n| insert_job(connection, &sample_job(n)).map(drop))
    };
    let cost = |connection: &Connection| -> rusqlite::Result<[i32; 3]> {
        let id = 1_u128.to_be_bytes();
        Ok([
            steps(connection, READ_JOB, (id,))?,
            steps(connection, slices::FIRST_WAITING, (id,))?,
            steps(connection, jobs::COUNT_OPEN, ("b", 1000))?,
        ])
    };
    with_writer(&store, fill(1, 3)).await.unwrap();
    let among_few = with_writer(&store, cost).await.unwrap();
    with_writer(&store, fill(4, JOBS)).await.unwrap();
    assert_eq!(with_writer(&store, cost).await.unwrap(), among_few);
}

#[tokio::test]
async fn describing_and_leasing_cost_the_same_with_many_slices_as_with_few() {
    let (_directory, store) = open();
    let fill = |from: u32, to: u32, is_done: bool| {
        move |connection: &Connection| {
            let insert = "INSERT INTO slice (job, number, first_task, tasks, spool_name, is_done, next_seq)
                          VALUES (?1, ?2, 0, 1, '', ?3, ?3)";
            let mut insert = connection.prepare(insert)?;
            (from..to).try_for_each(|n| insert.execute((1_u128.to_be_bytes(), n, is_done)).map(drop))
        }
    };
    let cost = |connection: &Connection| -> rusqlite::Result<[i32; 5]> {
        let id = 1_u128.to_be_bytes();
        Ok([
            steps(connection, READ_JOB, (id,))?,
            steps(connection, slices::FIRST_WAITING, (id,))?,
            steps(connection, slices::COUNT_LEASED, (id,))?,
            steps(connection, slices::REVOKE_EXPIRED, (id, i64::MAX))?,
            steps(connection, slices::LEASES_OF, (id, [1_u8; 16]))?,
        ])
    };
    with_writer(&store, |connection| insert_job(connection, &sample_job(1))).await.unwrap();
    with_writer(&store, fill(0, 2, true)).await.unwrap();
    with_writer(&store, fill(2, 4, false)).await.unwrap();
    let with_few = with_writer(&store, cost).await.unwrap();
    with_writer(&store, fill(4, 2000, false)).await.unwrap();
    assert_eq!(with_writer(&store, cost).await.unwrap(), with_few);
    with_writer(&store, |connection| connection.execute("UPDATE slice SET is_done = 1 WHERE number < 1990", ()))
        .await
        .unwrap();
    assert_eq!(with_writer(&store, cost).await.unwrap(), with_few);
}

#[tokio::test]
async fn a_purge_gives_its_pages_back_to_the_file_system() {
    let (_directory, store) = open();
    let pages = |connection: &Connection| connection.pragma_query_value(None, "page_count", |row| row.get::<_, u32>(0));
    store.create_job(&sample_job(1), &Quota::of_open_jobs(9)).await.unwrap();
    let before = with_writer(&store, pages).await.unwrap();
    let fill = |connection: &Connection| {
        let mut insert =
            connection.prepare("INSERT INTO part (job, slice, seq, epoch, bytes) VALUES (?1, 0, ?2, 0, ?3)")?;
        (0..64).try_for_each(|seq| insert.execute((1_u128.to_be_bytes(), seq, [1_u8; 60_000])).map(drop))
    };
    with_writer(&store, fill).await.unwrap();
    assert!(with_writer(&store, pages).await.unwrap() > before + 900);
    let job = store.job(JobId::from_u128(1)).await.unwrap().unwrap();
    let apply = Apply {
        job: job.id,
        revision: job.revision,
        id: ChangeId(uuid::Uuid::nil()),
        change: Change::DeleteRequested,
        stage_fence: None,
    };
    store.apply(apply).await.unwrap();
    let purged = store.purge(&Due::ended_before(ServiceTime::default()), 1000).await.unwrap();
    assert_eq!((purged.jobs.len(), purged.more), (1, false));
    assert!(with_writer(&store, pages).await.unwrap() <= before);
}
