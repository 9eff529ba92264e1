use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use super::*;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["service.example".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// A self-signed certificate that is a CA's, with whatever `change` makes of it.
fn authority(change: impl FnOnce(&mut CertificateParams)) -> Authority {
    let mut params = params("Authority");
    params.subject_alt_names.clear();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    change(&mut params);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn critical(oid: &[u64], der: Vec<u8>) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(oid, der);
    extension.set_criticality(true);
    extension
}

fn below(issuer: &Authority, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Authority {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    change(&mut params);
    CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), issuer).unwrap()
}

fn leaf(issuer: &Authority) -> CertificateDer<'static> {
    params("Server").signed_by(&KeyPair::generate().unwrap(), issuer).unwrap().der().clone()
}

fn verified(
    roots: &[&CertificateDer<'static>],
    leaf: &CertificateDer<'static>,
    chain: &[&Authority],
) -> Result<(), CertificateProblem> {
    let roots = RootSet::new(roots.iter().map(|root| (*root).clone()));
    let chain: Vec<_> = chain.iter().map(|issuer| issuer.der().clone()).collect();
    roots.verify(leaf, &chain, &ServerName::try_from("service.example").unwrap(), UnixTime::now())
}

#[test]
fn a_root_issues_only_what_it_may() {
    use Obstacle as O;
    let years = |from, to| {
        move |params: &mut CertificateParams| {
            (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
        }
    };
    let good: Vec<(&str, Authority)> = vec![
        ("plain", authority(|_| {})),
        ("key usage", authority(|params| params.key_usages = vec![KeyUsagePurpose::KeyCertSign])),
        (
            "for servers",
            authority(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
        ),
        ("path of 0", authority(|params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)))),
        // policyConstraints with requireExplicitPolicy 0.
        (
            "policies",
            authority(|params| {
                params.custom_extensions.push(critical(&[2, 5, 29, 36], vec![0x30, 3, 0x80, 1, 0]));
            }),
        ),
    ];
    for (what, root) in good {
        assert_eq!(verified(&[root.der()], &leaf(&root), &[]), Ok(()), "{what}");
    }
    let bad: Vec<(O, Authority)> = vec![
        (O::NotCa, authority(|params| params.is_ca = IsCa::ExplicitNoCa)),
        (O::NotCa, authority(|params| params.is_ca = IsCa::NoCa)),
        (O::KeyUsage, authority(|params| params.key_usages = vec![KeyUsagePurpose::DigitalSignature])),
        (
            O::Purpose,
            authority(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]),
        ),
        (O::NotYetValid, authority(years(2090, 2091))),
        (
            O::CriticalExtension,
            authority(|params| params.custom_extensions.push(critical(&[1, 2, 3, 4], vec![5, 0]))),
        ),
    ];
    for (obstacle, root) in bad {
        let found = verified(&[root.der()], &leaf(&root), &[]);
        assert_eq!(found, Err(CertificateProblem::RootMayNotIssue(obstacle)));
    }
    let expired = authority(years(2001, 2002));
    assert_eq!(verified(&[expired.der()], &leaf(&expired), &[]), Err(CertificateProblem::BundleExpired));
    let other = authority(|_| {});
    let found = verified(&[expired.der(), other.der()], &leaf(&expired), &[]);
    assert!(found.is_err_and(|problem| problem.is_about_trust()));
}

/// Two certificates of version 1, which rcgen does not make: one by `CN=A` for itself and one by `CN=A` for `CN=B`
/// (`openssl x509 -req -extfile /dev/null`, until 2126).
const VERSION_1: [&str; 2] = [
    "MIIBFDCBuwIUYGreE1C8hge3bUAm6vMEzxzIIrowCgYIKoZIzj0EAwIwDDEKMAgGA1UEAwwBQTAgFw0yNjExMjYwNzUyNDhaGA8y\
    MTI2MTEwMjA3NTI0OFowDDEKMAgGA1UEAwwBQTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJRbywWYqxWsqr4+KO3z3oFvREqf\
    44LTWy0VWFO1tB2j0PB9Ec6B1vuuHjLPZYYVBQvHxX6RkDMStfHXJJaftFgwCgYIKoZIzj0EAwIDSAAwRQIhAMxFuz8TfFrulC/A\
    ESkftO1spjLbos6JMcfuxjHElst8AiAZT1Z4hDFn8Ra0tfIx66JlCzNRl7q7+sQT53zDjUttBQ==",
    "MIIBFDCBuwIUfWbEVvZv0mqEK+/8BNODl4pumeUwCgYIKoZIzj0EAwIwDDEKMAgGA1UEAwwBQTAgFw0yNjExMjYwNzUyNDhaGA8y\
    MTI2MTEwMjA3NTI0OFowDDEKMAgGA1UEAwwBQjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABKFab8EEq+o1/n9CTUg6ZNyn1Z+J\
    XaVzVpf73Ti5DM1wkL0ylasYeeVxG+Dwio1Vk/vkVNrgduU7NRq77cgzCVkwCgYIKoZIzj0EAwIDSAAwRQIgcm2WgnphrRQ/NdpR\
    OPqGYNtbRMxo0CjGX9ehLNgz+dgCIQDUhzGc9fVSzxAAQoHc8m64Ho8lz3zmmkIGRKTwBO+/uw==",
];

#[test]
fn of_version_1_only_a_root_may_issue() {
    use base64::Engine as _;
    let [root, issued] = VERSION_1.map(|text| base64::prelude::BASE64_STANDARD.decode(text).unwrap());
    assert_eq!(may_issue(&root, 0, UnixTime::now()), Ok(()));
    assert_eq!(may_issue(&issued, 0, UnixTime::now()), Err(Obstacle::NotCa));
}

#[test]
fn a_servers_certificate_has_the_key_usage_of_one() {
    use KeyUsagePurpose as K;
    let root = authority(|_| {});
    let with = |usages: &[KeyUsagePurpose], kind: Option<u8>| {
        let mut params = params("Server");
        params.key_usages = usages.to_vec();
        // Netscape's certificate type, a bit string.
        let kind = kind.map(|bits| {
            CustomExtension::from_oid_content(&[2, 16, 840, 1, 113730, 1, 1], vec![3, 2, 0, bits])
        });
        params.custom_extensions.extend(kind);
        params
    };
    for (usages, kind, right) in [
        (&[K::DigitalSignature][..], None, true),
        (&[K::KeyEncipherment, K::KeyCertSign], Some(0x40), true),
        (&[K::KeyAgreement], None, true),
        (&[K::KeyCertSign, K::CrlSign], None, false),
        (&[K::ContentCommitment], None, false),
        (&[], Some(0x80), false),
    ] {
        let key = KeyPair::generate().unwrap();
        let chained = with(usages, kind).signed_by(&key, &root).unwrap();
        let pin = with(usages, kind).self_signed(&key).unwrap();
        let expected = if right { Ok(()) } else { Err(CertificateProblem::Purpose) };
        assert_eq!(verified(&[root.der()], chained.der(), &[]), expected, "{usages:?} {kind:?}");
        assert_eq!(verified(&[pin.der()], pin.der(), &[]), expected, "{usages:?} {kind:?}");
    }
}

#[test]
fn a_path_length_counts_the_intermediates() {
    let root = authority(|params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)));
    let middle = below(&root, "Middle", |_| {});
    let problem = CertificateProblem::RootMayNotIssue(Obstacle::PathLength);
    assert_eq!(verified(&[root.der()], &leaf(&middle), &[&middle]), Err(problem));
    let root = authority(|params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1)));
    let middle = below(&root, "Middle", |_| {});
    assert_eq!(verified(&[root.der()], &leaf(&middle), &[&middle]), Ok(()));
}

#[test]
fn an_intermediate_needs_the_right_to_sign_certificates() {
    let root = authority(|_| {});
    let middle = below(&root, "Middle", |params| params.key_usages = vec![KeyUsagePurpose::DigitalSignature]);
    let problem = CertificateProblem::IssuerMayNot(Obstacle::KeyUsage);
    assert_eq!(verified(&[root.der()], &leaf(&middle), &[&middle]), Err(problem));
}

#[test]
fn a_root_that_is_there_twice_issues_if_one_of_them_may() {
    let key = KeyPair::generate().unwrap();
    let pem = key.serialize_pem();
    let with = |change: fn(&mut CertificateParams)| {
        let mut params = params("Authority");
        params.subject_alt_names.clear();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        change(&mut params);
        CertifiedIssuer::self_signed(params, KeyPair::from_pem(&pem).unwrap()).unwrap()
    };
    let old = with(|params| params.not_after = date_time_ymd(2002, 1, 1));
    let new = with(|_| {});
    assert_eq!(verified(&[old.der(), new.der()], &leaf(&new), &[]), Ok(()));
}

#[test]
fn a_pin_matches_itself_and_vouches_for_nothing_else() {
    let own = |change: fn(&mut CertificateParams)| {
        let mut params = params("Server");
        change(&mut params);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    };
    let pins: [fn(&mut CertificateParams); 3] = [
        |_| {},
        |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained),
        |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth],
    ];
    for pin in pins.map(own) {
        assert_eq!(verified(&[pin.der()], pin.der(), &[]), Ok(()));
    }
    let pin = own(|_| {});
    assert!(verified(&[pin.der()], &leaf(&pin), &[]).is_err());
    assert!(verified(&[pin.der()], own(|_| {}).der(), &[]).is_err(), "the same name with another key");
    type Change = fn(&mut CertificateParams);
    let wrong: [(Change, CertificateProblem); 4] = [
        // As what reads the bundle calls it.
        (|params| params.not_after = date_time_ymd(2002, 1, 1), CertificateProblem::BundleExpired),
        (|params| params.not_before = date_time_ymd(2090, 1, 1), CertificateProblem::NotYetValid),
        (
            |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth],
            CertificateProblem::Purpose,
        ),
        (|params| params.subject_alt_names.clear(), CertificateProblem::WrongName),
    ];
    for (change, problem) in wrong {
        let pin = own(change);
        let found = verified(&[pin.der()], pin.der(), &[]);
        assert_eq!(found, Err(problem));
    }
    let issued = leaf(&authority(|_| {}));
    assert_eq!(verified(&[&issued], &issued, &[]), Ok(()), "issued by somebody unknown");
}

#[test]
fn constraints_that_can_not_be_checked_are_named() {
    let root = authority(|_| {});
    // policyConstraints with requireExplicitPolicy 0.
    let policy = below(&root, "Middle", |params| {
        params.custom_extensions.push(critical(&[2, 5, 29, 36], vec![0x30, 3, 0x80, 1, 0]));
    });
    let found = verified(&[root.der()], &leaf(&policy), &[&policy]);
    assert_eq!(found, Err(CertificateProblem::CriticalExtension));
    // nameConstraints: the empty directoryName permitted, then excluded; a host that is not ours excluded, then permitted.
    let directory = [0x30, 4, 0xa4, 2, 0x30, 0];
    let other = [0x30, 5, 0x82, 3, b'a', b'.', b'b'];
    for (subtrees, base, outcome) in [
        (0xa0, &directory[..], Err(CertificateProblem::UnknownConstraint)),
        (0xa1, &directory, Err(CertificateProblem::UnknownConstraint)),
        (0xa1, &other, Ok(())),
        (0xa0, &other, Err(CertificateProblem::NameConstraints)),
    ] {
        let length = u8::try_from(base.len()).unwrap();
        let der = [&[0x30, length + 2, subtrees, length], base].concat();
        let names = below(&root, "Middle", |params| {
            params.custom_extensions.push(critical(&[2, 5, 29, 30], der.clone()));
        });
        assert_eq!(verified(&[root.der()], &leaf(&names), &[&names]), outcome, "{der:x?}");
    }
    let mut chain = vec![below(&root, "Middle 0", |_| {})];
    for number in 1..9 {
        let next = below(chain.last().unwrap(), &format!("Middle {number}"), |_| {});
        chain.push(next);
    }
    let found =
        verified(&[root.der()], &leaf(chain.last().unwrap()), &chain.iter().rev().collect::<Vec<_>>());
    assert_eq!(found, Err(CertificateProblem::ChainTooLong));
}

/// nameConstraints that permit mail of `a.b` only.
fn mail_of_one_host(params: &mut CertificateParams) {
    let der = [&[0x30, 9, 0xa0, 7, 0x30, 5, 0x81, 3], &b"a.b"[..]].concat();
    params.custom_extensions.push(critical(&[2, 5, 29, 30], der));
}

#[test]
fn an_address_of_mail_in_a_subject_is_under_its_constraint() {
    let (plain, constrained) = (authority(|_| {}), authority(mail_of_one_host));
    let middle = below(&plain, "Middle", mail_of_one_host);
    let with_mail = |issuer: &Authority| {
        let mut params = params("Server");
        // emailAddress, PKCS#9.
        params
            .distinguished_name
            .push(DnType::CustomDnType(vec![1, 2, 840, 113549, 1, 9, 1]), "x@evil.example");
        params.signed_by(&KeyPair::generate().unwrap(), issuer).unwrap().der().clone()
    };
    let problem = Err(CertificateProblem::UnknownConstraint);
    assert_eq!(verified(&[constrained.der()], &with_mail(&constrained), &[]), problem);
    assert_eq!(verified(&[plain.der()], &with_mail(&middle), &[&middle]), problem);
    assert_eq!(verified(&[plain.der()], &with_mail(&plain), &[]), Ok(()));
    assert_eq!(verified(&[constrained.der()], &leaf(&constrained), &[]), Ok(()));
}

#[test]
fn a_certificate_that_names_another_key_has_another_issuer() {
    let identified = |params: &mut CertificateParams| {
        params.key_identifier_method = rcgen::KeyIdMethod::PreSpecified(vec![7; 20]);
    };
    let naming = |issuer: &Authority, key: u8| {
        let mut params = params("Server");
        let der = [&[0x30, 22, 0x80, 20][..], &[key; 20]].concat();
        params.custom_extensions.push(CustomExtension::from_oid_content(&[2, 5, 29, 35], der));
        params.signed_by(&KeyPair::generate().unwrap(), issuer).unwrap().der().clone()
    };
    let root = authority(identified);
    assert_eq!(verified(&[root.der()], &naming(&root, 7), &[]), Ok(()));
    let found = verified(&[root.der()], &naming(&root, 8), &[]);
    assert_eq!(found, Err(CertificateProblem::SameNameOtherIssue));
    let middle = below(&root, "Middle", identified);
    assert_eq!(verified(&[root.der()], &naming(&middle, 7), &[&middle]), Ok(()));
    let found = verified(&[root.der()], &naming(&middle, 8), &[&middle]);
    assert_eq!(found, Err(CertificateProblem::UnknownIssuer));
}

#[test]
fn a_certificate_that_names_another_issue_of_its_root_has_another_issuer() {
    let root = authority(|params| params.serial_number = Some(vec![0x80].into()));
    // Of the root: its serial number, and its issuer, which is itself.
    let naming = |serial: &[u8], name: &[u8]| {
        let value = |tag: u8, content: &[u8]| [&[tag, content.len() as u8], content].concat();
        let common_name = [value(6, &[0x55, 4, 3]), value(12, name)].concat();
        let names = value(0xa4, &value(0x30, &value(0x31, &value(0x30, &common_name))));
        let der = value(0x30, &[value(0xa1, &names), value(0x82, serial)].concat());
        let mut params = params("Server");
        params.custom_extensions.push(CustomExtension::from_oid_content(&[2, 5, 29, 35], der));
        params.signed_by(&KeyPair::generate().unwrap(), &root).unwrap().der().clone()
    };
    for name in ["Authority", "AUTHORITY"] {
        assert_eq!(verified(&[root.der()], &naming(&[0, 0x80], name.as_bytes()), &[]), Ok(()), "{name}");
    }
    for (serial, name) in [(&[5][..], "Authority"), (&[0, 0x80][..], "Another Root")] {
        let found = verified(&[root.der()], &naming(serial, name.as_bytes()), &[]);
        assert_eq!(found, Err(CertificateProblem::SameNameOtherIssue), "{serial:?} {name}");
    }
}

#[test]
fn an_rsa_key_of_a_size_that_is_not_used_is_named() {
    assert_eq!(odd_size(1024), Some(CertificateProblem::KeyTooSmall(1024)));
    assert_eq!((odd_size(2048), odd_size(8192)), (None, None));
    assert_eq!(odd_size(16_384), Some(CertificateProblem::KeyTooLarge(16_384)));
}

#[test]
fn a_name_that_does_not_count_is_told_from_one_that_is_not_there() {
    let root = authority(|_| {});
    let issued = |change: fn(&mut CertificateParams)| {
        let mut params = params("service.example");
        change(&mut params);
        params.signed_by(&KeyPair::generate().unwrap(), &root).unwrap().der().clone()
    };
    let common = issued(|params| params.subject_alt_names.clear());
    assert_eq!(verified(&[root.der()], &common, &[]), Err(CertificateProblem::OnlyCommonName));
    let as_name = issued(|params| {
        params.subject_alt_names = vec![rcgen::SanType::DnsName("127.0.0.1".try_into().unwrap())];
    });
    let address = ServerName::try_from("127.0.0.1").unwrap();
    assert_eq!(check_name(&as_name, &address), Err(CertificateProblem::AddressAsName));
    assert_eq!(check_name(&common, &address), Err(CertificateProblem::WrongName));
    // Alternative names of other kinds leave OpenSSL with the common name.
    let mail = issued(|params| {
        params.subject_alt_names = vec![rcgen::SanType::Rfc822Name("a@b.example".try_into().unwrap())];
    });
    assert_eq!(verified(&[root.der()], &mail, &[]), Err(CertificateProblem::OnlyCommonName));
}

#[test]
fn mozillas_roots_can_all_issue() {
    let roots = RootSet::new(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
    let survey = roots.survey(UnixTime::now());
    assert_eq!((survey.pins, roots.unusable), (0, 0));
}
