//! Names of resources: `arn:<partition>:<service>:<region>:<account>:<resource>`.
//!
//! Six parts, split at the first five colons, because a key may hold colons itself. Source: IAM, Amazon Resource
//! Names; patterns of the service model.

use brigade_model::JobId;
use brigade_model::names::NameError;
use brigade_model::resource::{BucketRef, ObjectRef, Owner, RoleRef};

use crate::resource::ResourceParts;

/// A name of a resource, bytes: that of an object, the longest of the model. S3
const ARN_BYTES_MAX: usize = 2000;

fn split<'a>(what: &'static str, service: &str, text: &'a str) -> Result<ResourceParts<'a>, NameError> {
    let wrong = |problem| NameError { what, problem };
    if text.is_empty() || text.len() > ARN_BYTES_MAX {
        return Err(wrong("must be 1 to 2000 bytes long"));
    }
    let mut parts = text.splitn(6, ':');
    let mut next = || parts.next().ok_or(wrong("must have the form arn:partition:service:region:account:resource"));
    let (scheme, partition, named, region, account, resource) = (next()?, next()?, next()?, next()?, next()?, next()?);
    if scheme != "arn" || partition.is_empty() {
        return Err(wrong("must begin with 'arn:' and a partition"));
    }
    if named != service {
        return Err(wrong("names another service"));
    }
    let owner = match account {
        "" => Owner::Unnamed,
        _ if is_account_id(account) => Owner::Account(account.to_owned()),
        _ => return Err(wrong("has an account that is neither empty nor 12 digits")),
    };
    Ok(ResourceParts { text, region, owner, resource })
}

fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Reads a bucket: `arn:aws:s3:::<bucket>`.
///
/// # Errors
/// [`NameError`] says which part is wrong.
pub fn parse_bucket(text: &str) -> Result<BucketRef, NameError> {
    let parts = split("bucket ARN", "s3", text)?;
    parts.bucket(parts.resource)
}

/// Reads an object: `arn:aws:s3:::<bucket>/<key>`; the key is everything after the first `/`.
///
/// # Errors
/// [`NameError`] says which part is wrong.
pub fn parse_object(text: &str) -> Result<ObjectRef, NameError> {
    split("object ARN", "s3", text)?.object("object ARN")
}

/// Reads a role: `arn:aws:iam::<account id>:role/<name>`, where a path may stand before the name.
///
/// # Errors
/// [`NameError`] says which part is wrong.
pub fn parse_role(text: &str) -> Result<RoleRef, NameError> {
    let wrong = |problem| NameError { what: "role ARN", problem };
    let parts = split("role ARN", "iam", text)?;
    if parts.owner == Owner::Unnamed {
        return Err(wrong("must name an account of 12 digits"));
    }
    let role = parts.resource.strip_prefix("role/").ok_or(wrong("must name a role: role/NAME"))?;
    let name = role.rsplit('/').next().unwrap_or_default();
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(wrong("must name a role: role/NAME"));
    }
    Ok(RoleRef { text: text.to_owned(), owner: parts.owner, name: name.to_owned() })
}

/// Writes the name of a bucket.
#[must_use]
pub fn bucket_text(bucket: &str) -> String {
    format!("arn:aws:s3:::{bucket}")
}

/// Writes the name of an object.
#[must_use]
pub fn object_text(bucket: &str, key: &str) -> String {
    format!("arn:aws:s3:::{bucket}/{key}")
}

/// Writes the name of a role.
#[must_use]
pub fn role_text(account_id: &str, role: &str) -> String {
    format!("arn:aws:iam::{account_id}:role/{role}")
}

/// Writes the name of a job.
#[must_use]
pub fn job_text(region: &str, account_id: &str, job: JobId) -> String {
    format!("arn:aws:s3:{region}:{account_id}:job/{job}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_objects_and_roles_are_read_in_every_partition() {
        for partition in ["aws", "aws-cn", "aws-us-gov"] {
            let bucket = parse_bucket(&format!("arn:{partition}:s3:::photos")).unwrap();
            assert_eq!((bucket.bucket.as_str(), bucket.region.as_str(), bucket.owner), ("photos", "", Owner::Unnamed));
            let object = parse_object(&format!("arn:{partition}:s3:::m/a:b/c//d.csv")).unwrap();
            assert_eq!((object.bucket.as_str(), object.key.as_str()), ("m", "a:b/c//d.csv"));
        }
        for (text, name) in [("role/batch", "batch"), ("role/service-role/x/batch", "batch")] {
            let role = parse_role(&format!("arn:aws:iam::123456789012:{text}")).unwrap();
            assert_eq!((role.name.as_str(), role.owner), (name, Owner::Account("123456789012".into())));
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        assert_eq!(parse_bucket(&bucket_text("photos")).unwrap().bucket.as_str(), "photos");
        let object = parse_object(&object_text("m", "a:b/c")).unwrap();
        assert_eq!((object.bucket.as_str(), object.key.as_str()), ("m", "a:b/c"));
        assert_eq!(parse_role(&role_text("123456789012", "batch")).unwrap().name, "batch");
    }

    #[test]
    fn what_is_not_an_arn_is_refused() {
        for text in [
            "",
            "photos",
            "arn:aws:s3:::",
            "arn:aws:sqs:::q",
            "qcs::cos:r::b",
            "arn::s3:::b",
            "arn:aws:s3::b",
            "arn:aws:s3:::b/k",
            "arn:aws:s3:r:12:b",
        ] {
            assert!(parse_bucket(text).is_err(), "{text:?}");
        }
        for text in ["arn:aws:s3:::b", "arn:aws:s3:::b/", "arn:aws:iam:::b/k"] {
            assert!(parse_object(text).is_err(), "{text:?}");
        }
        for text in [
            "arn:aws:iam:::role/x",
            "arn:aws:iam::123456789012:user/x",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::123456789012:role/x/",
            "arn:aws:iam::12345678901:role/x",
        ] {
            assert!(parse_role(text).is_err(), "{text:?}");
        }
    }
}
