//! The usual names of the algorithms in certificates.

use x509_parser::certificate::X509Certificate;
use x509_parser::public_key::PublicKey;

/// Object identifiers as they are encoded, with their names. The longest that fit come first: of a key on a curve the
/// curve is what matters.
const NAMES: [(&[u8], &str); 27] = [
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7], "P-256"),
    (&[0x2b, 0x81, 4, 0, 0x22], "P-384"),
    (&[0x2b, 0x81, 4, 0, 0x23], "P-521"),
    (&[0x2b, 0x81, 4, 0, 0x0a], "secp256k1"),
    (&[0x2b, 0x24, 3, 3, 2, 8, 1, 1], "Brainpool"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1], "ECDSA with SHA-1"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 1], "ECDSA with SHA-224"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2], "ECDSA with SHA-256"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3], "ECDSA with SHA-384"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4], "ECDSA with SHA-512"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1], "elliptic curve"),
    (&[0x2b, 0x65, 0x70], "Ed25519"),
    (&[0x2b, 0x65, 0x71], "Ed448"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10], "RSASSA-PSS"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1], "RSA"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 4], "RSA with MD5"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5], "RSA with SHA-1"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11], "RSA with SHA-256"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 12], "RSA with SHA-384"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 13], "RSA with SHA-512"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 14], "RSA with SHA-224"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 3], "DSA with SHA-1"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1], "DSA"),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 2], "DSA with SHA-256"),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 17], "ML-DSA-44"),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 18], "ML-DSA-65"),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 19], "ML-DSA-87"),
];
const UNKNOWN: &str = "an algorithm without a common name";

/// The name for an algorithm identifier as DER: an object identifier, perhaps with parameters.
pub fn name(id: &[u8]) -> &'static str {
    let holds = |oid: &[u8]| id.windows(oid.len()).any(|part| part == oid);
    NAMES.iter().find(|(oid, _)| holds(oid)).map_or(UNKNOWN, |(_, name)| name)
}

/// The name for one object identifier, encoded.
fn name_of_oid(oid: &[u8]) -> &'static str {
    NAMES.iter().find(|(known, _)| *known == oid).map_or(UNKNOWN, |(_, name)| name)
}

pub fn signature_name(certificate: &X509Certificate<'_>) -> &'static str {
    name_of_oid(certificate.signature_algorithm.algorithm.as_bytes())
}

/// `RSA 2048`, `P-256`, `Ed25519`.
pub fn key_name(certificate: &X509Certificate<'_>) -> String {
    if let Some(bits) = rsa_bits(certificate) {
        return format!("RSA {bits}");
    }
    let algorithm = &certificate.public_key().algorithm;
    let curve = algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
    let name = name_of_oid(curve.as_ref().map_or(algorithm.algorithm.as_bytes(), |oid| oid.as_bytes()));
    if curve.is_some() && name == UNKNOWN { "elliptic curve".to_owned() } else { name.to_owned() }
}

pub fn rsa_bits(certificate: &X509Certificate<'_>) -> Option<usize> {
    match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(rsa)) => Some(rsa.key_size()),
        _ => None,
    }
}
