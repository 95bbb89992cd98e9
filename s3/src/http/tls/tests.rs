//! What the verifier takes for a server's certificate, and what is told of the others.

use std::net::{IpAddr, Ipv4Addr};

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, date_time_ymd};
use rustls::{AlertDescription, InvalidMessage};

use super::*;

const NOW: Duration = Duration::from_secs(1_795_489_200);

/// As `openssl req -x509` makes it: signed by itself, and one of an authority.
fn authority(change: impl FnOnce(&mut CertificateParams)) -> CertificateDer<'static> {
    let mut params = CertificateParams::new(["store.test".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    change(&mut params);
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
}

/// Shows `shown` as the host's to a client whose file holds `own`.
fn verify(own: &CertificateDer<'static>, shown: &CertificateDer<'_>, host: &str) -> Result<(), String> {
    let mut roots = RootCertStore::empty();
    roots.add(own.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let authorities = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    let verifier = Verifier { own: vec![own.clone()], authorities };
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let verified = verifier.verify_server_cert(shown, &[], &name, &[], UnixTime::since_unix_epoch(NOW));
    verified.map(drop).map_err(|error| explain(&error, "HOST").unwrap())
}

#[test]
fn the_very_certificate_of_the_file_is_trusted_for_its_names_while_it_lasts_and_as_a_server_s() {
    let plain = authority(|_| {});
    assert_eq!(verify(&plain, &plain, "store.test"), Ok(()));
    assert_eq!(verify(&plain, &plain, "127.0.0.1"), Ok(()));
    let of_server = authority(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]);
    assert_eq!(verify(&of_server, &of_server, "store.test"), Ok(()));

    let refused = |shown: &CertificateDer<'static>, host| verify(shown, shown, host).unwrap_err();
    assert_eq!(
        refused(&plain, "other.test"),
        "the certificate of HOST is for store.test, 127.0.0.1 and not for this name; give one of its names in the url, \
         and the address as connect_to"
    );
    let nameless = authority(|params| params.subject_alt_names.clear());
    assert_eq!(
        refused(&nameless, "store.test"),
        "the certificate of HOST names no host; make it with a subjectAltName of that host"
    );
    let expired = authority(|params| params.not_after = date_time_ymd(2020, 1, 31));
    assert_eq!(
        refused(&expired, "store.test"),
        "the certificate of HOST expired at 2020-01-31T00:00:00Z; renew it there"
    );
    let early = authority(|params| params.not_before = date_time_ymd(2050, 1, 31));
    assert_eq!(
        refused(&early, "store.test"),
        "the certificate of HOST is valid only from 2050-01-31T00:00:00Z on; check the clocks of both machines"
    );
    let of_client = authority(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]);
    assert!(refused(&of_client, "store.test").starts_with("the certificate of HOST is not one of a server; "));
}

#[test]
fn another_certificate_signed_by_itself_is_not_trusted() {
    let (own, shown) = (authority(|_| {}), authority(|_| {}));
    assert_eq!(
        verify(&own, &shown, "store.test").unwrap_err(),
        "the certificate of HOST is that of an authority; give this very certificate as ca_file"
    );
    let no_authority = authority(|params| {
        params.is_ca = IsCa::NoCa;
        params.distinguished_name.push(DnType::CommonName, "another");
    });
    assert_eq!(
        verify(&own, &no_authority, "store.test").unwrap_err(),
        "the certificate of HOST is signed by none of the trusted authorities; give its authority as ca_file"
    );
}

#[test]
fn a_certificate_that_differs_in_one_byte_is_another() {
    let own = authority(|_| {});
    let mut bytes = own.to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    assert!(verify(&own, &CertificateDer::from(bytes), "store.test").is_err());
}

#[test]
fn every_cause_says_what_is_wrong_and_what_to_do() {
    use rustls::Error::{AlertReceived, General, InvalidCertificate, InvalidMessage as Message};
    let name = || ServerName::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST).into());
    let named = |n: usize| {
        let presented = (0..n).map(|n| format!("DnsName(\"n{n}\")")).collect();
        InvalidCertificate(CertificateError::NotValidForNameContext { expected: name(), presented })
    };
    for (error, told) in [
        (InvalidCertificate(CertificateError::UnknownIssuer), "none of the trusted authorities; give its authority"),
        (InvalidCertificate(CertificateError::Expired), "has expired; renew it"),
        (InvalidCertificate(CertificateError::NotValidYet), "not valid yet; check the clocks"),
        (InvalidCertificate(CertificateError::NotValidForName), "for another name; give its name in the url"),
        (
            InvalidCertificate(CertificateError::BadSignature),
            "by the trusted authority that it names; give its present",
        ),
        (InvalidCertificate(CertificateError::Revoked), "is not usable: "),
        (InvalidCertificate(CertificateError::InvalidPurpose), "not one of a server; make it with"),
        (named(0), "names no host; make it with"),
        (named(9), "is for n0, n1, n2, n3, n4, n5, n6, n7, ... and not for this name"),
        (Message(InvalidMessage::InvalidContentType), "HOST does not speak TLS; where it speaks plain HTTP, let"),
        (AlertReceived(AlertDescription::CertificateRequired), "HOST wants a certificate of its client"),
        (AlertReceived(AlertDescription::UnrecognisedName), "HOST has no certificate for that name; take another"),
        (AlertReceived(AlertDescription::HandshakeFailure), "HOST refused TLS: HandshakeFailure"),
        (General("odd".to_owned()), "no TLS with HOST: unexpected error: odd"),
    ] {
        let inside = std::io::Error::new(std::io::ErrorKind::InvalidData, error);
        let text = explain(&inside, "HOST").unwrap();
        assert!(text.contains(told) && !text.contains('\n'), "{text}");
    }
    assert_eq!(explain(&std::io::Error::other("no TLS at all"), "HOST"), None);
}
