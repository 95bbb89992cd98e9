//! Runs everything of a simulation on one thread, in an order that a seed decides.
//!
//! The seed picks which ready work runs next, so that a thousand seeds see a thousand interleavings
//! where a queue would show one. When nothing is ready, time jumps to the next timer: an hour of
//! waiting costs nothing. Work belongs to nodes. A crash drops a node with all its work; a frozen node,
//! like a stopped process, runs nothing until it thaws, while time passes.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use brigade_model::ports::spawn::{Spawn, Spawned, Work};
use brigade_model::ports::{Entropy, clock};
use brigade_runtime::SeededEntropy;
use tokio::sync::watch;

/// More steps than anything honest takes without time going on.
const STEPS_AT_ONCE_MAX: u64 = 1_000_000;

/// The executor. Clones are one.
#[derive(Clone)]
pub(crate) struct Executor(Arc<Inner>);

struct Inner {
    order: SeededEntropy,
    /// Woken, and not gone on with yet.
    ready: Mutex<Vec<u64>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    now: Duration,
    next: u64,
    timers: BTreeMap<(Duration, u64), Waker>,
    tasks: BTreeMap<u64, Task>,
    nodes: BTreeMap<u32, NodeState>,
    /// Work of crashed nodes, which must be dropped while nothing else runs.
    doomed: Vec<Task>,
    panics: Vec<String>,
}

struct Task {
    node: u32,
    name: &'static str,
    /// `None` while it goes on.
    work: Option<Work>,
    waker: Waker,
    /// Dropped with the task, which wakes those that wait for its end.
    _alive: watch::Sender<()>,
}

enum NodeState {
    Running,
    /// With what was woken meanwhile.
    Frozen(Vec<u64>),
    Crashed,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Executor {
    /// An executor whose order `seed` decides.
    pub(crate) fn new(seed: u64) -> Self {
        let (order, ready, state) = (SeededEntropy::new(seed), Mutex::default(), Mutex::default());
        Self(Arc::new(Inner { order, ready, state }))
    }

    /// Time since the beginning.
    pub(crate) fn now(&self) -> Duration {
        lock(&self.0.state).now
    }

    /// Waits that long.
    pub(crate) fn sleep(&self, duration: Duration) -> clock::Sleep {
        let deadline = self.now().saturating_add(duration);
        Box::pin(Timer { executor: Arc::downgrade(&self.0), deadline, key: None })
    }

    /// A new node, named by its number.
    pub(crate) fn node(&self) -> Node {
        let mut state = lock(&self.0.state);
        let id = u32::try_from(state.nodes.len()).unwrap_or(u32::MAX);
        state.nodes.insert(id, NodeState::Running);
        Node { executor: self.clone(), id }
    }

    /// What panicked so far.
    pub(crate) fn panics(&self) -> Vec<String> {
        lock(&self.0.state).panics.clone()
    }

    /// Runs until `main` has ended, and then forgets everything else.
    ///
    /// # Panics
    /// When `main` cannot end: it panicked, or nothing will ever happen, or nothing but the same
    /// moment does.
    pub(crate) fn run<T: Send + 'static>(&self, node: &Node, main: impl Future<Output = T> + Send + 'static) -> T {
        let slot = Arc::new(Mutex::new(None));
        let result = slot.clone();
        node.spawn("main", Box::pin(async move { *lock(&slot) = Some(main.await) }));
        let mut steps = 0;
        loop {
            self.bury();
            if let Some(result) = lock(&result).take() {
                self.end();
                return result;
            }
            match self.pick() {
                Some(task) => self.go_on(task),
                None if self.advance() => steps = 0,
                None => panic!("nothing will ever happen: {:?}", self.panics()),
            }
            steps += 1;
            assert!(steps < STEPS_AT_ONCE_MAX, "it spins at {:?}", self.now());
        }
    }

    /// The next task, by the seed's choice.
    fn pick(&self) -> Option<u64> {
        let mut ready = lock(&self.0.ready);
        let count = ready.len() as u64;
        (count > 0).then(|| ready.remove(usize::try_from(self.0.order.below(count)).unwrap_or(0)))
    }

    fn go_on(&self, id: u64) {
        let Some((mut work, waker)) = self.take(id) else { return };
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(&mut Context::from_waker(&waker))));
        match polled {
            Ok(Poll::Pending) => self.put_back(id, work),
            Ok(Poll::Ready(())) => self.remove(id, None),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                self.remove(id, Some(text.unwrap_or_default()));
            }
        }
    }

    /// The work of a task, if it may go on.
    fn take(&self, id: u64) -> Option<(Work, Waker)> {
        let mut state = lock(&self.0.state);
        let State { tasks, nodes, .. } = &mut *state;
        let task = tasks.get_mut(&id)?;
        if let Some(NodeState::Frozen(woken)) = nodes.get_mut(&task.node) {
            woken.push(id);
            return None;
        }
        Some((task.work.take()?, task.waker.clone()))
    }

    fn put_back(&self, id: u64, work: Work) {
        let mut state = lock(&self.0.state);
        match state.tasks.get_mut(&id) {
            Some(task) => task.work = Some(work),
            // Its node crashed, or it was aborted, while it went on.
            None => {
                drop(state);
                drop(work);
            }
        }
    }

    fn remove(&self, id: u64, panic: Option<String>) {
        let mut state = lock(&self.0.state);
        let task = state.tasks.remove(&id);
        if let (Some(task), Some(panic)) = (&task, panic) {
            state.panics.push(format!("{} of node {}: {panic}", task.name, task.node));
        }
        drop(state);
        drop(task);
    }

    /// Drops the work of crashed nodes.
    fn bury(&self) {
        loop {
            let doomed = std::mem::take(&mut lock(&self.0.state).doomed);
            if doomed.is_empty() {
                return;
            }
            drop(doomed);
        }
    }

    /// Goes on to the next timer; false when there is none.
    fn advance(&self) -> bool {
        let mut state = lock(&self.0.state);
        let Some((&(deadline, _), _)) = state.timers.first_key_value() else { return false };
        state.now = state.now.max(deadline);
        let later = state.timers.split_off(&(deadline, u64::MAX));
        let due = std::mem::replace(&mut state.timers, later);
        drop(state);
        due.into_values().for_each(Waker::wake);
        true
    }

    /// Drops everything: tasks hold clones of the executor that holds them.
    fn end(&self) {
        let tasks = std::mem::take(&mut lock(&self.0.state).tasks);
        drop(tasks);
        self.bury();
    }
}

struct Timer {
    executor: Weak<Inner>,
    deadline: Duration,
    key: Option<(Duration, u64)>,
}

impl Future for Timer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Some(executor) = self.executor.upgrade() else { return Poll::Pending };
        let mut state = lock(&executor.state);
        if state.now >= self.deadline {
            return Poll::Ready(());
        }
        let key = self.key.unwrap_or_else(|| {
            state.next += 1;
            (self.deadline, state.next)
        });
        state.timers.insert(key, context.waker().clone());
        drop(state);
        self.key = Some(key);
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let (Some(key), Some(executor)) = (self.key, self.executor.upgrade()) {
            let waker = lock(&executor.state).timers.remove(&key);
            drop(waker);
        }
    }
}

/// Wakes a task: puts it among the ready ones, once.
struct Bell {
    executor: Weak<Inner>,
    task: u64,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        if let Some(executor) = self.executor.upgrade() {
            // In the order of their numbers: tokio's watch wakes its listeners in one of its own.
            let mut ready = lock(&executor.ready);
            if let Err(place) = ready.binary_search(&self.task) {
                ready.insert(place, self.task);
            }
        }
    }
}

/// A process: work that crashes and freezes together. Clones are one node.
#[derive(Clone)]
pub(crate) struct Node {
    executor: Executor,
    pub(crate) id: u32,
}

impl Node {
    /// Ends everything that runs on the node, where it stands; nothing starts on it any more.
    pub(crate) fn crash(&self) {
        let mut state = lock(&self.executor.0.state);
        state.nodes.insert(self.id, NodeState::Crashed);
        let of_node: Vec<u64> =
            state.tasks.iter().filter(|(_, task)| task.node == self.id).map(|(id, _)| *id).collect();
        for id in of_node {
            let doomed = state.tasks.remove(&id);
            state.doomed.extend(doomed);
        }
    }

    /// Whether it crashed.
    pub(crate) fn is_crashed(&self) -> bool {
        matches!(lock(&self.executor.0.state).nodes.get(&self.id), Some(NodeState::Crashed))
    }

    /// Whether it is frozen.
    pub(crate) fn is_frozen(&self) -> bool {
        matches!(lock(&self.executor.0.state).nodes.get(&self.id), Some(NodeState::Frozen(_)))
    }

    /// Nothing of it goes on.
    pub(crate) fn freeze(&self) {
        if let Some(node @ NodeState::Running) = lock(&self.executor.0.state).nodes.get_mut(&self.id) {
            *node = NodeState::Frozen(Vec::new());
        }
    }

    /// It goes on where it stood.
    pub(crate) fn thaw(&self) {
        let woken = match lock(&self.executor.0.state).nodes.get_mut(&self.id) {
            Some(node @ NodeState::Frozen(_)) => std::mem::replace(node, NodeState::Running),
            _ => return,
        };
        if let NodeState::Frozen(woken) = woken {
            let mut ready = lock(&self.executor.0.ready);
            ready.extend(woken);
            ready.sort_unstable();
            ready.dedup();
        }
    }
}

impl Spawn for Node {
    fn spawn(&self, name: &'static str, work: Work) -> Box<dyn Spawned> {
        let inner = &self.executor.0;
        let mut state = lock(&inner.state);
        state.next += 1;
        let id = state.next;
        let (alive, ended) = watch::channel(());
        let waker = Waker::from(Arc::new(Bell { executor: Arc::downgrade(inner), task: id }));
        let task = Task { node: self.id, name, work: Some(work), waker, _alive: alive };
        if matches!(state.nodes.get(&self.id), Some(NodeState::Crashed)) {
            state.doomed.push(task);
        } else {
            state.tasks.insert(id, task);
            // The newest has the greatest number.
            lock(&inner.ready).push(id);
        }
        drop(state);
        Box::new(Started { executor: self.executor.clone(), id, ended })
    }
}

struct Started {
    executor: Executor,
    id: u64,
    ended: watch::Receiver<()>,
}

impl Spawned for Started {
    fn abort(&self) {
        let mut state = lock(&self.executor.0.state);
        let doomed = state.tasks.remove(&self.id);
        state.doomed.extend(doomed);
    }

    fn ended(self: Box<Self>) -> Work {
        let mut ended = self.ended;
        Box::pin(async move { while ended.changed().await.is_ok() {} })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order in which ten sleepers of one moment wake.
    fn order(seed: u64) -> Vec<u64> {
        let executor = Executor::new(seed);
        let node = executor.node();
        let woken = Arc::new(Mutex::new(Vec::new()));
        let (clock, seen) = (executor.clone(), woken.clone());
        let others = executor.node();
        executor.run(&node, async move {
            for n in 0..10 {
                let (clock, woken) = (clock.clone(), woken.clone());
                others.spawn(
                    "sleeper",
                    Box::pin(async move {
                        clock.sleep(Duration::from_secs(3600)).await;
                        lock(&woken).push(n);
                    }),
                );
            }
            clock.sleep(Duration::from_secs(3601)).await;
        });
        let seen = lock(&seen);
        seen.clone()
    }

    #[test]
    fn a_seed_decides_the_order_and_an_hour_costs_nothing() {
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
        assert_eq!(order(1).len(), 10);
    }

    #[test]
    fn a_frozen_node_goes_on_when_it_thaws_and_a_crashed_one_never() {
        let executor = Executor::new(1);
        let (cluster, frozen, crashed) = (executor.node(), executor.node(), executor.node());
        let clock = executor.clone();
        let ended = executor.run(&cluster, async move {
            let sleep = |seconds| clock.sleep(Duration::from_secs(seconds));
            let late = Arc::new(Mutex::new(false));
            let (raised, timer) = (late.clone(), sleep(1));
            frozen.spawn(
                "late",
                Box::pin(async move {
                    timer.await;
                    *lock(&raised) = true;
                }),
            );
            let gone = crashed.spawn("gone", Box::pin(std::future::pending()));
            frozen.freeze();
            sleep(5).await;
            assert!(!*lock(&late));
            frozen.thaw();
            sleep(1).await;
            crashed.crash();
            gone.ended().await;
            crashed.spawn("too late", Box::pin(std::future::pending())).ended().await;
            *lock(&late)
        });
        assert!(ended);
    }

    #[test]
    fn a_panic_ends_its_task_and_is_told() {
        let executor = Executor::new(1);
        let (cluster, node) = (executor.node(), executor.node());
        executor
            .run(&cluster, async move { node.spawn("faulty", Box::pin(async { panic!("for a test") })).ended().await });
        assert_eq!(executor.panics(), ["faulty of node 1: for a test"]);
    }
}
