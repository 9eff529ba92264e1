use std::sync::Arc;

use rustls::pki_types::{AlgorithmIdentifier, ServerName, UnixTime};
use rustls::{
    CertRevocationListError, InconsistentKeys, InvalidMessage, OtherError, PeerMisbehaved, SignatureScheme,
};
use webpki::Error as W;

use super::*;
use crate::transport::certificate_problem::Obstacle;
use crate::transport::roots::problem_of;

/// Words of people: no name of a Rust type, no braces, no bytes.
fn assert_is_prose(text: &str) {
    let words = text.split(|c: char| !c.is_alphanumeric());
    let is_rust = |word: &str| {
        let known = ["OpenSSH", "SubjectName", "directoryName", "policyConstraints"];
        let inner = word.get(1..).unwrap_or_default();
        word.len() > 3
            && !known.contains(&word)
            && inner.chars().any(char::is_uppercase)
            && inner.chars().any(char::is_lowercase)
    };
    let strange: Vec<&str> = words.filter(|word| is_rust(word)).collect();
    assert!(strange.is_empty(), "{strange:?} in {text}");
    assert!(!text.contains(['{', '}', '[', '_']) && !text.contains("::"), "{text}");
    assert!(!text.is_empty());
}

fn every_error_of_tls() -> Vec<TlsError> {
    use PeerIncompatible as I;
    let time = UnixTime::since_unix_epoch(std::time::Duration::ZERO);
    let certificates = [
        CertificateError::BadEncoding,
        CertificateError::Expired,
        CertificateError::ExpiredContext { time, not_after: time },
        CertificateError::NotValidYet,
        CertificateError::NotValidYetContext { time, not_before: time },
        CertificateError::Revoked,
        CertificateError::UnhandledCriticalExtension,
        CertificateError::UnknownIssuer,
        CertificateError::UnknownRevocationStatus,
        CertificateError::ExpiredRevocationList,
        CertificateError::BadSignature,
        CertificateError::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id: vec![6, 8, 42],
            supported_algorithms: vec![AlgorithmIdentifier::from_slice(&[6, 8])],
        },
        CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id: vec![6, 8, 42],
            public_key_algorithm_id: vec![6],
        },
        CertificateError::NotValidForName,
        CertificateError::NotValidForNameContext {
            expected: ServerName::try_from("a.example").unwrap(),
            presented: vec!["DnsName(\"b\")".to_owned()],
        },
        CertificateError::InvalidPurpose,
        CertificateError::InvalidPurposeContext {
            required: rustls::ExtendedKeyPurpose::ServerAuth,
            presented: Vec::new(),
        },
        CertificateError::InvalidOcspResponse,
        CertificateError::ApplicationVerificationFailure,
        CertificateError::Other(OtherError(Arc::new(W::CaUsedAsEndEntity))),
    ];
    let mut all: Vec<TlsError> = certificates.into_iter().map(TlsError::InvalidCertificate).collect();
    all.extend((0..=u8::MAX).map(|alert| TlsError::AlertReceived(alert.into())));
    all.extend(
        [
            I::EcPointsExtensionRequired,
            I::ExtendedMasterSecretExtensionRequired,
            I::IncorrectCertificateTypeExtension,
            I::KeyShareExtensionRequired,
            I::NamedGroupsExtensionRequired,
            I::NoCertificateRequestSignatureSchemesInCommon,
            I::NoCipherSuitesInCommon,
            I::NoEcPointFormatsInCommon,
            I::NoKxGroupsInCommon,
            I::NoSignatureSchemesInCommon,
            I::NullCompressionRequired,
            I::ServerDoesNotSupportTls12Or13,
            I::ServerSentHelloRetryRequestWithUnknownExtension,
            I::ServerTlsVersionIsDisabledByOurConfig,
            I::SignatureAlgorithmsExtensionRequired,
            I::SupportedVersionsExtensionRequired,
            I::Tls12NotOffered,
            I::Tls12NotOfferedOrEnabled,
            I::Tls13RequiredForQuic,
            I::UncompressedEcPointsRequired,
        ]
        .map(TlsError::PeerIncompatible),
    );
    all.extend(
        [
            PeerMisbehaved::AttemptedDowngradeToTls12WhenTls13IsSupported,
            PeerMisbehaved::MissingKeyShare,
            PeerMisbehaved::TooManyRenegotiationRequests,
            PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme,
        ]
        .map(TlsError::PeerMisbehaved),
    );
    all.extend(
        [
            InvalidMessage::HandshakePayloadTooLarge,
            InvalidMessage::InvalidContentType,
            InvalidMessage::MessageTooLarge,
            InvalidMessage::MissingData("SomeStruct"),
            InvalidMessage::TrailingData("SomeStruct"),
            InvalidMessage::UnexpectedMessage("SomeStruct"),
            InvalidMessage::UnknownProtocolVersion,
        ]
        .map(TlsError::InvalidMessage),
    );
    all.extend([
        TlsError::NoCertificatesPresented,
        TlsError::UnsupportedNameType,
        TlsError::DecryptError,
        TlsError::EncryptError,
        TlsError::General("some General text with CamelCase".to_owned()),
        TlsError::FailedToGetCurrentTime,
        TlsError::FailedToGetRandomBytes,
        TlsError::HandshakeNotComplete,
        TlsError::PeerSentOversizedRecord,
        TlsError::NoApplicationProtocol,
        TlsError::BadMaxFragmentSize,
        TlsError::InconsistentKeys(InconsistentKeys::KeyMismatch),
        TlsError::InvalidCertRevocationList(CertRevocationListError::BadSignature),
        TlsError::Other(OtherError(Arc::new(W::BadDer))),
    ]);
    let _ = SignatureScheme::ED25519;
    all
}

#[test]
fn no_error_of_rustls_reaches_a_person_in_its_own_words() {
    for error in every_error_of_tls() {
        for heard in [&b""[..], b"\x16\x03\x01", b"HTTP/1.1 200 OK", b"<html>", b"SSH-2.0"] {
            for through_proxy in [false, true] {
                let context = Context { heard, through_proxy, ..Context::default() };
                assert_is_prose(&Fault::of(&error, context).to_string());
                let wrapped = io::Error::other(error.clone());
                assert_eq!(Fault::of(&wrapped, context), Fault::of(&error, context));
            }
        }
    }
}

#[test]
fn no_error_of_webpki_reaches_a_person_in_its_own_words() {
    let time = UnixTime::since_unix_epoch(std::time::Duration::ZERO);
    for error in [
        W::BadDer,
        W::BadDerTime,
        W::CaUsedAsEndEntity,
        W::CertDistrusted,
        W::CertExpired { time, not_after: time },
        W::CertNotValidYet { time, not_before: time },
        W::CertRevoked,
        W::EmptyEkuExtension,
        W::EndEntityUsedAsCa,
        W::ExtensionValueInvalid,
        W::InvalidCertValidity,
        W::InvalidNetworkMaskConstraint,
        W::InvalidSerialNumber,
        W::InvalidSignatureForPublicKey,
        W::MalformedDnsIdentifier,
        W::MalformedExtensions,
        W::MalformedNameConstraint,
        W::MaximumNameConstraintComparisonsExceeded,
        W::MaximumPathBuildCallsExceeded,
        W::MaximumPathDepthExceeded,
        W::MaximumSignatureChecksExceeded,
        W::NameConstraintViolation,
        W::PathLenConstraintViolated,
        W::SignatureAlgorithmMismatch,
        W::TrailingData(webpki::DerTypeId::Certificate),
        W::UnknownIssuer,
        W::UnknownRevocationStatus,
        W::UnsupportedCertVersion,
        W::UnsupportedCriticalExtension,
        W::UnsupportedNameType,
    ] {
        assert_is_prose(&problem_of(&error).to_string());
    }
}

#[test]
fn every_problem_of_a_certificate_is_a_clause() {
    use CertificateProblem as P;
    use Obstacle as O;
    let mut all = vec![
        P::UnknownIssuer,
        P::SameNameOtherKey,
        P::SameNameOtherIssue,
        P::Expired,
        P::NotYetValid,
        P::WrongName,
        P::AddressAsName,
        P::OnlyCommonName,
        P::BadSignature,
        P::ForeignKey,
        P::KeyTooSmall(1024),
        P::KeyTooLarge(16_384),
        P::Purpose,
        P::ChainTooLong,
        P::NameConstraints,
        P::UnknownConstraint,
        P::CriticalExtension,
        P::CaAsServer,
        P::Version1,
        P::Unreadable,
        P::Missing,
        P::BundleExpired,
        P::Other,
    ];
    for obstacle in [
        O::NotCa,
        O::KeyUsage,
        O::Purpose,
        O::PathLength,
        O::Expired,
        O::NotYetValid,
        O::CriticalExtension,
        O::Unreadable,
    ] {
        all.extend([P::RootMayNotIssue(obstacle), P::IssuerMayNot(obstacle)]);
    }
    all.push(P::Algorithm { algorithm: "Ed448".to_owned() });
    for problem in all {
        assert_is_prose(&problem.to_string());
        assert!(!problem.to_string().ends_with('.'));
    }
}

#[test]
fn an_error_of_hyper_is_read_from_what_it_is() {
    use http_body_util::Empty;
    use hyper::body::Bytes;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let faults = |answer: &'static [u8]| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let (ours, mut theirs) = tokio::io::duplex(4096);
            tokio::spawn(async move {
                let speaks_first = answer.starts_with(b"SSH");
                if !speaks_first {
                    let _ = theirs.read(&mut [0; 4096]).await;
                }
                let _ = theirs.write_all(answer).await;
                let _ = theirs.shutdown().await;
                let _ = theirs.read_to_end(&mut Vec::new()).await;
            });
            let io = hyper_util::rt::TokioIo::new(ours);
            let (mut sender, connection) = crate::transport::wire::lenient().handshake(io).await.unwrap();
            tokio::spawn(connection);
            let request = http::Request::builder().uri("/").body(Empty::<Bytes>::new()).unwrap();
            sender.send_request(request).await.map(|answer| answer.status().as_u16()).map_err(|error| {
                let fault = Fault::of(&error, Context::default());
                assert_is_prose(&fault.to_string());
                fault
            })
        })
    };
    assert_eq!(faults(b"SSH-2.0-OpenSSH\r\n\r\n"), Err(Fault::NotHttp));
    assert_eq!(faults(b"HTTP/1.1 9999 What\r\n\r\n"), Err(Fault::NotHttp));
    assert_eq!(faults(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"), Err(Fault::NotHttp));
    for cut in [&b""[..], b"HTTP/1.1 200"] {
        let found = faults(cut);
        assert!(matches!(found, Err(Fault::Closed | Fault::Reset)), "{cut:?} {found:?}");
    }
    for lenient in [
        &b"HTTP/1.1 200 OK\r\nX-Cache : hit\r\nContent-Length: 0\r\n\r\n"[..],
        b"HTTP/1.1 200 OK\r\nX-Folded: a\r\n b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon here\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200\nContent-Length: 0\n\n",
    ] {
        assert_eq!(faults(lenient), Ok(200), "{}", String::from_utf8_lossy(lenient));
    }
}

#[test]
fn a_portals_page_is_told_from_a_port_without_tls() {
    let error = TlsError::InvalidMessage(InvalidMessage::InvalidContentType);
    for (heard, through_proxy, fault) in [
        (&b"HTTP/1.1 400 Bad Request\r\n"[..], false, Fault::PlainHttp),
        (b"HTTP/1.1 400 Bad Request\r\n", true, Fault::PlainHttp),
        (b"HTTP/1.1 200 OK\r\n", true, Fault::SignIn),
        (b"<!DOCTYPE html>", true, Fault::SignIn),
        (b"HTTP/1.1 511 Network Authentication Required\r\n", false, Fault::SignIn),
        (b"HTTP/1.1 200 OK\r\n", false, Fault::PlainHttp),
        (b"SSH-2.0-OpenSSH", true, Fault::NotTls),
    ] {
        assert_eq!(Fault::of(&error, Context { heard, through_proxy, ..Context::default() }), fault);
    }
}

#[test]
fn what_this_machine_lacks_is_no_fault_of_the_network() {
    let unknown =
        |fault: &Fault| !matches!(fault, Fault::NoSuchName | Fault::NameServerSilent | Fault::Unreachable(_));
    let no_more_files = io::Error::from_raw_os_error(if cfg!(windows) { 10_024 } else { 24 });
    let no_thread = io::Error::other("background task failed");
    for error in [&no_more_files, &no_thread] {
        assert!(unknown(&Fault::of_lookup(error)), "{error}");
        assert!(unknown(&Fault::of_io(error)), "{error}");
    }
    let refused =
        io::Error::other("failed to lookup address information: Non-recoverable failure in name resolution");
    assert!(unknown(&Fault::of_lookup(&refused)));
}

#[test]
fn each_systems_words_for_an_unknown_name_are_known() {
    for words in [
        "Name or service not known",
        "No address associated with hostname",
        "nodename nor servname provided, or not known",
        "Name does not resolve",
    ] {
        let error = io::Error::other(format!("failed to lookup address information: {words}"));
        assert_eq!(Fault::of_lookup(&error), Fault::NoSuchName, "{words}");
    }
    for code in [11_001, 11_004] {
        assert_eq!(Fault::of_lookup(&io::Error::from_raw_os_error(code)), Fault::NoSuchName, "{code}");
    }
    for words in ["Temporary failure in name resolution", "Try again"] {
        assert_eq!(Fault::of_lookup(&io::Error::other(words)), Fault::NameServerSilent, "{words}");
    }
}
