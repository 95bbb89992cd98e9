//! A proxy before the buckets: records each call for a task, when it arrived, what it found and did,
//! and when it was answered; answers slowly, holds answers back, and kills the service at a call.
//!
//! It carries calls out one after the other, also when their sender is dead. Each process of the service
//! has its own listener, so that a call of a dead process never counts as its successor's.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use brigade_model::ports::object_store::{At, CallKind, CancelToken, DeleteObject, send};
use brigade_model::ports::{Clock, Spawn};
use brigade_runtime::{SystemClock, TokioSpawn};
use brigade_s3::simulated::SimulatedStore;
use bytes::Bytes;
use futures::StreamExt;
use http::StatusCode;
use rustix::process::{Pid, Signal, kill_process};
use tokio::net::TcpListener;
use tokio::sync::{Mutex as AsyncMutex, oneshot, watch};

use super::history::{Done, Entry, Event, Object};
use super::message::Message;
use super::scenario::{Call, Chance, On, Trap};
use crate::function::Invoked;
use crate::test_service::credentials;

/// Bytes of a manifest that come at once.
const PIECE: usize = 1024;
/// The pause after each.
const PIECE_PAUSE: Duration = Duration::from_millis(3);

/// Everything that is seen of a run. Clones are one.
#[derive(Clone)]
pub(crate) struct CallRecorder(Arc<Inner>);

struct Inner {
    bucket: SimulatedStore,
    clock: Arc<SystemClock>,
    chance: Chance,
    answer: Duration,
    /// Only its holder changes or reads objects.
    turn: AsyncMutex<()>,
    state: Mutex<State>,
    /// The life that was ended last.
    dead: watch::Sender<u32>,
    is_holding: watch::Sender<bool>,
    /// How often what was held back was let go.
    let_go: watch::Sender<u64>,
    held: watch::Sender<u32>,
}

#[derive(Default)]
struct State {
    history: Vec<Entry>,
    life: u32,
    process: Option<Pid>,
    calls: u64,
    trap: Option<Trap>,
    /// Whether a call has come that changes an object of a task.
    has_acted: bool,
    /// The function's own record.
    invoked: Invoked,
}

impl CallRecorder {
    /// Stands before these buckets; answers to calls for tasks take `answer` on average.
    pub(crate) fn new(bucket: SimulatedStore, clock: Arc<SystemClock>, seed: u64, answer: Duration) -> Self {
        Self(Arc::new(Inner {
            bucket,
            clock,
            chance: Chance::new(seed ^ 0xA11),
            answer,
            turn: AsyncMutex::new(()),
            state: Mutex::default(),
            dead: watch::Sender::new(0),
            is_holding: watch::Sender::new(false),
            let_go: watch::Sender::new(0),
            held: watch::Sender::new(0),
        }))
    }

    /// The preflight is over: whatever looks from now on is a task.
    pub(crate) fn end_preflight(&self) {
        self.state().has_acted = true;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A listener for the next process of the service; gives its URL.
    pub(crate) async fn listen(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let life = {
            let mut state = self.state();
            state.life += 1;
            state.note(Event::Started);
            state.life
        };
        let recorder = self.clone();
        let watch = from_fn(move |request: Request, next: Next| {
            let recorder = recorder.clone();
            async move { recorder.watch(life, request, next).await }
        });
        let routes = brigade_sandbox::routes(self.0.bucket.clone(), credentials()).layer(watch);
        let serve = async move { axum::serve(listener, routes).await.unwrap() };
        TokioSpawn.spawn("sandbox", Box::pin(serve));
        url
    }

    /// The process that the last listener is for.
    pub(crate) fn note_process(&self, id: u32) {
        self.state().process = Pid::from_raw(i32::try_from(id).unwrap());
    }

    pub(crate) fn note(&self, event: Event) {
        self.state().note(event);
    }

    pub(crate) fn history(&self) -> Vec<Entry> {
        self.state().history.clone()
    }

    /// What the function was invoked for.
    pub(crate) fn invoked(&self) -> Invoked {
        self.state().invoked.clone()
    }

    pub(crate) fn set_trap(&self, trap: Option<Trap>) {
        self.state().trap = trap;
    }

    /// `kill -9`, unless it is dead already.
    pub(crate) fn kill(&self, why: &str) {
        let mut state = self.state();
        let Some(process) = state.process.take() else { return };
        kill_process(process, Signal::KILL).unwrap();
        state.trap = None;
        state.note(Event::Killed { why: why.to_owned() });
        self.0.dead.send_replace(state.life);
    }

    /// Sends a signal to the process, which lives.
    pub(crate) fn signal(&self, signal: Signal) {
        let mut state = self.state();
        kill_process(state.process.unwrap(), signal).unwrap();
        state.note(Event::Signalled { signal });
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.state().process.is_none()
    }

    /// Holds the answers to calls for tasks back, or lets them go.
    pub(crate) fn hold(&self, is_holding: bool) {
        self.0.is_holding.send_replace(is_holding);
    }

    /// Lets those go that are held back now, and holds back others.
    pub(crate) fn let_go(&self) {
        self.0.let_go.send_modify(|times| *times += 1);
    }

    /// How many answers are held back.
    pub(crate) fn held(&self) -> u32 {
        *self.0.held.borrow()
    }

    /// Objects whose change the last process has no answer to, or had none when it died.
    pub(crate) fn lost(&self) -> Vec<At> {
        let state = self.state();
        let mut open: Vec<(u64, Vec<At>)> = Vec::new();
        for entry in state.history.iter().filter(|entry| entry.life == state.life) {
            match &entry.event {
                Event::Arrived { call, kind: Some(kind), objects } if kind.changes_objects() => {
                    open.push((*call, objects.iter().map(|object| object.at.clone()).collect()));
                }
                Event::Answered { call } => open.retain(|(other, _)| other != call),
                _ => {}
            }
        }
        open.into_iter().flat_map(|(_, objects)| objects).collect()
    }

    /// Another writer writes an object, or deletes it.
    pub(crate) async fn write(&self, at: &At, body: Option<String>) {
        let _turn = self.0.turn.lock().await;
        match body {
            Some(body) => self.0.bucket.put(at, Bytes::from(body).into()).unwrap(),
            None => {
                let delete = DeleteObject { at: at.clone(), version: None, if_match: None };
                send(&self.0.bucket, &CancelToken::unbounded(), delete).await.unwrap();
            }
        }
        let etag = self.0.bucket.object(at).and_then(|object| object.head.etag);
        let mut state = self.state();
        let event = Event::Foreign { at: at.clone(), etag };
        state.history.push(Entry { life: 0, event });
    }

    /// Lets a call through, or not.
    async fn watch(&self, life: u32, request: Request, next: Next) -> Response {
        let (head, body) = request.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
        let message = self.of_task_or_preflight(Message::read(&head, &body));
        let request = Request::from_parts(head, Body::from(body));
        let call = self.arrive(life, &message);
        let (to, answer) = oneshot::channel();
        let recorder = self.clone();
        let carry = async move {
            // The receiver is gone when the sender of the call is dead.
            let _ = to.send(recorder.carry(life, call, message, request, next).await);
        };
        TokioSpawn.spawn("call", Box::pin(carry));
        answer.await.ok().flatten().unwrap_or_else(|| StatusCode::SERVICE_UNAVAILABLE.into_response())
    }

    /// Before the first call that changes an object only a preflight looks at any: that is for no task.
    fn of_task_or_preflight(&self, message: Message) -> Message {
        let mut state = self.state();
        state.has_acted |= !message.objects.is_empty() && message.acts();
        if message.kind == Some(CallKind::HeadObject) && !state.has_acted { message.of_no_task() } else { message }
    }

    fn arrive(&self, life: u32, message: &Message) -> u64 {
        let mut state = self.state();
        state.calls += 1;
        let call = state.calls;
        if !message.objects.is_empty() {
            let event = Event::Arrived { call, kind: message.kind, objects: message.objects.clone() };
            state.history.push(Entry { life, event });
        }
        call
    }

    /// Carries a call out; `None` when the caller gets no answer.
    async fn carry(self, life: u32, call: u64, message: Message, request: Request, next: Next) -> Option<Response> {
        let is_task = !message.objects.is_empty();
        if is_task {
            self.wait(self.0.answer / 4).await;
        }
        let sprung = message.on().and_then(|on| self.spring(life, on));
        if matches!(sprung, Some(Call::Lost | Call::Late)) {
            self.kill(&format!("at call {call}, {sprung:?}"));
        }
        let is_lost = sprung != Some(Call::Late) && self.0.chance.below(2) == 0;
        if sprung == Some(Call::Lost) || (self.is_over(life) && is_lost) {
            return None;
        }
        let mut response = self.carry_out(life, call, &message, request, next).await;
        if sprung == Some(Call::Unanswered) {
            self.kill(&format!("at call {call}, {sprung:?}"));
        }
        if is_task {
            // What many are asked for at once has few moments otherwise.
            self.wait(self.0.answer * if message.objects.len() > 1 { 60 } else { 1 }).await;
            self.hold_back(life).await;
            self.answer(life, call);
        } else if message.kind == Some(CallKind::GetObject) {
            response = self.in_pieces(life, response);
        }
        Some(response)
    }

    async fn carry_out(&self, life: u32, call: u64, message: &Message, request: Request, next: Next) -> Response {
        let _turn = self.0.turn.lock().await;
        let see = |object: &Object| {
            let found = match &object.version {
                Some(version) => self.0.bucket.object_version(&object.at, version),
                None => self.0.bucket.object(&object.at),
            };
            found.and_then(|object| object.head.etag)
        };
        let before: Vec<_> = message.objects.iter().map(see).collect();
        let response = match &message.invocation {
            None => next.run(request).await,
            Some(invocation) => invocation.carry_out(&mut self.state().invoked),
        };
        let is_refused = !response.status().is_success();
        let mut state = self.state();
        for (object, before) in message.objects.iter().zip(before) {
            let done = Done { is_refused, before, after: see(object) };
            let event = Event::CarriedOut { call, object: object.clone(), done };
            state.history.push(Entry { life, event });
        }
        response
    }

    /// Up to twice as long.
    async fn wait(&self, mean: Duration) {
        let most_us = u64::try_from(mean.as_micros()).unwrap() * 2;
        self.0.clock.sleep(Duration::from_micros(self.0.chance.below(most_us + 1))).await;
    }

    async fn hold_back(&self, life: u32) {
        let mut is_holding = self.0.is_holding.subscribe();
        if !*is_holding.borrow() {
            return;
        }
        let (mut dead, mut let_go) = (self.0.dead.subscribe(), self.0.let_go.subscribe());
        let_go.mark_unchanged();
        self.0.held.send_modify(|held| *held += 1);
        // The senders live in self, so waiting cannot fail.
        tokio::select! {
            _ = is_holding.wait_for(|is_holding| !is_holding) => {}
            _ = let_go.changed() => {}
            _ = dead.wait_for(|dead| *dead >= life) => {}
        }
        self.0.held.send_modify(|held| *held -= 1);
    }

    fn answer(&self, life: u32, call: u64) {
        if !self.is_over(life) {
            let mut state = self.state();
            state.history.push(Entry { life, event: Event::Answered { call } });
        }
    }

    fn is_over(&self, life: u32) -> bool {
        *self.0.dead.borrow() >= life
    }

    fn spring(&self, life: u32, on: On) -> Option<Call> {
        let mut state = self.state();
        let is_current = state.life == life;
        let trap = state.trap.as_mut().filter(|trap| is_current && trap.on == on)?;
        if trap.after > 0 {
            trap.after -= 1;
            return None;
        }
        state.trap.take().map(|trap| trap.call)
    }

    /// Sends an answer's body slowly, in pieces.
    fn in_pieces(&self, life: u32, response: Response) -> Response {
        let recorder = self.clone();
        let (head, body) = response.into_parts();
        let pieces = body.into_data_stream().flat_map(|bytes| {
            let bytes = bytes.unwrap();
            let count = bytes.len().div_ceil(PIECE);
            futures::stream::iter((0..count).map(move |n| bytes.slice(n * PIECE..bytes.len().min((n + 1) * PIECE))))
        });
        let sent = pieces.then(move |piece| {
            let recorder = recorder.clone();
            async move {
                recorder.0.clock.sleep(PIECE_PAUSE).await;
                if recorder.spring(life, On::Piece).is_some() {
                    recorder.kill("at a piece of the manifest");
                }
                Ok::<_, std::convert::Infallible>(piece)
            }
        });
        Response::from_parts(head, Body::from_stream(sent))
    }
}

impl State {
    fn note(&mut self, event: Event) {
        let life = self.life;
        self.history.push(Entry { life, event });
    }
}
