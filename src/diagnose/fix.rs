//! What to do about a verdict, on this operating system. Pure: the system is a parameter, so that all three are tested.
//!
//! Nothing that a certificate or a server said goes into a command line here: people paste those into shells.

use serde::Serialize;

use super::facts::Facts;
use super::route::Route;
use super::verdict::Verdict;

/// The operating system that the advice is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Os {
    Linux,
    MacOs,
    Windows,
}

impl Os {
    /// The one that this binary runs on; other Unix systems count as Linux.
    pub fn current() -> Self {
        if cfg!(windows) {
            Self::Windows
        } else if cfg!(target_os = "macos") {
            Self::MacOs
        } else {
            Self::Linux
        }
    }

    /// A file name to use in an example.
    fn root_file(self) -> &'static str {
        match self {
            Self::Linux => "/etc/ssl/corporate-root.pem",
            Self::MacOs => "/usr/local/etc/corporate-root.pem",
            Self::Windows => r"C:\ProgramData\corporate-root.pem",
        }
    }

    /// How to set a variable so that Codex's hooks see it.
    fn set(self, name: &str, value: &str) -> String {
        match self {
            Self::Linux => {
                format!("add `export {name}={value}` to ~/.profile and start Codex from a new session")
            }
            Self::MacOs => format!(
                "add `export {name}={value}` to ~/.zprofile; for the desktop app also `launchctl setenv {name} \
                 {value}`, then quit and reopen it"
            ),
            Self::Windows => format!("`setx {name} \"{value}\"`, then start Codex anew"),
        }
    }

    /// How to get hold of a root that the machine's browser trusts.
    fn export_root(self, search: &str) -> String {
        match self {
            Self::Linux => {
                "Get that root as a PEM file: from your IT department, or from the browser (padlock, \
                            certificate, topmost entry, export)."
                    .to_owned()
            }
            Self::MacOs => format!(
                "Export that root: `security find-certificate -a -c \"{search}\" -p \
                 /Library/Keychains/System.keychain > corporate-root.pem`, or ask your IT department for it."
            ),
            Self::Windows => format!(
                "Export that root: in certmgr.msc, Trusted Root Certification Authorities, find “{search}”, All Tasks, \
                 Export, Base-64 encoded; or ask your IT department for it."
            ),
        }
    }

    /// How to put a root into the system's own store.
    fn trust_root(self) -> &'static str {
        match self {
            Self::Linux => {
                "Debian, Ubuntu: copy it to /usr/local/share/ca-certificates/corporate-root.crt and run `sudo \
                 update-ca-certificates`; Fedora, RHEL: to /etc/pki/ca-trust/source/anchors/ and `sudo update-ca-trust`"
            }
            Self::MacOs => {
                "`sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain \
                 corporate-root.pem`"
            }
            Self::Windows => "as administrator, `certutil -addstore Root corporate-root.pem`",
        }
    }

    fn clock(self) -> &'static str {
        match self {
            Self::Linux => "`timedatectl set-ntp true`",
            Self::MacOs => "`sudo sntp -sS time.apple.com`",
            Self::Windows => "`w32tm /resync`",
        }
    }

    fn resolve(self, host_is_proxy: bool) -> String {
        let tool = match self {
            Self::Linux => "`getent hosts NAME`",
            Self::MacOs => "`dscacheutil -q host -a name NAME`",
            Self::Windows => "`Resolve-DnsName NAME`",
        };
        let whose = if host_is_proxy { "the proxy variable" } else { "F5_GUARDRAILS_BASE_URL" };
        format!("Check the spelling in {whose}, the VPN and the DNS server ({tool}).")
    }
}

const FULL_CHAIN: &str = "If it is an intermediate, the server's operator has to send it too (the full chain). Browsers hide \
    this fault: they fetch or remember missing intermediates.";
const PROXY_HINT: &str = "If this network lets traffic out only through a proxy, ask for its address:";

/// The steps that mend what the verdict names, most likely first. Empty where nothing needs mending.
pub fn fix(verdict: &Verdict, facts: &Facts, os: Os) -> Vec<String> {
    let direct = matches!(facts.route, Route::Direct { .. });
    let proxy_hint = || {
        direct.then(|| format!("{PROXY_HINT} {}.", os.set("HTTPS_PROXY", "http://proxy.example.com:8080")))
    };
    let mut steps = match verdict {
        Verdict::Works { .. } => return Vec::new(),
        Verdict::NameNotResolved { proxy, .. } => vec![os.resolve(*proxy)],
        Verdict::ConnectionRefused { proxy: true, .. }
        | Verdict::Unreachable { proxy: true, .. }
        | Verdict::Timeout { proxy: true, .. } => vec![
            "Check the address and port of the proxy, and whether the VPN that it belongs to is up.".to_owned(),
            "Where the server is reachable directly, exclude it: add its name to NO_PROXY.".to_owned(),
        ],
        Verdict::ConnectionRefused { .. } => {
            vec!["Check host and port in F5_GUARDRAILS_BASE_URL (or --tls-host, --tls-port).".to_owned()]
        }
        Verdict::Unreachable { .. } | Verdict::Timeout { .. } => {
            vec!["Check network, VPN and firewall: outgoing TCP to this host and port has to be allowed.".to_owned()]
        }
        Verdict::ProxyNeedsLogin { scheme, .. } => proxy_login(scheme, os),
        Verdict::ProxyRefuses { .. } => vec![format!(
            "Ask whoever runs the proxy to allow CONNECT to {}, or exclude the host with NO_PROXY where it is reachable \
             directly.",
            facts.target
        )],
        Verdict::NotAProxy { .. } => vec![
            "Check scheme, host and port of the proxy variable: most proxies are addressed with http://, also for \
             https:// traffic."
                .to_owned(),
        ],
        Verdict::ProxyTls { .. } => vec![
            "Most proxies are addressed with http:// in HTTPS_PROXY; with https:// the proxy's own certificate has to be \
             trusted too."
                .to_owned(),
        ],
        Verdict::PlainHttp { .. } | Verdict::NotTls { .. } => {
            vec!["Use the server's TLS port (443 as a rule) in F5_GUARDRAILS_BASE_URL.".to_owned()]
        }
        Verdict::HandshakeReset | Verdict::HandshakeClosed | Verdict::HandshakeSilence => {
            vec![format!("Ask the network team to allow TLS to {} (by name and without inspection).", facts.target)]
        }
        Verdict::OldTlsOnly => {
            vec!["Have TLS 1.2 or 1.3 switched on at the server (or at the gateway in front of it).".to_owned()]
        }
        Verdict::NoCommonCipher => vec![
            "Have the server offer ECDHE with AES-GCM or ChaCha20-Poly1305 (TLS 1.2), or TLS 1.3, and X25519, P-256 or \
             P-384."
                .to_owned(),
        ],
        Verdict::UnknownServerName => vec!["Check the host name in F5_GUARDRAILS_BASE_URL.".to_owned()],
        Verdict::UnknownRoot { inspection, trusted_by, same_name_trusted, .. } => {
            unknown_root(*inspection, trusted_by, *same_name_trusted, facts, os)
        }
        Verdict::IncompleteChain { url, certain: true, trusted_by, .. } => {
            incomplete(url.is_some(), trusted_by, facts, os)
        }
        Verdict::IncompleteChain { trusted_by, .. } => {
            let mut steps = unknown_root(None, trusted_by, false, facts, os);
            steps.push(FULL_CHAIN.to_owned());
            steps
        }
        Verdict::SelfSigned { .. } => vec![
            "If this is your own server, and only then: save its certificate as PEM and trust exactly that one:"
                .to_owned()
                + " "
                + &os.set("F5_GUARDRAILS_CA_BUNDLE", os.root_file())
                + ".",
            "Better: give the server a certificate from a certificate authority.".to_owned(),
        ],
        Verdict::Expired { .. } => vec![
            format!("If the local clock is wrong, set it: {}.", os.clock()),
            "If the clock is right, the server's operator has to renew the certificate.".to_owned(),
        ],
        Verdict::NotYetValid { .. } => {
            vec![format!("Most likely the local clock is slow; set it: {}.", os.clock())]
        }
        Verdict::WrongName { inspection, .. } => wrong_name(*inspection),
        Verdict::CertificateNotAccepted { .. } => {
            vec!["The server's operator has to replace the certificate.".to_owned()]
        }
        Verdict::ClientCertificateDemanded => vec![format!(
            "Get a client certificate with its key (PEM) from the server's operator, then {}, and F5_GUARDRAILS_CLIENT_KEY \
             likewise unless the key is in the same file.",
            os.set("F5_GUARDRAILS_CLIENT_CERT", if os == Os::Windows { r"C:\path\client.pem" } else { "/path/client.pem" })
        )],
        Verdict::ClientCertificateRefused { .. } => vec![
            "Check that the file in F5_GUARDRAILS_CLIENT_CERT is for this server, complete with its intermediates, and \
             not expired."
                .to_owned(),
        ],
        Verdict::NoAnswer { .. } | Verdict::Failed { .. } => vec![
            "Try again; if it stays, show this report to whoever runs the server or the gateway in front of it.".to_owned(),
        ],
    };
    if matches!(
        verdict,
        Verdict::NameNotResolved { proxy: false, .. }
            | Verdict::Unreachable { proxy: false, .. }
            | Verdict::Timeout { proxy: false, .. }
            | Verdict::HandshakeReset
            | Verdict::HandshakeSilence
    ) {
        steps.extend(proxy_hint());
    }
    steps
}

fn proxy_login(scheme: &str, os: Os) -> Vec<String> {
    let integrated = ["negotiate", "ntlm", "kerberos"].iter().any(|name| scheme.eq_ignore_ascii_case(name));
    if integrated {
        return vec![
            "f5-guard can log in at a proxy by name and password only (Basic). Run a local helper proxy that speaks \
             Negotiate or NTLM (Px, cntlm) and point HTTPS_PROXY at it, or ask for an exception."
                .to_owned(),
        ];
    }
    vec![format!(
        "Put the login into the proxy's URL, special characters percent-encoded: {}.",
        os.set("HTTPS_PROXY", "http://USER:PASSWORD@proxy.example.com:8080")
    )]
}

fn unknown_root(
    inspection: Option<&'static str>,
    trusted_by: &[String],
    same_name: bool,
    facts: &Facts,
    os: Os,
) -> Vec<String> {
    let mut steps = elsewhere(trusted_by, facts);
    if same_name {
        steps
            .push("The root was renewed: replace the old one in the trust source by the new one.".to_owned());
    }
    // The product's name from our own table, or a placeholder: never what the certificate says.
    steps.push(os.export_root(inspection.unwrap_or("NAME OF THE ROOT")));
    steps.push(format!("For f5-guard alone: {}.", os.set("F5_GUARDRAILS_CA_BUNDLE", os.root_file())));
    steps.push(format!("Or for the whole machine: {}.", os.trust_root()));
    if inspection.is_none() {
        steps.push(
            "If nobody can say whose root this is, somebody may be listening: ask before trusting it."
                .to_owned(),
        );
    }
    steps
}

fn incomplete(has_url: bool, trusted_by: &[String], facts: &Facts, os: Os) -> Vec<String> {
    let mut steps = elsewhere(trusted_by, facts);
    steps.push(FULL_CHAIN.to_owned());
    let source = if has_url { "from the address named under “missing issuer”, " } else { "" };
    steps.push(format!(
        "Until then, get the missing certificate ({source}or from your IT department if it is your organisation's own), \
         add it as PEM to a bundle together with the roots you need, and {}.",
        os.set("F5_GUARDRAILS_CA_BUNDLE", os.root_file())
    ));
    steps
}

fn elsewhere(trusted_by: &[String], facts: &Facts) -> Vec<String> {
    if trusted_by.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "The certificate would be accepted by {}, but the roots in force are {}: unset that variable, or add the root there.",
        trusted_by.join(" and by "),
        facts.trust.source
    )]
}

fn wrong_name(inspection: Option<&'static str>) -> Vec<String> {
    let mut steps = vec!["Use a host name that the certificate names in F5_GUARDRAILS_BASE_URL.".to_owned()];
    steps.push(match inspection {
        Some(product) => format!(
            "{product} made this certificate up, perhaps for a page that blocks: ask your IT department."
        ),
        None => {
            "If the name is right, something on the way (a captive portal, a wrong DNS answer) speaks in the \
                 server's place."
                .to_owned()
        }
    });
    steps
}
