//! The listener's certificate: reads PEM files, and reads them again when they change.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use brigade_config::config_source::is_world_readable;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

/// Why a certificate is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadCertificateError {
    /// A file cannot be read as PEM.
    #[error("cannot read {}: {problem}", file.display())]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Every user of the system can read the key.
    #[error("{} can be read by everybody: chmod 600 {}", file.display(), file.display())]
    WorldReadable {
        /// Which file.
        file: PathBuf,
    },
    /// Certificate and key do not belong together, or are of no known kind.
    #[error("{} and {} do not make a certificate: {problem}", cert_file.display(), key_file.display())]
    Unusable {
        /// The certificate chain.
        cert_file: PathBuf,
        /// The private key.
        key_file: PathBuf,
        /// What is wrong with them.
        problem: rustls::Error,
    },
}

/// The current certificate; new connections get a changed one, old ones keep theirs.
pub(crate) struct Certificate {
    cert_file: PathBuf,
    key_file: PathBuf,
    stamps: Mutex<Stamps>,
    current: RwLock<Arc<CertifiedKey>>,
}

type Stamps = [Option<(SystemTime, u64)>; 2];

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({})", self.cert_file.display())
    }
}

impl Certificate {
    /// Reads the certificate chain and its key.
    ///
    /// # Errors
    /// [`ReadCertificateError`] names the file and what is wrong with it.
    pub(crate) fn open(cert_file: &Path, key_file: &Path) -> Result<Arc<Self>, ReadCertificateError> {
        let stamps = [stamp(cert_file), stamp(key_file)];
        let current = read(cert_file, key_file)?;
        Ok(Arc::new(Self {
            cert_file: cert_file.to_path_buf(),
            key_file: key_file.to_path_buf(),
            stamps: Mutex::new(stamps),
            current: RwLock::new(Arc::new(current)),
        }))
    }

    /// Reads the files again if they changed; `true` when there is a new certificate. While they
    /// are of no use (one was renewed, the other not yet) the last one stays.
    ///
    /// # Errors
    /// [`ReadCertificateError`], once for each change of the files.
    pub(crate) fn refresh(&self) -> Result<bool, ReadCertificateError> {
        let mut last = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        let now = [stamp(&self.cert_file), stamp(&self.key_file)];
        if *last == now {
            return Ok(false);
        }
        *last = now;
        let read = read(&self.cert_file, &self.key_file)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(read);
        Ok(true)
    }

    /// Accepts connections with the current certificate.
    #[must_use]
    pub(crate) fn acceptor(self: &Arc<Self>) -> TlsAcceptor {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring offers what the default versions need");
        let mut config = builder.with_no_client_auth().with_cert_resolver(Arc::clone(self) as Arc<_>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn stamp(file: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn read(cert_file: &Path, key_file: &Path) -> Result<CertifiedKey, ReadCertificateError> {
    let unreadable = |file: &Path| {
        let file = file.to_path_buf();
        move |problem: rustls::pki_types::pem::Error| ReadCertificateError::Unreadable {
            file,
            problem: problem.to_string(),
        }
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(cert_file)
        .and_then(Iterator::collect::<Result<_, _>>)
        .map_err(unreadable(cert_file))?;
    let key = PrivateKeyDer::from_pem_file(key_file).map_err(unreadable(key_file))?;
    if is_world_readable(key_file) {
        return Err(ReadCertificateError::WorldReadable { file: key_file.to_path_buf() });
    }
    CertifiedKey::from_der(chain, key, &rustls::crypto::ring::default_provider()).map_err(|problem| {
        ReadCertificateError::Unusable { cert_file: cert_file.to_path_buf(), key_file: key_file.to_path_buf(), problem }
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Writes a fresh self-signed certificate; returns its DER form.
    fn write(folder: &Path) -> Vec<u8> {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
        let key = folder.join("key.pem");
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        made.cert.der().to_vec()
    }

    fn open(folder: &Path) -> Result<Arc<Certificate>, ReadCertificateError> {
        Certificate::open(&folder.join("cert.pem"), &folder.join("key.pem"))
    }

    fn shown(certificate: &Certificate) -> Vec<u8> {
        certificate.current.read().unwrap().cert[0].to_vec()
    }

    #[test]
    fn a_renewed_certificate_is_used_and_a_useless_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let first = write(folder.path());
        let certificate = open(folder.path()).unwrap();
        assert_eq!(shown(&certificate), first);
        assert!(!certificate.refresh().unwrap(), "nothing changed");

        let second = write(folder.path());
        // The two files may be as long as before and written within one tick of the clock.
        *certificate.stamps.lock().unwrap() = [None, None];
        assert!(certificate.refresh().unwrap());
        assert_eq!(shown(&certificate), second);

        std::fs::write(folder.path().join("cert.pem"), "nonsense").unwrap();
        assert!(certificate.refresh().is_err());
        assert_eq!(shown(&certificate), second);
        assert!(!certificate.refresh().unwrap(), "said once");
    }

    #[test]
    fn a_key_that_everybody_can_read_or_that_is_anothers_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path());
        let key = folder.path().join("key.pem");
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(open(folder.path()), Err(ReadCertificateError::WorldReadable { .. })));

        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(&key, other.signing_key.serialize_pem()).unwrap();
        assert!(matches!(open(folder.path()), Err(ReadCertificateError::Unusable { .. })));

        std::fs::write(&key, "nonsense").unwrap();
        assert!(matches!(open(folder.path()), Err(ReadCertificateError::Unreadable { .. })));
    }
}
