//! Whom TLS trusts: the system's certificate authorities, and the certificates of one more file.
//!
//! A certificate of that file is trusted as an authority, and also when a server shows that very certificate
//! as its own: `openssl req -x509` makes certificates of authorities, which webpki takes for no server's.
//! Name, dates and purpose are checked either way; nothing turns the verification off.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;

use super::HttpConfigError;

mod problem;

pub(crate) use problem::explain_answer;
pub use problem::{explain, explain_no_http};

/// The client's side of TLS, with ring.
///
/// # Errors
/// [`HttpConfigError`] when the file holds no certificates, or when there is no authority at all.
pub fn client_config(extra_ca: Option<&Path>) -> Result<Arc<ClientConfig>, HttpConfigError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let own = extra_ca.map(|path| add_file(&mut roots, path)).transpose()?.unwrap_or_default();
    if roots.is_empty() {
        return Err(HttpConfigError::NoAuthorities);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let authorities = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .expect("there are authorities, and no revocation lists");
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has the suites of TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier { own, authorities }))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<Vec<CertificateDer<'static>>, HttpConfigError> {
    let wrong = |problem: String| HttpConfigError::ExtraCa { path: path.to_owned(), problem };
    let own: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<_, _>>)
        .map_err(|error| wrong(error.to_string()))?;
    for certificate in &own {
        roots.add(certificate.clone()).map_err(|error| wrong(error.to_string()))?;
    }
    if own.is_empty() {
        return Err(wrong("holds no certificate".to_owned()));
    }
    Ok(own)
}

/// Verifies a server by the authorities, or by the certificates that it may show itself.
#[derive(Debug)]
struct Verifier {
    own: Vec<CertificateDer<'static>>,
    authorities: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if !self.own.iter().any(|own| own == shown) {
            return self.authorities.verify_server_cert(shown, intermediates, name, ocsp_response, now);
        }
        check_dates_and_purpose(shown, now)?;
        verify_server_name(&ParsedCertificate::try_from(shown)?, name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.authorities.verify_tls12_signature(message, shown, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.authorities.verify_tls13_signature(message, shown, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}

/// What webpki checks of every certificate of a server, for one that needs no authority.
fn check_dates_and_purpose(shown: &CertificateDer<'_>, now: UnixTime) -> Result<(), CertificateError> {
    let (_, certificate) = X509Certificate::from_der(shown).map_err(|_| CertificateError::BadEncoding)?;
    let (not_before, not_after) = (unix(certificate.validity().not_before), unix(certificate.validity().not_after));
    if now < not_before {
        return Err(CertificateError::NotValidYetContext { time: now, not_before });
    }
    if now > not_after {
        return Err(CertificateError::ExpiredContext { time: now, not_after });
    }
    match certificate.extended_key_usage() {
        Ok(Some(usage)) if !usage.value.server_auth && !usage.value.any => Err(CertificateError::InvalidPurpose),
        Ok(_) => Ok(()),
        Err(_) => Err(CertificateError::BadEncoding),
    }
}

/// A date before 1970 is as long over as 1970.
fn unix(time: ASN1Time) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(time.timestamp()).unwrap_or(0)))
}

#[cfg(test)]
mod tests;
