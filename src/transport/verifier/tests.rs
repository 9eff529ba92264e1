use std::sync::mpsc;

use f5_stand_in::tls::{Authority, Validity};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::*;
use crate::transport::certificate_problem::CertificateProblem;
use crate::transport::trust::TrustSource;

/// A server's certificate and the roots that its authority is among.
struct Scene {
    authority: Authority,
    server: CertificateDer<'static>,
}

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

impl Scene {
    fn new(validity: Validity) -> Self {
        let authority = Authority::new();
        let server = der(&authority.server(&["service.example"], validity).certificate_pem);
        Self { authority, server }
    }

    fn trust(&self) -> Trust {
        trust(&self.authority)
    }

    fn verify(&self, verifier: &RootsVerifier, name: &str) -> Result<(), Error> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        verifier.check(&self.server, &[], &name, UnixTime::now())
    }
}

/// A store that a test says what is in.
struct Store<F>(Option<Trust>, F);

impl<F: Fn() -> Result<Trust, TlsMaterialError> + Send + Sync> RootStore for Store<F> {
    fn part(&self) -> Option<Trust> {
        self.0.clone()
    }
    fn all(&self) -> Result<Trust, TlsMaterialError> {
        (self.1)()
    }
}

/// A verifier that has to load all its roots at once.
fn loading(all: impl Fn() -> Result<Trust, TlsMaterialError> + Send + Sync + 'static) -> RootsVerifier {
    RootsVerifier::loading(Arc::new(Store(None, all)), provider())
}

/// A verifier that loads a part of its roots first.
fn loading_part(
    part: Trust,
    all: impl Fn() -> Result<Trust, TlsMaterialError> + Send + Sync + 'static,
) -> RootsVerifier {
    RootsVerifier::loading(Arc::new(Store(Some(part), all)), provider())
}

fn trust(authority: &Authority) -> Trust {
    Trust { roots: RootSet::new([der(authority.pem())]), source: TrustSource::System, notes: Vec::new() }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(default_provider())
}

#[test]
fn a_certificate_waits_for_the_roots_and_is_then_accepted() {
    let scene = Scene::new(Validity::Now);
    let (release, held) = mpsc::channel::<()>();
    let (trust, held) = (scene.trust(), Mutex::new(held));
    let verifier = loading(move || {
        held.lock().unwrap().recv().unwrap();
        Ok(trust.clone())
    });
    thread::scope(|scope| {
        let verified = scope.spawn(|| scene.verify(&verifier, "service.example"));
        assert!(verifier.roots.loaded.get().is_none());
        release.send(()).unwrap();
        assert_eq!(verified.join().unwrap(), Ok(()));
    });
}

#[test]
fn several_connections_wait_for_the_same_roots() {
    let scene = Scene::new(Validity::Now);
    let trust = scene.trust();
    let verifier = loading(move || Ok(trust.clone()));
    thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| scene.verify(&verifier, "service.example"))).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), Ok(()));
        }
    });
}

#[test]
fn roots_that_could_not_be_loaded_accept_nobody_and_say_why() {
    let scene = Scene::new(Validity::Now);
    let verifier = loading(|| Err(TlsMaterialError::SystemStoreEmpty));
    assert!(matches!(scene.verify(&verifier, "service.example"), Err(Error::Other(_))));
    assert_eq!(verifier.wait().err(), Some(TlsMaterialError::SystemStoreEmpty));
}

#[test]
fn a_panic_while_loading_accepts_nobody() {
    let scene = Scene::new(Validity::Now);
    let verifier = loading(|| panic!("on purpose, to see it caught"));
    assert!(matches!(scene.verify(&verifier, "service.example"), Err(Error::Other(_))));
    assert_eq!(verifier.wait().err(), Some(failed()));
    // And it stays that way.
    assert!(scene.verify(&verifier, "service.example").is_err());
}

#[test]
fn a_store_without_a_single_root_accepts_nobody() {
    let scene = Scene::new(Validity::Now);
    let empty = Trust { roots: RootSet::default(), source: TrustSource::System, notes: Vec::new() };
    let verifier = loading(move || Ok(empty.clone()));
    assert_eq!(problem(scene.verify(&verifier, "service.example")), Some(CertificateProblem::UnknownIssuer));
}

/// What is wrong with the certificate, if that is what the verifier says.
fn problem(result: Result<(), Error>) -> Option<CertificateProblem> {
    match result {
        Err(Error::InvalidCertificate(CertificateError::Other(other))) => {
            other.0.downcast_ref::<CertificateProblem>().cloned()
        }
        _ => None,
    }
}

fn mozilla() -> Trust {
    let roots = RootSet::new(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
    Trust { roots, source: TrustSource::BuiltIn, notes: Vec::new() }
}

#[test]
fn a_refusal_says_what_is_wrong() {
    let refusal = |scene: &Scene, trust: Trust, name: &str| {
        problem(scene.verify(&loading(move || Ok(trust.clone())), name))
    };
    let scene = Scene::new(Validity::Now);
    let strange = refusal(&scene, mozilla(), "service.example");
    assert_eq!(strange, Some(CertificateProblem::UnknownIssuer));
    let name = refusal(&scene, scene.trust(), "other.example");
    assert_eq!(name, Some(CertificateProblem::WrongName));
    let expired = Scene::new(Validity::Expired);
    let time = refusal(&expired, expired.trust(), "service.example");
    assert_eq!(time, Some(CertificateProblem::Expired));
}

#[test]
fn the_hello_does_not_wait_for_the_roots() {
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let roots = loading(move || {
        // Ends when the test does.
        let _ = held.lock().unwrap().recv();
        Err(TlsMaterialError::SystemStoreEmpty)
    });
    let verifier = Verifier { roots: Arc::new(roots), watched: None };
    assert_eq!(
        verifier.supported_verify_schemes(),
        provider().signature_verification_algorithms.supported_schemes()
    );
    drop(release);
}

#[test]
fn signatures_are_left_to_rustls_too() {
    // Through a real handshake: only a signature over this very handshake passes.
    let api = f5_stand_in::f5::F5::builder().tls().may_stay_idle().start();
    let roots = RootSet::new([der(api.ca_pem())]);
    let trust = Trust { roots, source: TrustSource::System, notes: Vec::new() };
    for versions in [&[&rustls::version::TLS12][..], &[&rustls::version::TLS13]] {
        let trust = trust.clone();
        let roots = Arc::new(loading(move || Ok(trust.clone())));
        let verifier = Arc::new(Verifier { roots, watched: None });
        let config = rustls::ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        let name = ServerName::from(api.address().ip());
        let mut session = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
        let mut tcp = std::net::TcpStream::connect(api.address()).unwrap();
        while session.is_handshaking() {
            session.complete_io(&mut tcp).unwrap();
        }
    }
}

/// Shows a certificate that anybody can have copied, and signs with a key of its own.
#[derive(Debug)]
struct Impostor(Arc<CertifiedKey>);

impl ResolvesServerCert for Impostor {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

#[test]
fn a_good_certificate_is_worth_nothing_without_its_key() {
    let scene = Scene::new(Validity::Now);
    let own = scene.authority.server(&["impostor.example"], Validity::Now);
    let key = PrivateKeyDer::from_pem_slice(own.key_pem.as_bytes()).unwrap();
    let key = provider().key_provider.load_private_key(key).unwrap();
    let shown = Arc::new(Impostor(Arc::new(CertifiedKey::new(vec![scene.server.clone()], key))));
    for versions in [&[&rustls::version::TLS12][..], &[&rustls::version::TLS13]] {
        let trust = scene.trust();
        let client = rustls::ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier {
                roots: Arc::new(loading(move || Ok(trust.clone()))),
                watched: None,
            }))
            .with_no_client_auth();
        let server = rustls::ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::<Impostor>::clone(&shown));
        let name = ServerName::try_from("service.example").unwrap();
        let mut client = rustls::ClientConnection::new(Arc::new(client), name).unwrap();
        let mut server = rustls::ServerConnection::new(Arc::new(server)).unwrap();
        assert_eq!(
            shake_hands(&mut client, &mut server),
            Err(Error::InvalidCertificate(CertificateError::BadSignature)),
            "{versions:?}"
        );
    }
}

/// What the client makes of the handshake.
fn shake_hands(
    client: &mut rustls::ClientConnection,
    server: &mut rustls::ServerConnection,
) -> Result<(), Error> {
    while client.is_handshaking() {
        let mut sent = Vec::new();
        client.write_tls(&mut sent).unwrap();
        server.read_tls(&mut sent.as_slice()).unwrap();
        server.process_new_packets().unwrap();
        let mut answer = Vec::new();
        server.write_tls(&mut answer).unwrap();
        client.read_tls(&mut answer.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    Ok(())
}

#[test]
fn what_a_part_of_the_roots_vouches_for_needs_no_others() {
    let scene = Scene::new(Validity::Now);
    let verifier = loading_part(scene.trust(), || panic!("nobody asked for the others"));
    assert_eq!(scene.verify(&verifier, "service.example"), Ok(()));
    assert_eq!(verifier.wait(), Ok(()));
    assert!(verifier.all_roots.get().is_none());
}

#[test]
fn what_a_part_of_the_roots_does_not_vouch_for_is_for_all_of_them_to_say() {
    let scene = Scene::new(Validity::Now);
    // The same name with another key, as where an authority's certificate was renewed.
    let (part, all) = (trust(&Authority::new()), scene.trust());
    let verifier = loading_part(part, move || Ok(all.clone()));
    assert_eq!(scene.verify(&verifier, "service.example"), Ok(()));
    assert!(scene.verify(&verifier, "other.example").is_err());
}

#[test]
fn a_stranger_is_refused_by_all_roots_after_a_part_of_them() {
    let scene = Scene::new(Validity::Now);
    let part = trust(&Authority::new());
    let verifier = loading_part(part, || Ok(mozilla()));
    let refusal = problem(scene.verify(&verifier, "service.example"));
    // The authorities of the stand-in share a name.
    assert!(refusal.is_some_and(|problem| problem.is_about_trust()));
}

#[test]
fn where_the_other_roots_fail_to_load_nobody_else_is_accepted() {
    let scene = Scene::new(Validity::Now);
    let part = || trust(&Authority::new());
    let empty = loading_part(part(), || Err(TlsMaterialError::SystemStoreEmpty));
    assert!(matches!(scene.verify(&empty, "service.example"), Err(Error::Other(_))));
    let panicking = loading_part(part(), || panic!("on purpose, to see it caught"));
    assert!(matches!(scene.verify(&panicking, "service.example"), Err(Error::Other(_))));
}
