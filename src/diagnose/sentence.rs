//! Each verdict as one sentence: what happened and why. Pure.

use super::facts::Facts;
use super::text::utc;
use super::verdict::Verdict;

impl Verdict {
    /// The verdict in one sentence.
    pub fn sentence(&self, facts: &Facts) -> String {
        let target = &facts.target;
        let whom =
            |peer: &str, proxy: bool| if proxy { format!("the proxy {peer}") } else { peer.to_owned() };
        match self {
            Self::Works { inspection: None } => {
                format!("TLS to {target} works: its certificate is accepted and the server answers.")
            }
            Self::Works { inspection: Some(product) } => format!(
                "TLS to {target} works; it is inspected on the way by {product}, whose root this machine trusts."
            ),
            Self::NameNotResolved { host, proxy } => {
                format!("The name of {} cannot be resolved by DNS.", whom(host, *proxy))
            }
            Self::ConnectionRefused { peer, proxy } => {
                format!(
                    "{} refuses the connection: nothing listens on that port.",
                    capital(&whom(peer, *proxy))
                )
            }
            Self::Unreachable { peer, proxy, why } => {
                format!("{} cannot be reached: {why}.", capital(&whom(peer, *proxy)))
            }
            Self::Timeout { peer, proxy, during } => {
                format!("{} did not answer in time ({}).", capital(&whom(peer, *proxy)), during.label())
            }
            Self::ProxyNeedsLogin { sent: false, scheme } => {
                format!("The proxy needs a login{} and none is configured.", offered(scheme))
            }
            Self::ProxyNeedsLogin { sent: true, scheme } => {
                format!("The proxy does not accept the configured login{}.", offered(scheme))
            }
            Self::ProxyRefuses { line } => {
                format!("The proxy refuses to connect to {target}: it answered {line}.")
            }
            Self::NotAProxy { said } => {
                format!("What answers at the configured proxy address is no such proxy ({said}).")
            }
            Self::ProxyTls { why } => format!("TLS with the proxy itself failed: {why}."),
            Self::PlainHttp { line } => {
                format!("{target} speaks plain HTTP, not TLS, on this port (it answered {line}).")
            }
            Self::NotTls { said } => {
                format!("{target} speaks something other than TLS on this port ({said}).")
            }
            Self::HandshakeReset => format!(
                "The connection to {target} was reset during the TLS handshake: a firewall on the way, or the server, \
                 does not let it through."
            ),
            Self::HandshakeClosed => {
                format!("{target} closed the connection during the TLS handshake without a word.")
            }
            Self::HandshakeSilence => {
                format!("{target} accepts connections but says nothing during the TLS handshake.")
            }
            Self::OldTlsOnly => {
                format!("{target} offers only TLS 1.1 or older; f5-guard speaks TLS 1.2 and 1.3.")
            }
            Self::NoCommonCipher => {
                format!("{target} and f5-guard have no cipher suite or key exchange in common.")
            }
            Self::UnknownServerName => {
                format!("The server at this address serves no site named {}.", target.host)
            }
            Self::UnknownRoot { issuer, inspection: Some(product), .. } => format!(
                "TLS inspection by {product} stands between this machine and {}, and its root “{issuer}” is not \
                 among the trusted roots ({}).",
                target.host, facts.trust.source
            ),
            Self::UnknownRoot { issuer, same_name_trusted: true, .. } => format!(
                "The certificate of {target} was issued by “{issuer}”, but with another key than the trusted root of \
                 that name."
            ),
            Self::UnknownRoot { issuer, .. } => format!(
                "The certificate of {target} ends in “{issuer}”, which is not among the trusted roots ({}).",
                facts.trust.source
            ),
            Self::IncompleteChain { missing, certain: false, .. } => format!(
                "The issuer “{missing}” of the certificate of {target} is neither among the trusted roots nor sent along: it is \
                 a private root that this machine does not trust, or an intermediate that the server leaves out \
                 (incomplete chain)."
            ),
            Self::IncompleteChain { missing, .. } => format!(
                "{target} sends an incomplete chain: the certificate of the issuer “{missing}” is missing, and it is \
                 not among the trusted roots either."
            ),
            Self::SelfSigned { .. } => {
                format!("{target} shows a self-signed certificate that is not among the trusted roots.")
            }
            Self::Expired { subject, not_after, days_ago } => format!(
                "The certificate “{subject}” of {target} expired on {not_after}, {days_ago} days ago by the local \
                 clock ({}).",
                utc(facts.clock)
            ),
            Self::NotYetValid { subject, not_before } => format!(
                "The certificate “{subject}” of {target} is valid only from {not_before}, and the local clock says {}.",
                utc(facts.clock)
            ),
            Self::WrongName { names, .. } => format!(
                "The certificate of {target} is not for {}: it names {}.",
                target.host,
                if names.is_empty() { "no host at all".to_owned() } else { names.join(", ") }
            ),
            Self::CertificateNotAccepted { why } => {
                format!("The certificate of {target} is not accepted: {why}.")
            }
            Self::ClientCertificateDemanded => {
                format!("{target} demands a client certificate (mTLS) and none is configured.")
            }
            Self::ClientCertificateRefused { why } => {
                format!("{target} does not accept the configured client certificate: {why}.")
            }
            Self::NoAnswer { why } => format!("TLS to {target} works, but no HTTP answer came: {why}."),
            Self::Failed { why } => format!("The TLS handshake with {target} failed: {why}."),
        }
    }
}

fn offered(scheme: &str) -> String {
    if scheme.is_empty() { String::new() } else { format!(" (it offers {scheme})") }
}

fn capital(text: &str) -> String {
    match text.strip_prefix("the ") {
        Some(rest) => format!("The {rest}"),
        None => text.to_owned(),
    }
}
