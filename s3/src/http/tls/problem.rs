//! What is wrong with a TLS connection and what to do about it, in one sentence for each cause.

use std::error::Error;
use std::io;

use brigade_model::Timestamp;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, InvalidMessage};

/// Names of a certificate that a message repeats at most.
const NAMES_MAX: usize = 8;

/// What is wrong with TLS at that host, and what to do. `None` when the error and its causes are not TLS's.
#[must_use]
pub fn explain(error: &(dyn Error + 'static), host: &str) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let tls = error.downcast_ref().or_else(|| inner.and_then(|inner| inner.downcast_ref()));
        if let Some(tls) = tls {
            return Some(explain_tls(tls, host));
        }
        // The source of an io::Error is that of the error in it, which is left out.
        next = inner.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source());
    }
    None
}

/// What an answer that is no HTTP says of a host that was asked in plain HTTP.
#[must_use]
pub fn explain_no_http(host: &str) -> String {
    format!("{host} does not answer in HTTP; where it speaks TLS, let the url begin with https://")
}

/// The same, of an answer in HTTP by which the server itself says so.
pub(crate) fn explain_answer(body: &[u8], host: &str) -> Option<String> {
    // Those of Go's server (MinIO, SeaweedFS) and of nginx; Apache and lighttpd say the like.
    const SAYINGS: [&str; 3] =
        ["http request to an https server", "http request was sent to https port", "speaking plain http"];
    let text = String::from_utf8_lossy(body).to_ascii_lowercase();
    let says_so = SAYINGS.iter().any(|saying| text.contains(saying));
    says_so.then(|| format!("{host} speaks TLS; let the url begin with https://"))
}

/// The table of causes.
fn explain_tls(error: &rustls::Error, host: &str) -> String {
    match error {
        rustls::Error::InvalidCertificate(cause) => explain_certificate(cause, host),
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion) => {
            format!("{host} does not speak TLS; where it speaks plain HTTP, let the url begin with http://")
        }
        rustls::Error::AlertReceived(AlertDescription::UnrecognisedName) => {
            format!("{host} has no certificate for that name; take another name into the url, and give connect_to")
        }
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
            format!("{host} wants a certificate of its client, which is not supported")
        }
        rustls::Error::AlertReceived(alert) => format!("{host} refused TLS: {alert:?}"),
        rustls::Error::PeerIncompatible(_) => {
            format!("{host} offers neither TLS 1.3 nor a safe form of TLS 1.2: {error}")
        }
        other => format!("no TLS with {host}: {other}"),
    }
}

fn explain_certificate(cause: &CertificateError, host: &str) -> String {
    let the = format!("the certificate of {host}");
    match cause {
        CertificateError::UnknownIssuer => {
            format!("{the} is signed by none of the trusted authorities; give its authority as ca_file")
        }
        CertificateError::BadSignature => {
            format!("{the} is not signed by the trusted authority that it names; give its present authority as ca_file")
        }
        CertificateError::Expired => format!("{the} has expired; renew it there"),
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("{the} expired at {}; renew it there", date(*not_after))
        }
        CertificateError::NotValidYet => format!("{the} is not valid yet; check the clocks of both machines"),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("{the} is valid only from {} on; check the clocks of both machines", date(*not_before))
        }
        CertificateError::NotValidForName => {
            format!("{the} is for another name; give its name in the url, and the address as connect_to")
        }
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => {
            format!("{the} names no host; make it with a subjectAltName of that host")
        }
        CertificateError::NotValidForNameContext { presented, .. } => format!(
            "{the} is for {} and not for this name; give one of its names in the url, and the address as connect_to",
            names(presented)
        ),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            format!("{the} is not one of a server; make it with the extended key usage serverAuth, or without any")
        }
        CertificateError::Other(other) if is_authority(other) => {
            format!("{the} is that of an authority; give this very certificate as ca_file")
        }
        other => format!("{the} is not usable: {other}"),
    }
}

/// Whether webpki says that a server shows the certificate of an authority; rustls gives no name to that.
fn is_authority(error: &rustls::OtherError) -> bool {
    error.0.to_string() == "CaUsedAsEndEntity"
}

/// `DnsName("a")` of the library, as `a`.
fn names(presented: &[String]) -> String {
    let bare = |name: &String| match name.split_once('(') {
        Some((_, inside)) => inside.trim_end_matches(')').trim_matches('"').to_owned(),
        None => name.clone(),
    };
    let mut names: Vec<String> = presented.iter().take(NAMES_MAX).map(bare).collect();
    if presented.len() > NAMES_MAX {
        names.push("...".to_owned());
    }
    names.join(", ")
}

fn date(time: UnixTime) -> String {
    let date = i64::try_from(time.as_secs()).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    date.map_or_else(|| "another time".to_owned(), |date| date.to_string())
}
