//! What to do about a verdict, on this operating system. Pure: the system is a parameter, so that all three are tested.
//!
//! Nothing that a certificate or a server said goes into a command line here: people paste those into shells.

use super::facts::Facts;
use super::verdict::Verdict;
use crate::system::System;
use crate::transport::fault::{Fault, Stage};

/// How things are done there; the Unix of all other systems is taken for a Linux.
impl System {
    /// A file name to use in an example.
    fn root_file(self) -> &'static str {
        match self {
            Self::Unix => "/etc/ssl/corporate-root.pem",
            Self::MacOs => "/usr/local/etc/corporate-root.pem",
            Self::Windows => r"C:\ProgramData\corporate-root.pem",
        }
    }

    /// How to set a variable so that Codex's hooks see it.
    fn set(self, name: &str, value: &str) -> String {
        match self {
            Self::Unix => {
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
            Self::Unix => {
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
            Self::Unix => {
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
            Self::Unix => "`timedatectl set-ntp true`",
            Self::MacOs => "`sudo sntp -sS time.apple.com`",
            Self::Windows => "`w32tm /resync`",
        }
    }

    fn resolve(self) -> &'static str {
        match self {
            Self::Unix => "`getent ahosts NAME`",
            Self::MacOs => "`dscacheutil -q host -a name NAME`",
            Self::Windows => "`Resolve-DnsName NAME`",
        }
    }
}

const FULL_CHAIN: &str = "If it is an intermediate, the server's operator has to send it too (the full chain). Browsers hide \
    this fault: they fetch or remember missing intermediates.";

/// The steps that help, most likely first. Empty where nothing is wrong.
pub fn fix(verdict: &Verdict, facts: &Facts, os: System) -> Vec<String> {
    let Some(error) = &facts.error else { return Vec::new() };
    match verdict {
        Verdict::UnknownRoot { inspection, trusted_by, .. } => unknown_root(*inspection, trusted_by, facts, os),
        Verdict::IncompleteChain { url, certain: true, trusted_by, .. } => {
            incomplete(url.is_some(), trusted_by, facts, os)
        }
        Verdict::IncompleteChain { trusted_by, .. } => {
            let mut steps = unknown_root(None, trusted_by, facts, os);
            steps.push(FULL_CHAIN.to_owned());
            steps
        }
        Verdict::SelfSigned { trusted_by, .. } => {
            let mut steps = elsewhere(trusted_by, facts);
            steps.push(format!(
                "If this is your own server, and only then: save its certificate as PEM and trust exactly that one: {}.",
                trust_file(facts, os).replace("its root certificate", "it")
            ));
            steps.push("Better: give the server a certificate from a certificate authority.".to_owned());
            steps
        }
        Verdict::Expired { .. } => vec![
            format!("If the local clock is wrong, set it: {}.", os.clock()),
            "If the clock is right, the server's operator has to renew the certificate.".to_owned(),
        ],
        Verdict::NotYetValid { .. } => {
            vec![format!("Most likely the local clock is slow; set it: {}.", os.clock())]
        }
        Verdict::WrongName { inspection, .. } => vec![
            error.fix(facts.origins),
            match inspection {
                Some(product) => format!(
                    "{product} made this certificate up, perhaps for a page that blocks: ask your IT department."
                ),
                None => "If the name is right, something on the way (a captive portal, a wrong DNS answer) speaks in \
                         the server's place."
                    .to_owned(),
            },
        ],
        Verdict::Certificate { inspection: Some(product), .. } => {
            let who = format!("{product} made this certificate up: its administrator has to change that, or exempt this host.");
            vec![who]
        }
        Verdict::KeyKind { inspection, .. } => {
            let who = inspection.map_or("The server's operator".to_owned(), |product| format!("{product}'s administrator"));
            vec![format!("{who} has to use a certificate with a key of one of these kinds.")]
        }
        Verdict::Failed { stage: Some(Stage::Dns), .. } => {
            vec![error.fix(facts.origins), format!("To see what the system finds: {}.", os.resolve())]
        }
        Verdict::Failed { fault: Some(Fault::ClientCertificate { shown: false }), .. } if facts.client_certificate.is_none() => {
            let path = if os == System::Windows { r"C:\path\client.pem" } else { "/path/client.pem" };
            vec![format!(
                "Get a client certificate with its key (PEM) from the server's operator, then {}, and \
                 F5_GUARDRAILS_CLIENT_KEY likewise unless the key is in the same file.",
                os.set("F5_GUARDRAILS_CLIENT_CERT", path)
            )]
        }
        _ => vec![error.fix(facts.origins)],
    }
}

/// How to trust one file more: by the variable or flag in force where there is one.
fn trust_file(facts: &Facts, os: System) -> String {
    match facts.origins.add_root() {
        add if !add.starts_with("set ") => add,
        _ => os.set("F5_GUARDRAILS_CA_BUNDLE", os.root_file()),
    }
}

fn unknown_root(
    inspection: Option<&'static str>,
    trusted_by: &[String],
    facts: &Facts,
    os: System,
) -> Vec<String> {
    let mut steps = elsewhere(trusted_by, facts);
    // The product's name from our own table, or a placeholder: never what the certificate says.
    steps.push(os.export_root(inspection.unwrap_or("NAME OF THE ROOT")));
    steps.push(format!("For f5-guard alone: {}.", trust_file(facts, os)));
    steps.push(format!("Or for the whole machine: {}.", os.trust_root()));
    if inspection.is_none() {
        steps.push(
            "If nobody can say whose root this is, somebody may be listening: ask before trusting it."
                .to_owned(),
        );
    }
    steps
}

fn incomplete(has_url: bool, trusted_by: &[String], facts: &Facts, os: System) -> Vec<String> {
    let mut steps = elsewhere(trusted_by, facts);
    steps.push(FULL_CHAIN.to_owned());
    let source = if has_url { "from the address named under “missing issuer”, " } else { "" };
    steps.push(format!(
        "Until then, get the missing certificate ({source}or from your IT department if it is your organisation's own), \
         put it into a PEM file together with the roots you need, and {}.",
        trust_file(facts, os)
    ));
    steps
}

fn elsewhere(trusted_by: &[String], facts: &Facts) -> Vec<String> {
    if trusted_by.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "The certificate would be accepted by {}, but the roots in force are {}: unset what names those, or add the root there.",
        trusted_by.join(" and by "),
        facts.trust.source
    )]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::ScanError;
    use crate::settings::Origins;
    use crate::tls_diagnostics::RootsInForce;
    use crate::transport::Peer;
    use crate::transport::TrustSource;
    use crate::transport::certificate_problem::CertificateProblem;
    use crate::transport::failure::example;
    use crate::transport::watch::Attempt;

    fn facts() -> Facts {
        let fault = Fault::Certificate(CertificateProblem::UnknownIssuer);
        Facts {
            target: Peer { host: "f5.example.com".to_owned(), port: 443 },
            clock: 1_780_272_000,
            trust: RootsInForce { source: TrustSource::System, roots: 1 },
            route: None,
            attempt: Attempt::default(),
            earlier_attempts: 0,
            chain: None,
            looked_again: false,
            client_certificate: None,
            origins: Origins::default(),
            name_servers: Vec::new(),
            error: Some(ScanError::from(example(fault))),
        }
    }

    fn verdicts() -> Vec<Verdict> {
        let text = || "something".to_owned();
        let (problem, key) = (CertificateProblem::Purpose, "P-521".to_owned());
        let shown = Some(Fault::ClientCertificate { shown: false });
        let mut all = vec![
            Verdict::NotTheWay,
            Verdict::Failed { stage: Some(Stage::Dns), fault: Some(Fault::NameServerSilent) },
            Verdict::Failed { stage: Some(Stage::Tls), fault: shown },
            Verdict::SelfSigned { subject: text(), trusted_by: vec![text()] },
            Verdict::Expired { subject: text(), not_after: text(), days_ago: 3 },
            Verdict::NotYetValid { subject: text(), not_before: text() },
        ];
        for inspection in [None, Some("Zscaler")] {
            all.extend([
                unknown_root(inspection),
                Verdict::WrongName { names: vec![text()], inspection },
                Verdict::Certificate { problem: problem.clone(), inspection },
                Verdict::KeyKind { key: key.clone(), inspection },
            ]);
        }
        for certain in [false, true] {
            all.push(Verdict::IncompleteChain {
                missing: text(),
                url: None,
                certain,
                trusted_by: Vec::new(),
            });
        }
        all
    }

    fn unknown_root(inspection: Option<&'static str>) -> Verdict {
        Verdict::UnknownRoot { issuer: "CN=Root".to_owned(), inspection, trusted_by: Vec::new() }
    }

    #[test]
    fn every_verdict_but_success_has_a_sentence_and_a_fix_on_every_system() {
        for verdict in verdicts() {
            let sentence = verdict.sentence(&facts());
            assert!(
                sentence.ends_with('.') && !sentence.contains("..") && !sentence.contains('\n'),
                "{sentence}"
            );
            for os in [System::Unix, System::MacOs, System::Windows] {
                let steps = fix(&verdict, &facts(), os);
                assert!(!steps.is_empty(), "{verdict:?} on {os:?}");
                assert!(steps.iter().all(|step| step.ends_with(['.', ')'])), "{steps:?}");
            }
        }
        let fine = Facts { error: None, ..facts() };
        assert!(fix(&Verdict::Works { inspection: None }, &fine, System::Unix).is_empty());
    }

    #[test]
    fn the_way_to_export_and_set_a_root_is_that_of_the_system() {
        let steps = |os| fix(&unknown_root(Some("Zscaler")), &facts(), os).join("\n");
        let linux = steps(System::Unix);
        assert!(linux.contains("export F5_GUARDRAILS_CA_BUNDLE=/etc/ssl/corporate-root.pem"), "{linux}");
        assert!(linux.contains("update-ca-certificates") && linux.contains("update-ca-trust"), "{linux}");
        let mac = steps(System::MacOs);
        assert!(mac.contains("security find-certificate -a -c \"Zscaler\" -p"), "{mac}");
        assert!(mac.contains("launchctl setenv F5_GUARDRAILS_CA_BUNDLE"), "{mac}");
        let windows = steps(System::Windows);
        assert!(windows.contains("certmgr.msc") && windows.contains("“Zscaler”"), "{windows}");
        assert!(
            windows.contains(r#"setx F5_GUARDRAILS_CA_BUNDLE "C:\ProgramData\corporate-root.pem""#),
            "{windows}"
        );
        assert!(!windows.contains("export ") && !windows.contains("sudo"), "{windows}");
    }

    #[test]
    fn a_wrong_clock_is_set_with_the_systems_own_tool() {
        let verdict = Verdict::NotYetValid { subject: "s".to_owned(), not_before: "t".to_owned() };
        for (os, tool) in [(System::Unix, "timedatectl"), (System::MacOs, "sntp"), (System::Windows, "w32tm")]
        {
            assert!(fix(&verdict, &facts(), os)[0].contains(tool));
        }
    }
}
