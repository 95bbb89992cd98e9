//! What to do about an error that a newcomer meets first: the line below the one that says what is wrong.

use std::io::ErrorKind;

use brigade_client::ClientError;
use brigade_config::ConfigError;
use brigade_model::ports::object_store::{CallError, Verdict};

/// What to do about it; `None` where its text says so itself, or nothing general can be said.
#[must_use]
pub fn of(error: &anyhow::Error) -> Option<&'static str> {
    error.chain().find_map(|cause| {
        cause
            .downcast_ref()
            .and_then(of_service)
            .or_else(|| cause.downcast_ref().and_then(of_store))
            .or_else(|| cause.downcast_ref().and_then(of_config))
    })
}

/// Codes of the service.
const CODES: [(&str, &str); 5] = [
    ("InvalidAccessKeyId", "check client.secret_id: the service takes the keys of its [accounts.NAME.keys.ID]"),
    ("SignatureDoesNotMatch", "check client.secret_key: it must be the secret of the key client.secret_id"),
    ("RequestTimeTooSkewed", "set the clock of this machine, or that of the service"),
    ("AccessDenied", "see what the key may do, and whose it is: actions in the service's [accounts.NAME.keys.ID]"),
    ("NoSuchJob", "see which there are: brigade job list"),
];

const NO_BUCKET: Option<&str> = Some("create the bucket, or correct its name");

fn of_service(error: &ClientError) -> Option<&'static str> {
    match error {
        // What is wrong with TLS or with a proxy says itself what to do.
        ClientError::Unreachable { problem, .. } if problem.contains("os error") || problem.contains("came within") => {
            Some("start the service there with 'brigade serve', or correct client.url")
        }
        ClientError::Refused { message, .. } if message.contains("the role may not use bucket") => {
            Some("name a bucket of the role, or add this one to the service's [accounts.NAME.roles.ROLE]")
        }
        ClientError::Refused { message, .. } if message.contains("the account has no such role") => Some(
            "name one with --role, or in client.role: the service's [accounts.NAME.roles.ROLE] say which there are",
        ),
        ClientError::Refused { message, .. } if message.contains("NoSuchBucket") => NO_BUCKET,
        ClientError::Refused { message, .. } if message.contains("the configuration allows") => {
            Some("raise it in the service's [endpoints.NAME], and let the service read that again: SIGHUP")
        }
        ClientError::Refused { code, .. } => {
            CODES.into_iter().find(|(known, _)| known == code).map(|(_, advice)| advice)
        }
        ClientError::NoErrorBody { .. } => Some("check that client.url is the service's: another server answers there"),
        _ => None,
    }
}

fn of_store(error: &CallError) -> Option<&'static str> {
    match error.verdict {
        Verdict::Unavailable if ["TlsFailed", "ProxyFailed"].contains(&error.code.as_str()) => None,
        Verdict::Unavailable | Verdict::Transient if error.http_status.is_none() => {
            Some("check that the store runs, and the endpoint's url")
        }
        Verdict::CredentialsRefused => {
            Some("check the endpoint's access_key, secret_key and region, and this machine's clock")
        }
        Verdict::Denied => Some("let the endpoint's access key do that: the bucket's policy at the store decides"),
        Verdict::Missing if error.code == "NoSuchBucket" => NO_BUCKET,
        _ => None,
    }
}

fn of_config(error: &ConfigError) -> Option<&'static str> {
    match error {
        ConfigError::Unreadable { problem, .. } => match problem.kind() {
            ErrorKind::NotFound => Some("make one with 'brigade init', or name one with --config FILE"),
            ErrorKind::IsADirectory => Some("name a file with --config FILE"),
            ErrorKind::PermissionDenied => Some("run it as the user whose file it is: it holds secrets"),
            _ => None,
        },
        ConfigError::Wrong(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;
    use brigade_model::ports::object_store::Effect;

    use super::*;

    fn advice(error: impl std::error::Error + Send + Sync + 'static) -> &'static str {
        let error = Err::<(), _>(error).context("listing s3://photos/").unwrap_err();
        of(&error).unwrap_or("none")
    }

    #[test]
    fn what_a_newcomer_meets_first_has_its_advice_and_what_says_so_itself_has_none() {
        let refused = |code: &str, message: &str| ClientError::Refused {
            status: 403,
            code: code.into(),
            message: message.into(),
            request_id: "R".into(),
        };
        let unreachable = |problem: &str| ClientError::Unreachable { url: "http://h".into(), problem: problem.into() };
        let store = |verdict, code| CallError::new(verdict, Effect::None, code, "said so");
        assert!(advice(unreachable("Connection refused (os error 111)")).contains("brigade serve"));
        assert_eq!(advice(unreachable("the certificate of h has expired; renew it there")), "none");
        assert!(advice(refused("SignatureDoesNotMatch", "no")).contains("client.secret_key"));
        assert!(advice(refused("InvalidArgument", "the role may not use bucket b")).contains("roles.ROLE"));
        assert!(advice(refused("InvalidArgument", "the configuration allows 8 at most")).contains("SIGHUP"));
        assert!(advice(refused("InvalidArgument", "the account has no such role")).contains("--role"));
        assert!(advice(refused("ProbeFailed", "listing failed: NoSuchBucket: no")).contains("create the bucket"));
        assert_eq!(advice(refused("InvalidArgument", "no")), "none");
        assert!(advice(store(Verdict::Missing, "NoSuchBucket")).contains("create the bucket"));
        assert_eq!(advice(store(Verdict::Missing, "NoSuchKey")), "none");
        assert!(advice(store(Verdict::CredentialsRefused, "X")).contains("secret_key"));
        assert!(advice(store(Verdict::Denied, "AccessDenied")).contains("policy"));
        assert!(advice(store(Verdict::Unavailable, "ConnectFailed")).contains("the store runs"));
        assert_eq!(advice(store(Verdict::Unavailable, "TlsFailed")), "none");
        let unreadable = |kind: ErrorKind| ConfigError::Unreadable { file: "f".into(), problem: kind.into() };
        assert!(advice(unreadable(ErrorKind::NotFound)).contains("brigade init"));
        assert!(advice(unreadable(ErrorKind::PermissionDenied)).contains("secrets"));
        assert!(advice(unreadable(ErrorKind::IsADirectory)).contains("--config"));
    }
}
