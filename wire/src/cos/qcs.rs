//! Resource names of the COS dialect: `qcs::<service>:<region>:<account>:<resource>`.
//!
//! Six parts, split at the first five colons, because a key may hold colons itself. The
//! account part is empty, `uid/<appid>` or `uin/<uin>`; all forms are accepted. Source: COS
//! access-policy language and the examples of CreateJob.

use brigade_model::limits::RESOURCE_NAME_BYTES_MAX;
use brigade_model::names::NameError;
use brigade_model::resource::{BucketRef, ObjectRef, Owner, RoleRef};

use crate::resource::ResourceParts;

fn split<'a>(what: &'static str, service: &str, text: &'a str) -> Result<ResourceParts<'a>, NameError> {
    let wrong = |problem| NameError { what, problem };
    if text.is_empty() || text.len() > RESOURCE_NAME_BYTES_MAX {
        return Err(wrong("must be 1 to 1024 bytes long"));
    }
    let mut parts = text.splitn(6, ':');
    let mut next = || parts.next().ok_or(wrong("must have the form qcs::service:region:account:resource"));
    let (scheme, _project, named, region, account, resource) = (next()?, next()?, next()?, next()?, next()?, next()?);
    if scheme != "qcs" {
        return Err(wrong("must begin with 'qcs:'"));
    }
    if named != service {
        return Err(wrong("names another service"));
    }
    let owner = match account.split_once('/') {
        _ if account.is_empty() => Owner::Unnamed,
        Some(("uid", id)) if !id.is_empty() => Owner::Account(id.to_owned()),
        Some(("uin", id)) if !id.is_empty() => Owner::User(id.to_owned()),
        _ => return Err(wrong("has an account that is neither empty nor uid/APPID nor uin/UIN")),
    };
    Ok(ResourceParts { text, region, owner, resource })
}

/// Reads a bucket: `qcs::cos:<region>:<account>:<bucket>`, with or without `/` or `/*` behind.
///
/// # Errors
/// [`NameError`] says which part is wrong.
pub fn parse_bucket(text: &str) -> Result<BucketRef, NameError> {
    let parts = split("bucket resource", "cos", text)?;
    let written = parts.resource;
    let bucket = written.strip_suffix("/*").or_else(|| written.strip_suffix('/')).unwrap_or(written);
    parts.bucket(bucket)
}

/// Reads an object: `qcs::cos:<region>:<account>:<bucket>/<key>`; the key is everything after
/// the first `/`.
///
/// # Errors
/// [`NameError`] says which part is wrong.
pub fn parse_object(text: &str) -> Result<ObjectRef, NameError> {
    split("object resource", "cos", text)?.object("object resource")
}

/// Reads a role: `qcs::cam::uin/<uin>:roleName/<name>`.
///
/// # Errors
/// [`NameError`] says which part is wrong.
pub fn parse_role(text: &str) -> Result<RoleRef, NameError> {
    let parts = split("role resource", "cam", text)?;
    let name = parts
        .resource
        .strip_prefix("roleName/")
        .filter(|name| !name.is_empty() && !name.chars().any(char::is_control))
        .ok_or(NameError { what: "role resource", problem: "must name a role: roleName/NAME" })?;
    Ok(RoleRef { text: text.to_owned(), owner: parts.owner, name: name.to_owned() })
}

/// Writes the name of a bucket of an appid.
#[must_use]
pub fn bucket_text(region: &str, appid: &str, bucket: &str) -> String {
    format!("qcs::cos:{region}:uid/{appid}:{bucket}")
}

/// Writes the name of an object of an appid.
#[must_use]
pub fn object_text(region: &str, appid: &str, bucket: &str, key: &str) -> String {
    format!("qcs::cos:{region}:uid/{appid}:{bucket}/{key}")
}

/// Writes the name of a role of a uin.
#[must_use]
pub fn role_text(uin: &str, role: &str) -> String {
    format!("qcs::cam::uin/{uin}:roleName/{role}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_account_forms_and_the_empty_one_are_read() {
        let cases = [
            ("qcs::cos:ap-chengdu::m-1250000000/a.csv", Owner::Unnamed),
            ("qcs::cos:ap-chengdu:uid/1250000000:m-1250000000/a.csv", Owner::Account("1250000000".into())),
            ("qcs::cos::uin/100000000001:m-1250000000/a.csv", Owner::User("100000000001".into())),
        ];
        for (text, owner) in cases {
            let object = parse_object(text).unwrap();
            assert_eq!(object.owner, owner);
            assert_eq!(object.bucket.as_str(), "m-1250000000");
            assert_eq!(object.key.as_str(), "a.csv");
            assert_eq!(object.text, text);
        }
    }

    #[test]
    fn a_key_keeps_its_colons_and_slashes() {
        assert_eq!(parse_object("qcs::cos:r::b/a:b/c:d//e").unwrap().key.as_str(), "a:b/c:d//e");
    }

    #[test]
    fn a_bucket_may_be_written_with_a_trailing_slash_or_star() {
        for text in ["qcs::cos:r:uid/1:b-1", "qcs::cos:r:uid/1:b-1/", "qcs::cos:r:uid/1:b-1/*"] {
            assert_eq!(parse_bucket(text).unwrap().bucket.as_str(), "b-1");
        }
    }

    #[test]
    fn a_role_is_named_by_its_owner_and_name() {
        let role = parse_role(&role_text("100000000001", "COS_Batch_QcsRole")).unwrap();
        assert_eq!(role.name, "COS_Batch_QcsRole");
        assert_eq!(role.owner, Owner::User("100000000001".into()));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let object = parse_object(&object_text("r", "125", "b-125", "k:/ä")).unwrap();
        assert_eq!((object.bucket.as_str(), object.key.as_str()), ("b-125", "k:/ä"));
        assert_eq!(parse_bucket(&bucket_text("r", "125", "b-125")).unwrap().owner, Owner::Account("125".into()));
    }

    #[test]
    fn what_is_not_a_resource_name_is_refused() {
        let objects = [
            "",
            "b/k",
            "arn:aws:s3:::b/k",
            "qcs::cos:r:b/k",
            "qcs::cam::uin/1:b/k",
            "qcs::cos:r:who/1:b/k",
            "qcs::cos:r::b",
            "qcs::cos:r::b/",
        ];
        for text in objects {
            assert!(parse_object(text).is_err(), "{text:?}");
        }
        for text in ["qcs::cam::uin/1:role/x", "qcs::cam::uin/1:roleName/", "qcs::cos::uin/1:roleName/x"] {
            assert!(parse_role(text).is_err(), "{text:?}");
        }
    }
}
