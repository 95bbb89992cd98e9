//! What columns hold: our types as SQLite values, one way to write and to read each.
//!
//! Whatever cannot be read back is an error of the database, never a guess.

use std::error::Error;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use brigade_model::job::{Dialect, JobId};
use brigade_model::ports::Monotonic;
use brigade_model::{ServiceTime, Timestamp};
use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

/// A count, an epoch, a revision: SQLite's integers end at 2^63 - 1, and so do ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count(pub(super) u64);

/// A job's id as its 16 bytes, whose order is the order of ids.
#[derive(Debug, Clone, Copy)]
pub(super) struct Id(pub(super) JobId);

/// An owner's or a change's id, or a lease's token, as its 16 bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name(pub(super) Uuid);

/// A time of day in nanoseconds since 1970 (until 2262).
#[derive(Debug, Clone, Copy)]
pub(super) struct Time(pub(super) Timestamp);

/// A moment of the service clock in nanoseconds since its origin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Service(pub(super) ServiceTime);

/// A moment of monotonic time in nanoseconds since the process's origin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expiry(pub(super) Monotonic);

/// Something with a text of its own: a name, a status.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<T>(pub(super) T);

/// A dialect by its word.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wire(pub(super) Dialect);

/// A document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Json<T>(pub(super) T);

fn unreadable(problem: impl Into<Box<dyn Error + Send + Sync>>) -> FromSqlError {
    FromSqlError::Other(problem.into())
}

fn saturate<N: TryInto<i64>>(number: N) -> ToSqlOutput<'static> {
    ToSqlOutput::from(number.try_into().unwrap_or(i64::MAX))
}

impl ToSql for Count {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(saturate(self.0))
    }
}

impl FromSql for Count {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        u64::try_from(value.as_i64()?).map(Self).map_err(unreadable)
    }
}

impl ToSql for Id {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(&self.0.as_bytes()[..]))
    }
}

impl FromSql for Id {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_blob()?.try_into().map(|bytes| Self(JobId::from_bytes(bytes))).map_err(unreadable)
    }
}

impl ToSql for Name {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(&self.0.as_bytes()[..]))
    }
}

impl FromSql for Name {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_blob()?.try_into().map(|bytes| Self(Uuid::from_bytes(bytes))).map_err(unreadable)
    }
}

impl ToSql for Time {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let ns = self.0.as_nanosecond().clamp(i64::MIN.into(), i64::MAX.into());
        Ok(saturate(ns))
    }
}

impl FromSql for Time {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Timestamp::from_nanosecond(value.as_i64()?.into()).map(Self).map_err(unreadable)
    }
}

impl ToSql for Service {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(saturate(self.0.0.as_nanos()))
    }
}

impl FromSql for Service {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let ns = u64::try_from(value.as_i64()?).map_err(unreadable)?;
        Ok(Self(ServiceTime(Duration::from_nanos(ns))))
    }
}

impl ToSql for Expiry {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(saturate(self.0.0.as_nanos()))
    }
}

impl<T: Display> ToSql for Text<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.0.to_string()))
    }
}

impl<T: FromStr> FromSql for Text<T>
where
    T::Err: Error + Send + Sync + 'static,
{
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map(Self).map_err(unreadable)
    }
}

impl ToSql for Wire {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.0.word()))
    }
}

impl FromSql for Wire {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let word = value.as_str()?;
        let dialect = [Dialect::Cos, Dialect::S3Control].into_iter().find(|dialect| dialect.word() == word);
        dialect.map(Self).ok_or_else(|| unreadable(format!("no dialect is called {word}")))
    }
}

impl<T: Serialize> ToSql for Json<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let text = serde_json::to_string(&self.0).map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))?;
        Ok(ToSqlOutput::from(text))
    }
}

impl<T: DeserializeOwned> FromSql for Json<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?).map(Self).map_err(unreadable)
    }
}
