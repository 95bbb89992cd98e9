//! How commands are committed.

use std::pin::Pin;
use std::sync::mpsc;

use brigade_model::Quota;
use brigade_model::ports::JobStore;
use brigade_model::ports::job_store::{CreateJobError, StoreError};
use futures::future::join_all;
use futures::{FutureExt, poll};
use tokio::sync::oneshot;

use super::super::SqliteStore;
use super::super::writer::{Stopped, Written};
use super::{open, open_again, with_writer};
use crate::conformance::sample_job;

/// A command that occupies the writer until the gate is dropped, and when it has begun to.
struct Occupation<F> {
    gate: mpsc::Sender<()>,
    begun: oneshot::Receiver<()>,
    done: Pin<Box<F>>,
}

/// Sends such a command.
fn send_occupation(store: &SqliteStore) -> Occupation<impl Future<Output = Result<(), StoreError>>> {
    let (gate, opened) = mpsc::channel::<()>();
    let (tell, begun) = oneshot::channel();
    let mut done = Box::pin(with_writer(store, move |_| {
        tell.send(()).unwrap();
        opened.recv().unwrap_err();
        Ok(())
    }));
    assert!(done.as_mut().now_or_never().is_none());
    Occupation { gate, begun, done }
}

/// Occupies the writer: whatever is sent from now on waits, and shares the group.
async fn occupy_writer(store: &SqliteStore) -> (mpsc::Sender<()>, impl Future<Output = Result<(), StoreError>>) {
    let Occupation { gate, begun, done } = send_occupation(store);
    begun.await.unwrap();
    (gate, done)
}

#[tokio::test]
async fn commands_that_wait_share_a_transaction_of_64_at_most() {
    let (_directory, store) = open();
    let quota = Quota::of_open_jobs(1000);
    let (gate, occupied) = occupy_writer(&store).await;
    let jobs: Vec<_> = (1..=100).map(sample_job).collect();
    let mut waiting = Box::pin(join_all(jobs.iter().map(|job| store.create_job(job, &quota))));
    assert!(poll!(&mut waiting).is_pending());
    drop(gate);
    occupied.await.unwrap();
    assert!(waiting.await.iter().all(Result::is_ok));
    // The one that occupied the writer and 63 others, then the remaining 37.
    assert_eq!(store.written(), Written { groups: 2, commands: 101 });
}

#[tokio::test]
async fn nobody_is_answered_before_the_commit() {
    let (_directory, store) = open();
    let quota = Quota::of_open_jobs(9);
    let (gate, first) = occupy_writer(&store).await;
    let job = sample_job(1);
    let mut created = Box::pin(store.create_job(&job, &quota));
    assert!(poll!(&mut created).is_pending());
    let last = send_occupation(&store);
    drop(gate);
    last.begun.await.unwrap();
    assert!(poll!(&mut created).is_pending(), "performed, but its group is not committed");
    assert_eq!(store.job(job.id).await.unwrap(), None, "and nobody sees it");
    drop(last.gate);
    let (first, last) = (first.await, last.done.await);
    assert!(first.is_ok() && last.is_ok() && created.await.is_ok());
    assert_eq!(store.written(), Written { groups: 1, commands: 3 });
    assert_eq!(store.job(job.id).await.unwrap(), Some(job));
}

#[tokio::test]
async fn a_refused_command_takes_nothing_from_its_neighbours_and_leaves_nothing() {
    let (_directory, store) = open();
    let quota = Quota::of_open_jobs(2);
    let (gate, occupied) = occupy_writer(&store).await;
    let jobs: Vec<_> = (1..=5).map(sample_job).collect();
    // Each may be the second job at most, and is inserted before that is known.
    let mut waiting = Box::pin(join_all(jobs.iter().map(|job| store.create_job(job, &quota))));
    assert!(poll!(&mut waiting).is_pending());
    drop(gate);
    occupied.await.unwrap();
    let answers = waiting.await;
    assert!(answers[..2].iter().all(Result::is_ok));
    assert!(answers[2..].iter().all(|answer| matches!(answer, Err(CreateJobError::TooManyJobs))), "{answers:?}");
    assert_eq!(store.written().groups, 1);
    assert_eq!(store.open_jobs().await.unwrap().len(), 2);
}

#[tokio::test]
async fn an_error_of_the_database_rolls_back_its_group_and_the_next_one_works() {
    let (directory, store) = open();
    let quota = Quota::of_open_jobs(9);
    let (gate, occupied) = occupy_writer(&store).await;
    let (first, second) = (sample_job(1), sample_job(2));
    let mut created = Box::pin(store.create_job(&first, &quota));
    let mut broken = Box::pin(with_writer(&store, |connection| connection.execute_batch("no such statement")));
    assert!(poll!(&mut created).is_pending() && poll!(&mut broken).is_pending());
    drop(gate);
    assert!(occupied.await.is_err() && broken.await.is_err());
    assert!(matches!(created.await, Err(CreateJobError::Store(_))), "it was not committed, so it is not acknowledged");
    store.create_job(&second, &quota).await.unwrap();
    assert_eq!(store.written().groups, 1);
    drop(store);
    let store = open_again(directory.path());
    assert_eq!(store.open_jobs().await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_was_sent_is_committed_though_its_sender_is_gone() {
    let (directory, store) = open();
    let quota = Quota::of_open_jobs(9);
    let (gate, occupied) = occupy_writer(&store).await;
    let job = sample_job(1);
    let mut abandoned = Box::pin(store.create_job(&job, &quota));
    assert!(poll!(&mut abandoned).is_pending());
    drop(abandoned);
    drop(gate);
    occupied.await.unwrap();
    drop(store);
    assert_eq!(open_again(directory.path()).job(job.id).await.unwrap(), Some(job));
}

#[tokio::test]
async fn a_refusal_is_told_apart_from_a_failure() {
    let (_directory, store) = open();
    let refused = store.writer.write::<(), _>(|_| Err(Stopped::Refused(StoreError::Conflict("no".into())))).await;
    assert!(matches!(refused, Err(StoreError::Conflict(why)) if why == "no"));
    assert_eq!(store.written(), Written { groups: 1, commands: 1 });
}
