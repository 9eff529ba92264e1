//! Products that break TLS open on its way (secure web gateways, firewalls, virus scanners, debugging proxies),
//! recognised by the names that they put into the certificates they make up.
//!
//! The names are public knowledge: the vendors' own guides show these issuers, and so do countless threads of people
//! who met them. A name is a hint, not proof: administrators may choose their own. The patterns avoid the names of
//! public certificate authorities of the same companies (Symantec, McAfee, Cisco, Cloudflare, Trend Micro had some).

use super::certificate::Details;

/// A product, and lower-case parts of the names by which its certificates are known.
struct Product {
    name: &'static str,
    patterns: &'static [&'static str],
}

const fn product(name: &'static str, patterns: &'static [&'static str]) -> Product {
    Product { name, patterns }
}

const PRODUCTS: &[Product] = &[
    // Issuer "CN=Zscaler Intermediate Root CA (zscaler.net)", O=Zscaler Inc.
    product("Zscaler", &["zscaler"]),
    // "CN=ca.<tenant>.goskope.com", e-mail certadmin@netskope.com
    product("Netskope", &["netskope", "goskope"]),
    // PAN-OS and Prisma Access; the forward-trust name is the administrator's, these are the defaults
    product("Palo Alto Networks", &["palo alto networks", "prisma access", "globalprotect"]),
    // "O=Fortinet, OU=Certificate Authority, CN=FG…", default "Fortinet_CA_SSL"
    product("Fortinet FortiGate", &["fortinet", "fortigate"]),
    // ProxySG and Cloud SWG; not the former public CA of Symantec
    product(
        "Symantec/Blue Coat",
        &["blue coat", "bluecoat", "proxysg", "symantec web security", "cloud swg"],
    ),
    // "CN=Cisco Umbrella Root CA", "Cisco Umbrella Primary SubCA", and its successor Cisco Secure Access
    product("Cisco Umbrella", &["cisco umbrella", "cisco secure access"]),
    product("Cisco Secure Web Appliance", &["ironport", "cisco web security appliance", "cisco wsa"]),
    product("Forcepoint", &["forcepoint", "websense"]),
    product("Check Point", &["check point", "checkpoint"]),
    // "Sophos SSL CA_<serial>", "Sophos_CA_…"
    product("Sophos", &["sophos"]),
    // "Gateway CA - Cloudflare Managed G1 …", formerly "Cloudflare for Teams ECC Certificate Authority"
    product(
        "Cloudflare Gateway",
        &["gateway ca - cloudflare", "cloudflare for teams", "cloudflare corporate zero"],
    ),
    product("Skyhigh (McAfee) Web Gateway", &["mcafee web gateway", "skyhigh", "mwg root"]),
    product("Barracuda", &["barracuda"]),
    // "Fireware HTTPS Proxy: Unrecognized Certificate"
    product("WatchGuard", &["watchguard", "fireware https proxy"]),
    product("SonicWall", &["sonicwall"]),
    product("iboss", &["iboss"]),
    product("Cato Networks", &["cato networks"]),
    product("Menlo Security", &["menlo security"]),
    product("Trend Micro Web Security", &["trend micro web security", "interscan", "trend micro zero trust"]),
    product("Smoothwall", &["smoothwall"]),
    product("Securly", &["securly"]),
    product("Lightspeed", &["lightspeed systems", "lightspeed rocket"]),
    product("ContentKeeper", &["contentkeeper"]),
    product("Untangle", &["untangle"]),
    product("F5 SSL Orchestrator", &["ssl orchestrator", "sslo"]),
    product("Microsoft Global Secure Access", &["global secure access"]),
    // Virus scanners on the machine itself
    product("Kaspersky", &["kaspersky"]),
    product("ESET", &["eset ssl filter"]),
    product("Avast", &["avast web/mail shield", "avast! web/mail shield"]),
    product("AVG", &["avg web/mail shield"]),
    product("Bitdefender", &["bitdefender"]),
    // Debugging proxies
    product("mitmproxy", &["mitmproxy"]),
    product("Burp Suite", &["portswigger"]),
    product("Fiddler", &["do_not_trust_fiddlerroot", "fiddlerroot"]),
    product("Charles", &["charles proxy"]),
    product("Squid", &["squid-cache", "squid proxy"]),
];

/// The product that any of these certificates' issuers (or a certificate authority among them) gives away.
pub fn recognise<'a>(chain: impl IntoIterator<Item = &'a Details>) -> Option<&'static str> {
    chain.into_iter().find_map(|certificate| {
        let subject = if certificate.is_ca { certificate.subject.as_str() } else { "" };
        recognise_name(&certificate.issuer).or_else(|| recognise_name(subject))
    })
}

fn recognise_name(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    PRODUCTS
        .iter()
        .find(|product| product.patterns.iter().any(|pattern| name.contains(pattern)))
        .map(|product| product.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_inspecting_product_is_called_by_its_name() {
        for (issuer, product) in [
            (
                "C=US, ST=California, O=Zscaler Inc., CN=Zscaler Intermediate Root CA (zscalertwo.net)",
                "Zscaler",
            ),
            ("C=US, O=Acme, CN=ca.acme.goskope.com", "Netskope"),
            ("C=US, ST=California, O=Fortinet, OU=Certificate Authority, CN=FG100E", "Fortinet FortiGate"),
            ("O=Palo Alto Networks, CN=forward-trust", "Palo Alto Networks"),
            ("O=Blue Coat Systems Inc., CN=Cloud Services CA", "Symantec/Blue Coat"),
            ("O=Cisco, CN=Cisco Umbrella Secondary SubCA fra-SG", "Cisco Umbrella"),
            ("CN=Forcepoint Cloud CA", "Forcepoint"),
            ("O=Check Point Software Technologies", "Check Point"),
            ("CN=Sophos SSL CA_C01001", "Sophos"),
            ("C=US, O=Cloudflare, Inc., CN=Gateway CA - Cloudflare Managed G1 3d3", "Cloudflare Gateway"),
            ("CN=mitmproxy, O=mitmproxy", "mitmproxy"),
        ] {
            assert_eq!(recognise_name(issuer), Some(product), "{issuer}");
        }
    }

    #[test]
    fn public_authorities_are_not_taken_for_inspection() {
        for issuer in [
            "C=US, O=Symantec Corporation, OU=Symantec Trust Network, CN=Symantec Class 3 Secure Server CA - G4",
            "C=US, O=Cloudflare, Inc., CN=Cloudflare Inc ECC CA-3",
            "C=US, O=McAfee, Inc., CN=McAfee OV SSL CA 2",
            "C=US, O=Cisco Systems, CN=Cisco SSCA3",
            "C=US, O=Trend Micro Inc, CN=Trend Micro S2 CA",
            "C=US, O=Let's Encrypt, CN=R11",
            "C=US, O=DigiCert Inc, CN=DigiCert TLS RSA SHA256 2020 CA1",
        ] {
            assert_eq!(recognise_name(issuer), None, "{issuer}");
        }
    }
}
