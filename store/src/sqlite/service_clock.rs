//! The service clock: what is stored of it, and how it goes on from that when a store is opened.

use std::sync::{Mutex, PoisonError};

use brigade_model::limits::SERVICE_CLOCK_STORED_EVERY;
use brigade_model::ports::Clock;
use brigade_model::service_clock::{ServiceClock, ServiceTime, StoredReading};
use rusqlite::{Connection, OptionalExtension, Row};

use super::column::{Service, Time};
use crate::moment::Moment;

const READ: &str = "SELECT service, wall FROM service_clock";
const BEGIN: &str = "INSERT INTO service_clock (id, service, wall) VALUES (1, ?1, ?2)";
/// Of two commands the later one may have read the clock earlier.
pub(super) const STORE: &str = "UPDATE service_clock SET service = ?1, wall = ?2 WHERE service <= ?1";
/// What was a time of day before there was a clock, and is still to come, was no moment of it.
const CORRECT: &str = "UPDATE job SET since = ?1 WHERE since > ?1";

/// The clock of the process that has the store, and when it was stored last for its own sake.
pub(super) struct OpenClock {
    clock: ServiceClock,
    stored: Mutex<ServiceTime>,
}

impl OpenClock {
    /// Goes on from what is stored; a database without a reading begins one.
    pub(super) fn resume(connection: &mut Connection, clock: &dyn Clock) -> rusqlite::Result<Self> {
        let transaction = connection.transaction()?;
        let stored = stored(&transaction)?;
        let resumed = ServiceClock::resume(stored, clock.now(), clock.monotonic());
        let now = Moment::now(clock, &resumed);
        if stored.is_none() {
            transaction.execute(BEGIN, (Service(now.service), Time(now.wall)))?;
            transaction.execute(CORRECT, (Service(now.service),))?;
        }
        store(&transaction, now)?;
        transaction.commit()?;
        Ok(Self { clock: resumed, stored: Mutex::new(now.service) })
    }

    pub(super) fn clock(&self) -> &ServiceClock {
        &self.clock
    }

    /// Whether nothing but changes of jobs has stored the clock for long; asked to store it then.
    pub(super) fn must_store(&self, now: ServiceTime) -> bool {
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = now.since(*stored) >= SERVICE_CLOCK_STORED_EVERY;
        if is_due {
            *stored = now;
        }
        is_due
    }
}

/// What was stored last; `None` in a database that was not opened since there is a clock.
pub(super) fn stored(connection: &Connection) -> rusqlite::Result<Option<StoredReading>> {
    let reading =
        |row: &Row<'_>| Ok(StoredReading { service: row.get::<_, Service>(0)?.0, wall: row.get::<_, Time>(1)?.0 });
    connection.prepare_cached(READ)?.query_row((), reading).optional()
}

/// Stores the clock, unless a later reading of it is stored already.
pub(super) fn store(connection: &Connection, now: Moment) -> rusqlite::Result<()> {
    connection.prepare_cached(STORE)?.execute((Service(now.service), Time(now.wall)))?;
    Ok(())
}
