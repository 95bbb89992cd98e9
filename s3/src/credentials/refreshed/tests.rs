use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use brigade_runtime::{SimulatedClock, TokioSpawn};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::*;

/// What the test lets a fetch bring.
type Brought = Result<Fetched, NoCredentials>;

struct Fetches {
    come: tokio::sync::Mutex<UnboundedReceiver<Brought>>,
    begun: Arc<AtomicUsize>,
}

#[async_trait]
impl FetchCredentials for Fetches {
    fn place(&self) -> &'static str {
        "the test"
    }

    async fn fetch(&self) -> Brought {
        self.begun.fetch_add(1, Ordering::SeqCst);
        match self.come.lock().await.recv().await {
            Some(brought) => brought,
            None => std::future::pending().await,
        }
    }
}

struct Case {
    clock: Arc<SimulatedClock>,
    credentials: RefreshedCredentials,
    bring: UnboundedSender<Brought>,
    begun: Arc<AtomicUsize>,
}

impl Case {
    fn new() -> Self {
        let (clock, begun) = (Arc::new(SimulatedClock::new()), Arc::new(AtomicUsize::new(0)));
        let (bring, come) = unbounded_channel();
        let fetches = Fetches { come: tokio::sync::Mutex::new(come), begun: Arc::clone(&begun) };
        let credentials = RefreshedCredentials::new("main", fetches, clock.clone(), Arc::new(TokioSpawn));
        Self { clock, credentials, bring, begun }
    }

    fn brings(&self, key_id: &str, lives: Option<Duration>) {
        let credentials =
            Credentials { key_id: key_id.into(), secret: "hidden-secret".into(), token: Some("hidden-token".into()) };
        let ends = lives.map(|lives| self.clock.now() + lives);
        self.bring.send(Ok(Fetched { credentials, ends })).unwrap();
    }

    fn fails(&self) {
        self.bring.send(Err(NoCredentials("it is down".into()))).unwrap();
    }

    async fn pass(&self, time: Duration) {
        self.clock.sleep(time).await;
    }

    fn current(&self) -> Option<String> {
        self.credentials.current().map(|credentials| credentials.key_id.clone())
    }

    async fn obtain(&self) -> Result<String, String> {
        let obtained = self.credentials.obtain().await;
        obtained.map(|credentials| credentials.key_id.clone()).map_err(|problem| problem.to_string())
    }

    /// Lets what was spawned run.
    async fn run_ready(&self) {
        self.pass(Duration::from_millis(1)).await;
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }
}

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_before_the_first_request_and_all_that_wait_share_one_fetch() {
    let case = Case::new();
    case.pass(HOUR).await;
    assert_eq!(case.begun(), 0);
    let waiting: VecDeque<_> = (0..50).map(|_| case.obtain()).collect();
    case.brings("one", Some(HOUR));
    for obtained in futures::future::join_all(waiting).await {
        assert_eq!(obtained.as_deref(), Ok("one"));
    }
    assert_eq!(case.begun(), 1);
}

#[tokio::test(start_paused = true)]
async fn five_minutes_before_the_end_they_are_fetched_again_while_requests_go_on_with_the_old_ones() {
    let case = Case::new();
    case.brings("one", Some(HOUR));
    case.obtain().await.unwrap();
    case.pass(HOUR - 5 * MINUTE - Duration::from_secs(1)).await;
    assert_eq!(case.current().as_deref(), Some("one"));
    case.run_ready().await;
    assert_eq!(case.begun(), 1, "it is too early");
    case.pass(Duration::from_secs(2)).await;
    for _ in 0..9 {
        assert_eq!(case.current().as_deref(), Some("one"), "no request waits");
        case.run_ready().await;
    }
    assert_eq!(case.begun(), 2, "and one fetch is under way");
    case.brings("two", Some(HOUR));
    case.run_ready().await;
    assert_eq!(case.current().as_deref(), Some("two"));
    case.run_ready().await;
    assert_eq!(case.begun(), 2);
}

#[tokio::test(start_paused = true)]
async fn those_that_live_for_a_few_minutes_are_fetched_at_the_half_of_what_remains() {
    let case = Case::new();
    case.brings("one", Some(4 * MINUTE));
    case.obtain().await.unwrap();
    case.pass(2 * MINUTE - Duration::from_secs(1)).await;
    case.current();
    case.run_ready().await;
    assert_eq!(case.begun(), 1);
    case.pass(Duration::from_secs(1)).await;
    case.current();
    case.run_ready().await;
    assert_eq!(case.begun(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failed_fetch_is_repeated_after_a_delay_and_told_only_once_the_old_ones_have_ended() {
    let case = Case::new();
    case.brings("one", Some(HOUR));
    case.obtain().await.unwrap();
    case.pass(HOUR - 5 * MINUTE).await;
    case.fails();
    case.current();
    case.run_ready().await;
    assert_eq!((case.obtain().await.as_deref(), case.begun()), (Ok("one"), 2), "they are still valid");
    case.pass(RETRY_DELAY).await;
    case.fails();
    case.current();
    case.run_ready().await;
    assert_eq!(case.begun(), 3);
    case.pass(5 * MINUTE).await;
    case.fails();
    let expected = "no credentials from the test: it is down";
    assert_eq!(case.obtain().await.unwrap_err(), expected);
    assert_eq!((case.obtain().await.unwrap_err().as_str(), case.begun()), (expected, 4), "at once, without a request");
    case.pass(RETRY_DELAY).await;
    case.brings("two", None);
    assert_eq!(case.obtain().await.as_deref(), Ok("two"));
    case.pass(999 * HOUR).await;
    case.run_ready().await;
    assert_eq!((case.current().as_deref(), case.begun()), (Some("two"), 5), "they have no end");
}

#[tokio::test(start_paused = true)]
async fn what_the_store_refuses_is_fetched_once_and_not_again_at_once() {
    let case = Case::new();
    case.brings("one", None);
    case.obtain().await.unwrap();
    let one = case.credentials.current().unwrap();
    assert!(!case.credentials.renew(&one), "they are new: others would be refused, too");
    case.pass(RETRY_DELAY).await;
    assert!(case.credentials.renew(&one));
    assert!(case.credentials.renew(&one), "others were in flight with the same");
    assert_eq!(case.current(), None);
    case.brings("two", None);
    assert_eq!(case.obtain().await.as_deref(), Ok("two"));
    assert!(case.credentials.renew(&one), "a late answer to the old ones");
    assert_eq!((case.current().as_deref(), case.begun()), (Some("two"), 2));
}

#[tokio::test(start_paused = true)]
async fn what_has_ended_already_or_never_comes_is_no_answer() {
    let case = Case::new();
    case.brings("old", Some(Duration::ZERO));
    assert!(case.obtain().await.unwrap_err().contains("compare this machine's clock"));
    case.pass(RETRY_DELAY).await;
    let before = case.clock.monotonic();
    assert!(case.obtain().await.unwrap_err().contains("no answer in 60s"));
    assert_eq!(case.clock.monotonic().since(before), FETCH_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn fetched_credentials_are_never_shown() {
    let case = Case::new();
    case.brings("one", None);
    case.obtain().await.unwrap();
    assert!(!format!("{:?}", case.credentials).contains("hidden"));
}
