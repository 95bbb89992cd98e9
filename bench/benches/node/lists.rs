//! The cost of DescribeJob and ListJobs among very many jobs.

use std::sync::Arc;
use std::time::Duration;

use brigade_bench::{Figures, JobRun, Stub, Usage};
use brigade_client::{Client, ClientConfig};
use brigade_config::secret::Secret;
use brigade_config::value::Url;
use brigade_model::ports::{Clock, JobStore};
use brigade_model::{JobId, Quota};
use brigade_runtime::SystemClock;
use brigade_store::sqlite::SqliteStore;
use brigade_tests::Scenario;
use brigade_wire::cos::list_jobs::ListQuery;
use futures::StreamExt;
use futures::future::join_all;
use futures::stream::iter;

use crate::load::{Asker, Question};
use crate::yardstick::Yardstick;
use crate::{JOBS, form, serve};

const CLIENTS: usize = 64;
/// What each client asks in a round when it never waits: seconds of work for the service.
const QUESTIONS: usize = 1000;
/// What each client asks in a round when it waits.
const PACED_QUESTIONS: usize = 200;
/// How often a client asks that waits for its job: every tenth of a second, 640 times a second in all.
const PACE: Duration = Duration::from_millis(100);
const PAGES: u32 = 20;
/// The row of the yardstick.
const BARE: &str = "of bare hyper";
const PAGE_JOBS: usize = 1000;

/// What all clients ask at the same time.
struct Turn<'a> {
    name: &'static str,
    pace: Duration,
    url: &'a str,
    questions: &'a [Question],
}

/// Fills a data directory with jobs and asks for them: for each as fast as it goes, or for lists of them too.
pub(crate) fn measure(jobs: u64, rounds: u64, lists: bool) {
    let (stub, clock) = (Stub::start(), Arc::new(SystemClock::new()));
    let mut scenario = serve(&stub);
    let form = form(JOBS[2].1, 1000);
    let run = JobRun::of(&mut scenario, &form.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(scenario.service.terminate().success(), "the service stops when it is asked to");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let ids = runtime.block_on(fill(&scenario, run.id.parse().expect("it is an id"), jobs, clock.clone()));
    scenario.restart();

    let answer = scenario.directory.path().join("answer.xml");
    let described = runtime.block_on(client(&scenario).describe_job(ids[0])).expect("the job is there");
    std::fs::write(&answer, &described.body).expect("the folder takes it");
    let yardstick = Yardstick::start(&answer);
    let signed = |ids: &[JobId]| -> Vec<_> {
        ids.iter().map(|id| Question::about(*id, &client_config(&scenario), &*clock)).collect()
    };
    // Whatever the yardstick is asked, it answers as for this one.
    let (questions, same_question) = (signed(&ids), signed(&ids[..1]));

    let (mut describe, mut list) = (Figures::default(), Figures::default());
    for _ in 0..rounds {
        let turns = [
            Turn { name: "one after the other", pace: Duration::ZERO, url: &scenario.url, questions: &questions },
            Turn { name: BARE, pace: Duration::ZERO, url: &yardstick.url, questions: &same_question },
            Turn { name: "each 10 times a second", pace: PACE, url: &scenario.url, questions: &questions },
        ];
        for Turn { name, pace, url, questions } in turns.into_iter().filter(|turn| lists || turn.pace.is_zero()) {
            let usage = || if name == BARE { yardstick.usage() } else { Usage::of(scenario.service.id()) };
            let before = usage().cpu;
            let ours = Usage::of(std::process::id()).cpu;
            let (mut latencies, took) = runtime.block_on(ask(url, questions, pace, &clock));
            let cpu = usage().cpu - before;
            let ours = Usage::of(std::process::id()).cpu - ours;
            latencies.sort_unstable();
            let at = |share: usize| latencies[(latencies.len() - 1) * share / 1000].as_secs_f64() * 1e3;
            describe.note(name, "p50, ms", at(500));
            describe.note(name, "p99, ms", at(990));
            describe.note(name, "p99.9, ms", at(999));
            describe.note(name, "answers/s", latencies.len() as f64 / took.as_secs_f64());
            describe.note(name, "CPU us/answer", cpu.as_secs_f64() * 1e6 / latencies.len() as f64);
            describe.note(name, "of the clients", ours.as_secs_f64() * 1e6 / latencies.len() as f64);
        }
        // The oldest jobs come first.
        let places = [("start", 0), ("middle", ids.len() / 2), ("end", ids.len() - PAGE_JOBS - 1)];
        for (name, place) in places.into_iter().filter(|_| lists) {
            let before = Usage::of(scenario.service.id()).cpu;
            let took = runtime.block_on(list_pages(&scenario, ids[place], &clock));
            let cpu = Usage::of(scenario.service.id()).cpu - before;
            list.note(name, "ms/page", took.as_secs_f64() * 1e3 / f64::from(PAGES));
            list.note(name, "CPU ms/page", cpu.as_secs_f64() * 1e3 / f64::from(PAGES));
        }
    }
    println!("DescribeJob of {jobs} jobs, {CLIENTS} clients\n{describe}\n");
    if !lists {
        return;
    }
    println!("ListJobs, pages of {PAGE_JOBS} of {jobs} jobs\n{list}");
}

/// Makes copies of a job that has ended, as many as there are to be; gives all ids in order.
async fn fill(scenario: &Scenario, ended: JobId, jobs: u64, clock: Arc<SystemClock>) -> Vec<JobId> {
    let store = SqliteStore::open(&scenario.directory.path().join("brigade-data"), clock).expect("nobody else has it");
    let job = store.job(ended).await.expect("it can be read").expect("it is there");
    let ids: Vec<JobId> = (1..=jobs)
        .map(|n| {
            let random = (u128::from(n) << 8).to_be_bytes();
            JobId::new(job.created, random.last_chunk().expect("10 of 16"))
        })
        .collect();
    let create = async |id: &JobId| {
        let mut job = job.clone();
        job.id = *id;
        job.spec.client_request_token = id.to_string();
        store
            .create_job(&job, &Quota { jobs_listed_max: u64::MAX, ..Quota::of_open_jobs(usize::MAX) })
            .await
            .expect("it is another job");
    };
    iter(&ids).for_each_concurrent(CLIENTS, create).await;
    ids
}

/// All clients ask for jobs here and there; gives how long each answer took, and all of them.
async fn ask(url: &str, questions: &[Question], pace: Duration, clock: &SystemClock) -> (Vec<Duration>, Duration) {
    let askers = join_all((0..CLIENTS).map(|_| Asker::connect(url))).await;
    let began = clock.monotonic();
    let ask = async |(number, mut asker): (usize, Asker)| {
        let rounds = if pace.is_zero() { QUESTIONS } else { PACED_QUESTIONS };
        let mut latencies = Vec::with_capacity(rounds);
        // They do not all ask in the same moment.
        clock.sleep(pace * number as u32 / CLIENTS as u32).await;
        for round in 0..rounds {
            let asked = clock.monotonic();
            asker.ask(&questions[(round * CLIENTS + number).wrapping_mul(7919) % questions.len()]).await;
            let took = clock.monotonic().since(asked);
            latencies.push(took);
            if !pace.is_zero() {
                clock.sleep(pace.saturating_sub(took)).await;
            }
        }
        latencies
    };
    let latencies = join_all(askers.into_iter().enumerate().map(ask)).await.concat();
    (latencies, clock.monotonic().since(began))
}

/// Reads the same page several times.
async fn list_pages(scenario: &Scenario, behind: JobId, clock: &SystemClock) -> Duration {
    let client = client(scenario);
    let query = ListQuery { statuses: Vec::new(), max_results: PAGE_JOBS, next: Some(behind) };
    let began = clock.monotonic();
    for _ in 0..PAGES {
        let page = client.list_jobs(&query).await.expect("the list can be read").value;
        assert_eq!(page.jobs.len(), PAGE_JOBS);
    }
    clock.monotonic().since(began)
}

fn client(scenario: &Scenario) -> Client {
    Client::new(client_config(scenario), Arc::new(SystemClock::new())).expect("no certificates are needed")
}

fn client_config(scenario: &Scenario) -> ClientConfig {
    let section = scenario.client();
    let text = |name: &str| section.get(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
    ClientConfig {
        url: Url::parse(&scenario.url).expect("the service has a URL"),
        appid: text("appid"),
        uin: text("uin"),
        region: text("region"),
        secret_id: text("secret_id"),
        secret_key: Secret::new(&text("secret_key")),
        security_token: None,
        ca: None,
    }
}
