//! All that one user's hooks remember: the outages, and what each session was shown.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::key::{Key, SessionKey};
use super::record::{Advice, ClaimId, Moment, Record, conclude};
use super::sign::Sign;

/// The form of the file; another number is another f5-guard's.
const VERSION: u32 = 1;
/// How long a session that was shown something is remembered.
const SESSION: Duration = Duration::from_secs(12 * 60 * 60);
/// More are not kept; the oldest go first.
const MOST_OUTAGES: usize = 16;
const MOST_SESSIONS: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    version: u32,
    outages: BTreeMap<Key, Record>,
    sessions: BTreeMap<SessionKey, Told>,
}

/// What the user was shown in one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    at: Moment,
    outage: Option<ToldOutage>,
    no_token: bool,
    /// That everything goes ahead.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    observes: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ToldOutage {
    key: Key,
    since: Moment,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { version: VERSION, outages: BTreeMap::new(), sessions: BTreeMap::new() }
    }
}

impl Ledger {
    /// From a file's content; `None` for what this version did not write.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().filter(|ledger: &Self| ledger.version == VERSION)
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub fn is_empty(&self) -> bool {
        self.outages.is_empty() && self.sessions.is_empty()
    }

    pub fn advice(&self, key: &Key, now: Moment) -> Advice {
        self.outages.get(key).map_or(Advice::Scan, |record| record.advice(now))
    }

    /// What is remembered of an outage, if it can be relied on.
    pub fn outage(&self, key: &Key, now: Moment) -> Option<&Record> {
        self.outages.get(key).filter(|record| record.counts(now))
    }

    /// Whether there is a record at all, be it one that no longer counts.
    pub fn has_record(&self, key: &Key) -> bool {
        self.outages.contains_key(key)
    }

    /// Claims the try that is due. Whether it was.
    pub fn claim(&mut self, key: &Key, by: ClaimId, time: Duration, now: Moment) -> bool {
        self.outages.get_mut(key).is_some_and(|record| record.claim(by, time, now))
    }

    /// Notes what a hook's try came to.
    pub fn conclude(&mut self, key: &Key, claim: Option<ClaimId>, sign: Sign, now: Moment) {
        match conclude(self.outages.remove(key), claim, sign, now) {
            None => {}
            Some(record) => drop(self.outages.insert(key.clone(), record)),
        }
    }

    /// Whether the session was shown this outage.
    pub fn was_told(&self, session: &SessionKey, key: &Key, since: Moment) -> bool {
        let told = self.sessions.get(session).and_then(|told| told.outage.as_ref());
        told.is_some_and(|told| told.key == *key && told.since == since)
    }

    /// Notes that the session is shown this outage. Whether that is news.
    pub fn tell(&mut self, session: &SessionKey, key: &Key, since: Moment, now: Moment) -> bool {
        let is_news = !self.was_told(session, key, since);
        if is_news {
            self.told(session, now).outage = Some(ToldOutage { key: key.clone(), since });
        }
        is_news
    }

    /// Whether the session was shown that there is no token.
    pub fn was_told_of_no_token(&self, session: &SessionKey) -> bool {
        self.sessions.get(session).is_some_and(|told| told.no_token)
    }

    /// Notes that the session is shown that there is no token. Whether that is news.
    pub fn tell_of_no_token(&mut self, session: &SessionKey, now: Moment) -> bool {
        let is_news = !self.was_told_of_no_token(session);
        if is_news {
            self.told(session, now).no_token = true;
        }
        is_news
    }

    /// Whether the session was shown that everything goes ahead.
    pub fn was_told_of_observing(&self, session: &SessionKey) -> bool {
        self.sessions.get(session).is_some_and(|told| told.observes)
    }

    /// Notes that the session is shown that everything goes ahead. Whether that is news.
    pub fn tell_of_observing(&mut self, session: &SessionKey, now: Moment) -> bool {
        let is_news = !self.was_told_of_observing(session);
        if is_news {
            self.told(session, now).observes = true;
        }
        is_news
    }

    /// Whether something that the session was shown, about this way to the service, is over with a scan.
    pub fn owes_anything(&self, session: &SessionKey, key: &Key) -> bool {
        let told = self.sessions.get(session);
        told.is_some_and(|told| told.no_token || told.outage.as_ref().is_some_and(|told| told.key == *key))
    }

    /// Forgets that, after a scan: how long the outage lasted whose end the session is to be shown.
    pub fn tell_the_end(&mut self, session: &SessionKey, key: &Key, now: Moment) -> Option<Duration> {
        let told = self.sessions.get_mut(session)?;
        told.no_token = false;
        let outage = told.outage.take_if(|told| told.key == *key)?;
        Some(now.since(outage.since))
    }

    /// Forgets what says nothing any more.
    pub fn prune(&mut self, now: Moment) {
        self.outages.retain(|_, record| record.counts(now));
        self.sessions.retain(|_, told| {
            (told.outage.is_some() || told.no_token || told.observes)
                && now.since(told.at) <= SESSION
                && !told.at.is_in_the_future_of(now)
        });
        forget_oldest(&mut self.outages, MOST_OUTAGES, |record| record.noted);
        forget_oldest(&mut self.sessions, MOST_SESSIONS, |told| told.at);
    }

    fn told(&mut self, session: &SessionKey, now: Moment) -> &mut Told {
        let told = self.sessions.entry(session.clone()).or_insert(Told {
            at: now,
            outage: None,
            no_token: false,
            observes: false,
        });
        told.at = now;
        told
    }
}

fn forget_oldest<K: Ord + Clone, V>(entries: &mut BTreeMap<K, V>, most: usize, age: impl Fn(&V) -> Moment) {
    while entries.len() > most {
        let oldest = entries.iter().min_by_key(|(_, entry)| age(entry)).map(|(key, _)| key.clone());
        let Some(oldest) = oldest else { return };
        entries.remove(&oldest);
    }
}

#[cfg(test)]
mod tests;
