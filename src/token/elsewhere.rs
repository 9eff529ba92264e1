//! A token that is stored for another service than the one in force: often the address came from a variable that only
//! one terminal had.

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

use super::saved::SavedTokens;
use super::store::Store;
use super::{Entry, Kind};
use crate::printable::{printable, shell_word};
use crate::settings::{Settings, Source};
use crate::system::Env;

/// The system's store gets no more time for its list of names.
const NAMES_TIME: Duration = Duration::from_millis(500);
/// The longest address that is shown whole, in characters.
const LONGEST: usize = 200;

/// No token is stored for the address in force, but for others. The words hold addresses only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// What was looked for.
    pub wanted: Entry,
    /// One address that has a token.
    first: String,
    /// How many more have one.
    more: usize,
}

impl Elsewhere {
    /// `others` are the addresses that have a token.
    pub fn new(wanted: Entry, others: &[String]) -> Option<Self> {
        let (first, more) = others.split_first()?;
        Some(Self { wanted, first: first.clone(), more: more.len() })
    }

    /// What [`super::complete`] found where it found no token.
    pub fn of(settings: &Settings) -> Option<Self> {
        let address = settings.base_url.as_ref().ok()?;
        Self::new(Entry::new(Kind::Scan, address), &settings.other_services)
    }

    /// What to do about it. `base_url` is what the address in force comes from.
    pub fn fix(&self, base_url: Source) -> String {
        let other = match self.more {
            0 => shell_word(&printable(&self.first, LONGEST)),
            _ => "ADDRESS".to_owned(),
        };
        let wanted = shell_word(&printable(&self.wanted.origin, LONGEST));
        match (self.wanted.kind, base_url) {
            (Kind::Global, _) => {
                format!("Give `--base-url {other}`, or run `f5-guard login --global --base-url {wanted}`.")
            }
            (Kind::Scan, Source::Option(_)) => {
                format!("Give `--base-url {other}`, or run `f5-guard login --base-url {wanted}`.")
            }
            // Who registered the address meant it. `login` without an address asks for no token for a repository's.
            (Kind::Scan, Source::Flag(_)) => format!(
                "Run `f5-guard login`, or if {} is your service, `f5-guard install --base-url {other} --trust`.",
                self.which()
            ),
            (Kind::Scan, _) => format!(
                "If {} is your service, run `f5-guard install --base-url {other} --trust`; if not, `f5-guard login`.",
                self.which()
            ),
        }
    }

    fn which(&self) -> &'static str {
        if self.more == 0 { "that" } else { "one of them" }
    }
}

impl fmt::Display for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [wanted, first] = [&self.wanted.origin, &self.first].map(|address| printable(address, LONGEST));
        write!(f, "No API token is stored for {wanted}, only for {first}")?;
        match self.more {
            0 => f.write_str("."),
            more => write!(f, " and {more} more."),
        }
    }
}

#[cfg(test)]
impl Elsewhere {
    /// One with so many other addresses.
    pub fn example(others: usize) -> Self {
        let wanted = Entry { kind: Kind::Scan, origin: "https://www.us1.calypsoai.app".to_owned() };
        let others: Vec<String> =
            (0..others).map(|number| format!("https://f5-scan-{number}.corp.example:8443")).collect();
        Self::new(wanted, &others).expect("one")
    }
}

/// The addresses that a token of this kind is stored for, besides that of `wanted`. Only names are read, no token, and
/// only from what is this user's. A store that does not say is left alone.
pub fn others(wanted: &Entry, env: Env<'_>, deadline: Instant, store: &dyn Store) -> Vec<String> {
    let names = all(env, deadline, store).into_iter();
    names.filter(|entry| entry.kind == wanted.kind && *entry != *wanted).map(|entry| entry.origin).collect()
}

/// The names of all tokens that `login` stored, as far as they can be had.
pub fn all(env: Env<'_>, deadline: Instant, store: &dyn Store) -> Vec<Entry> {
    let saved = SavedTokens::of_this_user(env).and_then(|saved| saved.entries().ok()).unwrap_or_default();
    let named = store.entries(deadline.min(Instant::now() + NAMES_TIME)).unwrap_or_default();
    let all: BTreeSet<Entry> = saved.into_iter().chain(named).collect();
    all.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(others: &[&str], kind: Kind, source: Source) -> String {
        let wanted = Entry { kind, origin: "https://www.us1.calypsoai.app".to_owned() };
        let others: Vec<String> = others.iter().map(|&other| other.to_owned()).collect();
        let elsewhere = Elsewhere::new(wanted, &others).unwrap();
        format!("{elsewhere}\n{}", elsewhere.fix(source))
    }

    #[test]
    fn the_words_name_both_addresses_and_the_way_out() {
        let local = ["http://127.0.0.1:8475"];
        let two = ["http://[::1]:8475", "https://h.example"];
        let flag = Source::Flag("--base-url");
        let variable = Source::Environment("F5_GUARDRAILS_BASE_URL");
        for (others, kind, source, words) in [
            (
                &local[..],
                Kind::Scan,
                Source::Default,
                "No API token is stored for https://www.us1.calypsoai.app, only for http://127.0.0.1:8475.\n\
                 If that is your service, run `f5-guard install --base-url http://127.0.0.1:8475 --trust`; if not, `f5-guard login`.",
            ),
            (
                &two,
                Kind::Scan,
                variable,
                "No API token is stored for https://www.us1.calypsoai.app, only for http://[::1]:8475 and 1 more.\n\
                 If one of them is your service, run `f5-guard install --base-url ADDRESS --trust`; if not, `f5-guard login`.",
            ),
            (
                &two[..1],
                Kind::Scan,
                flag,
                "No API token is stored for https://www.us1.calypsoai.app, only for http://[::1]:8475.\n\
                 Run `f5-guard login`, or if that is your service, `f5-guard install --base-url 'http://[::1]:8475' --trust`.",
            ),
            (
                &local,
                Kind::Scan,
                Source::Option("--base-url"),
                "No API token is stored for https://www.us1.calypsoai.app, only for http://127.0.0.1:8475.\n\
                 Give `--base-url http://127.0.0.1:8475`, or run `f5-guard login --base-url https://www.us1.calypsoai.app`.",
            ),
            (
                &local,
                Kind::Global,
                Source::Default,
                "No API token is stored for https://www.us1.calypsoai.app, only for http://127.0.0.1:8475.\n\
                 Give `--base-url http://127.0.0.1:8475`, or run `f5-guard login --global --base-url https://www.us1.calypsoai.app`.",
            ),
        ] {
            assert_eq!(said(others, kind, source), words);
        }
    }

    #[test]
    fn a_name_from_a_store_is_shown_as_text_and_is_one_word_of_a_command() {
        let words = said(&["http://h\u{1b}[2J'; rm -rf ~"], Kind::Scan, Source::Default);
        assert!(words.contains("--base-url 'http://h[2J%27; rm -rf ~' --trust"), "{words}");
    }

    #[test]
    fn nothing_is_said_where_nothing_is_stored() {
        assert_eq!(Elsewhere::new(Elsewhere::example(1).wanted, &[]), None);
    }
}
