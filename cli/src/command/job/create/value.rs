//! Values of flags, read from their text. Errors say what the flag takes; clap names the flag.

use std::path::Path;
use std::str::FromStr;

use brigade_config::nearest::did_you_mean;
use brigade_model::Timestamp;
use brigade_model::limits::{RESTORE_DAYS_MAX, RESTORE_WAIT_HOURS_MAX, TAG_KEY_CHARS_MAX, TAG_VALUE_CHARS_MAX};
use brigade_model::operation::{Grant, Permission, StorageClass, Tag};
use brigade_model::ports::object_store::{AclGrant, Grantee};
use brigade_wire::cos::words::{storage_class_name, storage_class_of};
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use crate::store_path::{NotAStorePath, StorePath};

const PERMISSIONS: [Permission; 3] = [Permission::Read, Permission::Write, Permission::FullControl];

/// `NAME=VALUE`; the value may hold further equals signs and may be empty.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("must have the form NAME=VALUE".to_owned()),
    }
}

/// `KEY=VALUE` within the limits of a tag.
pub(super) fn tag(text: &str) -> Result<Tag, String> {
    let (key, value) = pair(text).map_err(|_| "must have the form KEY=VALUE".to_owned())?;
    if key.chars().count() > TAG_KEY_CHARS_MAX || value.chars().count() > TAG_VALUE_CHARS_MAX {
        return Err(format!("a tag's key has {TAG_KEY_CHARS_MAX} characters at most, its value {TAG_VALUE_CHARS_MAX}"));
    }
    Ok(Tag { key, value })
}

/// The place of the objects; a file that lists them is given otherwise.
pub(super) fn objects(text: &str) -> Result<StorePath, String> {
    let is_file = text.starts_with(['.', '/']) || Path::new(text).extension().is_some();
    let otherwise =
        if is_file { format!("; a file that lists the objects is --manifest {text}") } else { String::new() };
    text.parse().map_err(|error: NotAStorePath| format!("{error}{otherwise}"))
}

/// `PERMISSION=WHO`.
pub(super) fn grant(text: &str) -> Result<Grant, String> {
    let (name, grantee) = pair(text)?;
    let permission = PERMISSIONS.into_iter().find(|permission| permission.name() == name);
    match permission {
        Some(permission) if !grantee.is_empty() => {
            Ok(Grant { grantee, is_group: false, display_name: None, permission })
        }
        _ => Err(format!("must have the form READ=WHO, WRITE=WHO or FULL_CONTROL=WHO{}", meant(&name, &PERMISSIONS))),
    }
}

/// A grant of an ACL: a group is named by a URI.
pub(super) fn acl_grant(text: &str) -> Result<AclGrant, String> {
    let (name, who) = pair(text)?;
    let permission = Permission::ALL.into_iter().find(|permission| permission.name() == name);
    match permission {
        Some(permission) if !who.is_empty() => {
            let grantee = if who.contains("://") { Grantee::Group(who) } else { Grantee::Id(who) };
            Ok(AclGrant { grantee, permission: permission.name().to_owned() })
        }
        _ => {
            let forms = Permission::ALL.map(|one| format!("{}=WHO", one.name())).join(", ");
            Err(format!("must have the form {forms}{}", meant(&name, &Permission::ALL)))
        }
    }
}

/// The permission that was meant, in any case.
fn meant(name: &str, known: &[Permission]) -> String {
    did_you_mean(&name.to_ascii_uppercase(), known.iter().map(|permission| permission.name()))
}

/// The key of a tag.
pub(super) fn tag_key(text: &str) -> Result<String, String> {
    let is_key = !text.is_empty() && text.chars().count() <= TAG_KEY_CHARS_MAX;
    is_key.then(|| text.to_owned()).ok_or_else(|| format!("a tag's key has 1 to {TAG_KEY_CHARS_MAX} characters"))
}

/// A storage class by its name on the COS wire or its store's, in any case.
pub(super) fn storage_class(text: &str) -> Result<StorageClass, String> {
    storage_class_of(&text.to_ascii_uppercase()).ok_or_else(|| {
        let names = StorageClass::ALL.each_ref().map(storage_class_name).join(", ");
        format!("must be {names} or a class of the target's store: letters, digits, _ and -")
    })
}

/// A time in UTC, or a day, which means its first moment.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    let day = || TimeZone::UTC.to_timestamp(Date::from_str(text).ok()?.to_datetime(Time::midnight())).ok();
    Timestamp::from_str(text)
        .ok()
        .or_else(day)
        .ok_or_else(|| "must be a time such as 2026-01-31T12:00:00Z or a day such as 2026-01-31".to_owned())
}

/// Days of a restore.
pub(super) fn restore_days(text: &str) -> Result<u32, String> {
    let days = text.parse().ok().filter(|days| (1..=RESTORE_DAYS_MAX).contains(days));
    days.ok_or_else(|| format!("must be a whole number from 1 to {RESTORE_DAYS_MAX}"))
}

/// Hours of a wait for restores.
pub(in crate::command::job) fn wait_hours(text: &str) -> Result<u32, String> {
    let hours = text.parse().ok().filter(|hours| (1..=RESTORE_WAIT_HOURS_MAX).contains(hours));
    hours.ok_or_else(|| format!("must be a whole number from 1 to {RESTORE_WAIT_HOURS_MAX}"))
}

/// A priority.
pub(in crate::command::job) fn priority(text: &str) -> Result<i32, String> {
    let priority = text.parse().ok().filter(|priority| *priority >= 0);
    priority.ok_or_else(|| format!("must be a whole number from 0 to {}", i32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_splits_at_its_first_equals_sign() {
        assert_eq!(pair("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert_eq!(pair("a="), Ok(("a".into(), String::new())));
        assert!(pair("a").is_err() && pair("=b").is_err());
    }

    #[test]
    fn a_day_means_its_first_moment_in_utc() {
        assert_eq!(time("2026-01-31").unwrap().to_string(), "2026-01-31T00:00:00Z");
        assert_eq!(time("2026-01-31T12:00:00+02:00").unwrap().to_string(), "2026-01-31T10:00:00Z");
        assert!(time("yesterday").is_err());
    }

    #[test]
    fn values_out_of_range_say_what_is_taken() {
        assert_eq!(restore_days("366").unwrap_err(), "must be a whole number from 1 to 365");
        assert_eq!(wait_hours("0").unwrap_err(), "must be a whole number from 1 to 720");
        assert_eq!(priority("-1").unwrap_err(), "must be a whole number from 0 to 2147483647");
        assert!(storage_class("cold storage").unwrap_err().contains("DEEP_ARCHIVE"));
        assert_eq!(storage_class("glacier_ir"), Ok(StorageClass::Other("GLACIER_IR".into())));
        assert_eq!(storage_class("standard_ia"), Ok(StorageClass::StandardIa));
        assert!(grant("OWN=me").is_err() && grant("READ=").is_err());
        let refusal = "must have the form READ=WHO, WRITE=WHO or FULL_CONTROL=WHO; did you mean WRITE?";
        assert_eq!(grant("wirte=me").unwrap_err(), refusal);
        assert!(acl_grant("READ_APC=me").unwrap_err().ends_with("FULL_CONTROL=WHO; did you mean READ_ACP?"));
        assert!(tag(&format!("{}=v", "k".repeat(129))).is_err());
        assert_eq!(tag("a").unwrap_err(), "must have the form KEY=VALUE");
    }
}
