//! What a try says of the service.
//!
//! An outage is remembered only for what the scanned text can't have caused: the author of that text would otherwise have a
//! switch for the scans that follow. Each kind of error is listed, so that a new one has to be judged, too.

use std::time::Duration;

use super::cause::Cause;
use super::key::TextDigest;
use crate::scan::ScanError;
use crate::transport::fault::{Fault, Stage};
use crate::transport::watch::Reached;
use crate::transport::{Failure, TransportError};

/// A scan takes as long as its text is; of a longer one than this, in characters, silence says nothing,
const SHORT: usize = 2_000;
/// and of a longer one than this a gateway's error.
const MEDIUM: usize = 10_000;
/// Silence for less than this may just be slowness, however little time the hook had: others may have more.
const PATIENCE: Duration = Duration::from_secs(5);

/// What one try says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// The service answered something of its own.
    Answers,
    /// It can't be reached, and the text has no part in that.
    Down(Cause),
    /// The text was sent, and nothing came, or a gateway's error: an outage only if another text gets the same next.
    Suspect { cause: Cause, text: TextDigest },
    /// Nothing came, which says nothing of the service: the text is long, or the time was short.
    NoAnswer,
    /// None of these.
    Unclear,
}

/// A try, and the circumstances in which it says something.
pub struct Attempted<'a> {
    /// Why it brought no verdict; `None` where it did.
    pub error: Option<&'a ScanError>,
    /// How far its requests came.
    pub reached: Reached,
    /// Length of the text.
    pub characters: usize,
    pub text: &'a dyn Fn() -> TextDigest,
    /// The time that it took.
    pub took: Duration,
    /// Of that, how long the last request has been waiting for its answer, or the step before it for its peer.
    pub waited: Duration,
    /// Whether that was most of what a scan has: one that had to wait for another's result first may be late by itself.
    pub whole_time: bool,
}

pub fn sign(attempted: &Attempted<'_>) -> Sign {
    let Some(error) = attempted.error else { return Sign::Answers };
    match error {
        ScanError::NoToken
        | ScanError::TokenElsewhere(_)
        | ScanError::Token(_)
        | ScanError::UnusableToken { .. }
        | ScanError::LiteralToken { .. }
        | ScanError::BaseUrl(_)
        | ScanError::RelativePath(_)
        | ScanError::TlsMaterial(_)
        | ScanError::RepeatsToken { .. }
        | ScanError::Internal => Sign::Unclear,
        ScanError::BadBody(_)
        | ScanError::ScannerFailed { .. }
        | ScanError::ScannerUnclear { .. }
        | ScanError::NoScannerRan
        | ScanError::TooLong { .. } => Sign::Answers,
        ScanError::Status(status) => of_status(status.code, attempted),
        ScanError::Transport(TransportError::Failed(failure)) => of_failure(failure, attempted),
        ScanError::Transport(TransportError::Proxy(_) | TransportError::TlsMaterial(_)) => Sign::Unclear,
        ScanError::Deadline { pending: Some(pending), budget: _ } => of_silence(pending, attempted),
        ScanError::Deadline { pending: None, budget: _ } => Sign::Unclear,
    }
}

fn of_status(code: u16, attempted: &Attempted<'_>) -> Sign {
    match (code, attempted.reached) {
        (502..=504, Reached::Gateway) if attempted.characters <= MEDIUM => {
            Sign::Suspect { cause: Cause::Gateway { status: code }, text: (attempted.text)() }
        }
        (502..=504, Reached::Gateway) => Sign::Unclear,
        _ => Sign::Answers,
    }
}

/// A try that failed before its time was up. Once the text was sent, a firewall may have cut the connection because of it.
fn of_failure(failure: &Failure, attempted: &Attempted<'_>) -> Sign {
    match attempted.reached {
        Reached::Nowhere => {}
        Reached::Answer => return Sign::Answers,
        Reached::Sent | Reached::Cut | Reached::Gateway => return Sign::Unclear,
    }
    let at_proxy = failure.is_at_proxy();
    let connects = match failure.stage {
        Stage::Dns | Stage::Tcp => true,
        Stage::Proxy => false,
        // Whatever fails here is TLS', or was sent the text.
        Stage::ProxyTls | Stage::Tls | Stage::Request | Stage::Body => return Sign::Unclear,
    };
    match &failure.fault {
        Fault::NoSuchName => Sign::Down(Cause::NoSuchName { at_proxy }),
        Fault::NameServerSilent => Sign::Down(Cause::NameServerSilent),
        Fault::Refused => Sign::Down(Cause::Refused { at_proxy }),
        Fault::NoConnection if attempted.took < PATIENCE => Sign::NoAnswer,
        Fault::NoConnection => Sign::Down(Cause::NoConnection { at_proxy }),
        Fault::Unreachable(_) => Sign::Down(Cause::Unreachable { at_proxy }),
        Fault::Reset | Fault::Closed if connects => Sign::Down(Cause::Dropped { at_proxy }),
        // What is not such a proxy at all hangs up, too.
        Fault::Reset | Fault::Closed => Sign::Unclear,
        Fault::ProxyStatus { status: status @ 502..=504, .. } => {
            Sign::Down(Cause::ProxyStatus { status: *status })
        }
        Fault::SocksRefused { passing: true, .. } => Sign::Down(Cause::SocksRefused),
        Fault::TimedOut
        | Fault::Unknown(_)
        | Fault::ProxyLogin { .. }
        | Fault::ProxyStatus { .. }
        | Fault::SocksRefused { passing: false, .. }
        | Fault::NotAProxy
        | Fault::Socks4Ipv6
        | Fault::SignIn
        | Fault::Certificate(_)
        | Fault::PlainHttp
        | Fault::NotTls
        | Fault::OldTls
        | Fault::NothingInCommon
        | Fault::UnknownServerName
        | Fault::ClientCertificate { .. }
        | Fault::Alert(_)
        | Fault::BrokenTls
        | Fault::TlsSetup
        | Fault::NotHttp
        | Fault::Truncated
        | Fault::TooLarge { .. }
        | Fault::Encoded(_)
        | Fault::Material(_) => Sign::Unclear,
    }
}

/// A try that ran out of its time, with the step that it was waiting in.
fn of_silence(pending: &Failure, attempted: &Attempted<'_>) -> Sign {
    let is_sent = match attempted.reached {
        Reached::Nowhere => false,
        Reached::Sent => true,
        Reached::Answer => return Sign::Answers,
        Reached::Cut | Reached::Gateway => return Sign::Unclear,
    };
    let silence = if is_sent { attempted.waited } else { attempted.took };
    if !attempted.whole_time || silence < PATIENCE || is_sent && attempted.characters > SHORT {
        return Sign::NoAnswer;
    }
    let at_proxy = pending.is_at_proxy();
    let silent = Cause::Silent { at_proxy, waited: whole_seconds(silence) };
    match pending.stage {
        Stage::Body => Sign::Unclear,
        _ if is_sent => Sign::Suspect { cause: silent, text: (attempted.text)() },
        Stage::Dns => Sign::Down(Cause::NameServerSilent),
        Stage::Tcp => Sign::Down(Cause::NoConnection { at_proxy }),
        Stage::ProxyTls | Stage::Proxy | Stage::Tls | Stage::Request => Sign::Down(silent),
    }
}

/// In milliseconds.
fn whole_seconds(time: Duration) -> u64 {
    time.saturating_add(Duration::from_millis(500)).as_secs().saturating_mul(1000)
}

#[cfg(test)]
mod tests;
