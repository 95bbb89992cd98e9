//! How the store ends: refused at the start, or by the fail stop.

use std::fs;
use std::sync::mpsc;

use brigade_model::Quota;
use brigade_model::ports::JobStore;
use brigade_model::ports::job_store::{CreateJobError, StoreError};
use rusqlite::ffi;

use super::super::opening::OpenError;
use super::super::{SqliteStore, writer::Written};
use super::{FailStop, clock, open, open_again, open_telling, with_writer};
use crate::conformance::sample_job;

fn failing(code: i32) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
}

#[tokio::test]
async fn an_io_error_of_the_writer_ends_the_process_and_acknowledges_nothing() {
    for code in [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_CORRUPT, ffi::SQLITE_NOTADB] {
        let (tell, told) = mpsc::channel();
        let (_directory, store) = open_telling(move |why| tell.send(why.to_owned()).unwrap());
        let failed: Result<(), StoreError> = with_writer(&store, move |_| Err(failing(code))).await;
        assert!(matches!(failed, Err(StoreError::Broken(_))), "{failed:?}");
        assert!(told.try_recv().is_ok(), "the process was not ended for {code}");
        assert_eq!(store.written(), Written::default());
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_broken_and_a_busy_database_is_unavailable_and_neither_ends_the_process() {
    let (tell, told) = mpsc::channel();
    let (_directory, store) = open_telling(move |why| tell.send(why.to_owned()).unwrap());
    let text = |c: &rusqlite::Transaction<'_>| c.query_row("SELECT 'no number'", [], |row| row.get::<_, i64>(0));
    let unreadable = store.readers.read(text).await;
    assert!(matches!(unreadable, Err(StoreError::Broken(_))), "{unreadable:?}");
    for code in [ffi::SQLITE_BUSY, ffi::SQLITE_LOCKED, ffi::SQLITE_INTERRUPT, ffi::SQLITE_NOMEM] {
        let busy: Result<(), StoreError> = store.readers.read(move |_| Err(failing(code))).await;
        assert!(matches!(busy, Err(StoreError::Unavailable(_))), "{busy:?}");
    }
    assert!(told.try_recv().is_err());
}

#[tokio::test]
async fn an_io_error_of_a_reader_ends_the_process() {
    let (tell, told) = mpsc::channel();
    let (_directory, store) = open_telling(move |why| tell.send(why.to_owned()).unwrap());
    let failed: Result<(), StoreError> = store.readers.read(|_| Err(failing(ffi::SQLITE_IOERR_READ))).await;
    assert!(failed.is_err());
    assert!(told.try_recv().is_ok());
}

#[tokio::test]
async fn a_reader_whose_read_panicked_reads_on_for_others() {
    let (_directory, store) = open();
    store.create_job(&sample_job(1), &Quota::of_open_jobs(9)).await.unwrap();
    for _ in 0..20 {
        let failed: Result<(), StoreError> = store.readers.read(|_| panic!("a bug, for a test")).await;
        assert!(failed.is_err());
        assert!(store.job(sample_job(1).id).await.unwrap().is_some());
    }
    let jobs = (0..20).map(|_| store.open_jobs());
    assert!(futures::future::join_all(jobs).await.into_iter().all(|heads| heads.unwrap().len() == 1));
}

#[tokio::test]
async fn a_job_is_read_though_the_disk_holds_another_read_up() {
    let (_directory, store) = open();
    store.create_job(&sample_job(1), &Quota::of_open_jobs(9)).await.unwrap();
    let (begun, has_begun) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let readers = store.readers.clone();
    let held_up = std::thread::spawn(move || {
        let read = readers.read_row(move |_| {
            begun.send(()).unwrap();
            may_go_on.recv().unwrap();
            Ok(())
        });
        futures::executor::block_on(read)
    });
    has_begun.recv().unwrap();
    assert!(store.job(sample_job(1).id).await.unwrap().is_some());
    go_on.send(()).unwrap();
    held_up.join().unwrap().unwrap();
}

#[tokio::test]
async fn an_io_error_of_the_read_of_a_job_ends_the_process() {
    let (tell, told) = mpsc::channel();
    let (_directory, store) = open_telling(move |why| tell.send(why.to_owned()).unwrap());
    let failed: Result<(), StoreError> = store.readers.read_row(|_| Err(failing(ffi::SQLITE_IOERR_READ))).await;
    assert!(failed.is_err());
    assert!(told.try_recv().is_ok());
}

#[tokio::test]
async fn a_panic_of_the_writer_ends_the_process_and_leaves_nobody_waiting() {
    let (tell, told) = mpsc::channel();
    let (_directory, store) = open_telling(move |why| tell.send(why.to_owned()).unwrap());
    let failed: Result<(), StoreError> = with_writer(&store, |_| panic!("a bug, for a test")).await;
    assert!(failed.is_err());
    assert_eq!(told.recv().unwrap(), "the writer panicked");
    assert!(store.create_job(&sample_job(1), &Quota::of_open_jobs(9)).await.is_err(), "nobody writes any more");
}

#[tokio::test]
async fn a_database_that_was_overwritten_ends_the_process() {
    let (directory, store) = open();
    for n in 1..=50 {
        store.create_job(&sample_job(n), &Quota::of_open_jobs(99)).await.unwrap();
    }
    drop(store);
    let file = directory.path().join("brigade.db");
    let mut bytes = fs::read(&file).unwrap();
    bytes[4096..].fill(0xA5);
    fs::write(&file, bytes).unwrap();

    let (tell, told) = mpsc::channel();
    let fail_stop = FailStop::told(move |why| tell.send(why.to_owned()).unwrap());
    // Opening may find the damage already, and refuse; otherwise the first read does.
    if let Ok(store) = SqliteStore::open_with_fail_stop(directory.path(), clock(), fail_stop) {
        assert!(store.job(sample_job(7).id).await.is_err());
        assert!(told.try_recv().is_ok());
    }
}

#[tokio::test]
async fn a_full_disk_is_told_and_room_is_used_when_it_comes_back() {
    let (_directory, store) = open();
    let size = |pages: u32| {
        move |c: &rusqlite::Connection| c.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
    };
    with_writer(&store, size(1)).await.unwrap();
    let mut created = 0;
    let refused = loop {
        created += 1;
        if let Err(error) = store.create_job(&sample_job(created), &Quota::of_open_jobs(9999)).await {
            break error;
        }
    };
    let is_unavailable = matches!(refused, CreateJobError::Store(StoreError::Unavailable(_)));
    assert!(is_unavailable && refused.to_string().contains("full"), "{refused:?}");
    assert_eq!(store.job(sample_job(created).id).await.unwrap(), None);
    with_writer(&store, size(u32::MAX / 4)).await.unwrap();
    store.create_job(&sample_job(created), &Quota::of_open_jobs(9999)).await.unwrap();
}

#[tokio::test]
async fn data_of_a_newer_program_is_refused_and_left_as_it_is() {
    let (directory, store) = open();
    with_writer(&store, |connection| connection.pragma_update(None, "user_version", 99)).await.unwrap();
    drop(store);
    for _ in 0..2 {
        let refused = SqliteStore::open(directory.path(), clock()).unwrap_err();
        assert!(matches!(refused, OpenError::Newer { found: 99, .. }), "{refused}");
        assert!(refused.to_string().contains(&directory.path().display().to_string()), "{refused}");
    }
}

#[tokio::test]
async fn a_directory_is_opened_once_at_a_time() {
    let (directory, store) = open();
    let refused = SqliteStore::open(directory.path(), clock()).unwrap_err();
    assert!(matches!(refused, OpenError::InUse(_)), "{refused}");
    drop(store);
    open_again(directory.path());
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let inside = file.path().join("data");
    let refused = SqliteStore::open(&inside, clock()).unwrap_err();
    assert!(refused.to_string().contains(&inside.display().to_string()), "{refused}");
}

#[tokio::test]
async fn commits_are_forced_to_disk() {
    let (_directory, store) = open();
    let setting = async |name: &'static str| -> String {
        with_writer(&store, move |connection| {
            connection.pragma_query_value(None, name, |row| {
                Ok(row.get::<_, i64>(0).map_or_else(|_| row.get(0).unwrap_or_default(), |n| n.to_string()))
            })
        })
        .await
        .unwrap()
    };
    assert_eq!(setting("journal_mode").await, "wal");
    assert_eq!(setting("synchronous").await, "2", "FULL");
    assert_eq!(setting("auto_vacuum").await, "2", "INCREMENTAL");
}
