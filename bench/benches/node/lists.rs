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

use crate::yardstick::Yardstick;
use crate::{JOBS, form, serve};

const CLIENTS: usize = 64;
/// What each client asks in a round.
const QUESTIONS: usize = 200;
/// How often a client asks that waits for its job: every tenth of a second, 640 times a second in all.
const PACE: Duration = Duration::from_millis(100);
const PAGES: u32 = 20;
const PAGE_JOBS: usize = 1000;

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
    let described = runtime.block_on(client(&scenario, &scenario.url).describe_job(ids[0])).expect("the job is there");
    std::fs::write(&answer, &described.body).expect("the folder takes it");
    let yardstick = Yardstick::start(&answer);

    let (mut describe, mut list) = (Figures::default(), Figures::default());
    for _ in 0..rounds {
        let (service, bare) = (|| Usage::of(scenario.service.id()), || yardstick.usage());
        let turns: [(&str, Duration, &str, &dyn Fn() -> Usage); 3] = [
            ("one after the other", Duration::ZERO, &scenario.url, &service),
            ("of bare hyper", Duration::ZERO, &yardstick.url, &bare),
            ("each 10 times a second", PACE, &scenario.url, &service),
        ];
        for (name, pace, url, usage) in turns.into_iter().filter(|(_, pace, ..)| lists || pace.is_zero()) {
            let before = usage().cpu;
            let ours = Usage::of(std::process::id()).cpu;
            let (mut latencies, took) = runtime.block_on(ask(&scenario, url, &ids, pace, &clock));
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
async fn ask(
    scenario: &Scenario,
    url: &str,
    ids: &[JobId],
    pace: Duration,
    clock: &SystemClock,
) -> (Vec<Duration>, Duration) {
    let began = clock.monotonic();
    let ask = async |number: usize| {
        let client = client(scenario, url);
        let mut latencies = Vec::with_capacity(QUESTIONS);
        // They do not all ask in the same moment.
        clock.sleep(pace * number as u32 / CLIENTS as u32).await;
        for question in 0..QUESTIONS {
            let asked = clock.monotonic();
            let id = ids[(question * CLIENTS + number).wrapping_mul(7919) % ids.len()];
            client.describe_job(id).await.expect("the job is there");
            let took = clock.monotonic().since(asked);
            latencies.push(took);
            clock.sleep(pace.saturating_sub(took)).await;
        }
        latencies
    };
    let latencies = join_all((0..CLIENTS).map(ask)).await.concat();
    (latencies, clock.monotonic().since(began))
}

/// Reads the same page several times.
async fn list_pages(scenario: &Scenario, behind: JobId, clock: &SystemClock) -> Duration {
    let client = client(scenario, &scenario.url);
    let query = ListQuery { statuses: Vec::new(), max_results: PAGE_JOBS, next: Some(behind) };
    let began = clock.monotonic();
    for _ in 0..PAGES {
        let page = client.list_jobs(&query).await.expect("the list can be read").value;
        assert_eq!(page.jobs.len(), PAGE_JOBS);
    }
    clock.monotonic().since(began)
}

fn client(scenario: &Scenario, url: &str) -> Client {
    let section = scenario.client();
    let text = |name: &str| section.get(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
    let config = ClientConfig {
        url: Url::parse(url).expect("the service has a URL"),
        appid: text("appid"),
        uin: text("uin"),
        region: text("region"),
        secret_id: text("secret_id"),
        secret_key: Secret::new(&text("secret_key")),
        security_token: None,
        ca: None,
    };
    Client::new(config, Arc::new(SystemClock::new())).expect("no certificates are needed")
}
