//! A hook and what other hooks remember of an outage: whether it scans, and what its user is shown.
//!
//! The file is looked for once, before the scan. It is written only where something failed, or where an outage ends.

use std::time::{Duration, Instant};

use crate::event::Event;
use crate::hook::{Assessment, News, Outage};
use crate::installation;
use crate::outage::store::{DISK_TIME, NotKept};
use crate::outage::{
    Advice, Attempted, ClaimId, Key, Ledger, Moment, Record, SessionKey, Sign, Store, TextDigest, sign,
};
use crate::scan::ScanError;
use crate::settings::values::{Enforcement, FailMode};
use crate::settings::{ANSWER_TIME, Settings, Source};
use crate::system::Env;
use crate::transport::Peer;
use crate::transport::watch::Watch;

/// A lock that somebody holds for ever keeps no text from being scanned: so often it is asked for again.
const CLAIM_ATTEMPTS: u32 = 2;
/// How often a hook that waits for another's result looks for it.
const POLL: Duration = Duration::from_millis(40);
/// A hook that waits gives up so much before its own deadline.
const BEFORE_THE_DEADLINE: Duration = Duration::from_millis(60);
/// A claim holds so much longer than the scan may take.
const AFTER_THE_DEADLINE: Duration = Duration::from_secs(1);
/// What is left of the time for the answer, once something was remembered.
const FOR_THE_WORDS: Duration = Duration::from_millis(25);
/// Whatever the time, so long there is for writing something down.
const SHORTEST: Duration = Duration::from_millis(50);

/// What the hooks of this user remember, as far as this hook may use it.
pub struct Memory<'a> {
    settings: &'a Settings,
    env: Env<'a>,
    session: Option<SessionKey>,
    /// When the scan has to be over.
    deadline: Instant,
    /// `None` where nothing is to be remembered.
    store: Option<Store>,
    /// As it was read last; `None` in ordinary times.
    ledger: Option<Ledger>,
}

/// Whether to scan.
pub enum Permit {
    Scan(Try),
    /// The service was out of reach a moment ago.
    Skip(Outage),
}

/// A scan that is allowed.
pub struct Try {
    claim: Option<ClaimId>,
    begun: Instant,
}

/// Whether this call is the one that tells its session that everything goes ahead. Where nothing can be remembered each
/// prompt tells it.
pub fn tells_of_observing(
    settings: &Settings,
    env: Env<'_>,
    session_id: Option<&str>,
    event: Event,
    started: Instant,
) -> bool {
    if *settings.enforcement != Enforcement::Observe {
        return false;
    }
    let unknown = event == Event::UserPromptSubmit;
    let (Some(store), Some(session)) = (Store::of_this_user(env), session_id.map(SessionKey::of)) else {
        return unknown;
    };
    if store.read().is_some_and(|ledger| ledger.was_told_of_observing(&session)) {
        return false;
    }
    let left = (started + settings.budget().limit).saturating_duration_since(Instant::now());
    let told = store
        .update(left.clamp(SHORTEST, DISK_TIME), move |ledger, now| ledger.tell_of_observing(&session, now));
    told.unwrap_or(unknown)
}

impl<'a> Memory<'a> {
    pub fn open(settings: &'a Settings, env: Env<'a>, session_id: Option<&str>, started: Instant) -> Self {
        let store = settings.outage_memory.then(|| Store::of_this_user(env)).flatten();
        Self {
            settings,
            env,
            session: session_id.map(SessionKey::of),
            deadline: started + settings.budget().limit,
            ledger: store.as_ref().and_then(Store::read),
            store,
        }
    }

    /// Whether outages may keep this hook off the network. Where an administrator registered open mode, only if the
    /// registration says so: it is not for a user's variables or files to say what is not scanned there.
    fn skips(&self) -> bool {
        let memory = &self.settings.outage_memory;
        **memory
            && (!self.is_open()
                || matches!(memory.source, Source::Flag(_))
                || !installation::is_managed_program(self.env))
    }

    /// Asks whether to scan, and waits where another hook is trying.
    pub fn permit(&mut self) -> Permit {
        if self.ledger.is_none() || !self.skips() {
            return self.scan(None);
        }
        let Some(key) = Key::of(self.settings) else { return self.scan(None) };
        let id = ClaimId::random();
        let (mut has_waited, mut patience) = (false, CLAIM_ATTEMPTS);
        loop {
            let now = Moment::now();
            let Some(ledger) = &self.ledger else { return self.scan(None) };
            let advice = ledger.advice(&key, now);
            let Some(record) = ledger.outage(&key, now) else { return self.scan(None) };
            match advice {
                Advice::Scan => return self.scan(None),
                // Written down after this hook had given up on it.
                Advice::Wait if record.is_claimed_by(id) => return self.scan(Some(id)),
                Advice::Skip(next_try) => return Permit::Skip(self.outage(record, Some(next_try))),
                // Too little time is left to find out anything of the service, but not to scan: a claim would say more
                // to others than this try can.
                Advice::Claim if has_waited && !self.is_whole(Instant::now()) => return self.scan(None),
                Advice::Claim => match self.claim(&key, id) {
                    Ok(true) => return self.scan(Some(id)),
                    // Another hook was quicker.
                    Ok(false) => {}
                    Err(NotKept::Busy) if patience > 0 => patience -= 1,
                    // Nobody can claim anything here, and the text is to be scanned.
                    Err(NotKept::Busy | NotKept::Unusable) => return self.scan(None),
                },
                Advice::Wait if self.is_late() => return Permit::Skip(self.outage(record, None)),
                Advice::Wait => {}
            }
            std::thread::sleep(POLL);
            has_waited = true;
            self.ledger = self.store.as_ref().and_then(Store::read);
        }
    }

    fn scan(&self, claim: Option<ClaimId>) -> Permit {
        Permit::Scan(Try { claim, begun: Instant::now() })
    }

    /// Claims the try that is due. Whether it still was.
    fn claim(&self, key: &Key, id: ClaimId) -> Result<bool, NotKept> {
        let time = self.left(Instant::now()) + AFTER_THE_DEADLINE;
        let key = key.clone();
        let store = self.store.as_ref().ok_or(NotKept::Unusable)?;
        store.update(DISK_TIME, move |ledger, now| ledger.claim(&key, id, time, now))
    }

    fn left(&self, now: Instant) -> Duration {
        self.deadline.saturating_duration_since(now)
    }

    /// Whether a scan that begins now has most of the time that scans have.
    fn is_whole(&self, now: Instant) -> bool {
        self.left(now) >= self.settings.budget().limit / 2
    }

    /// Whether the machine or this process stood still beyond the deadline, so that an answer may have come and gone.
    fn was_stopped(&self) -> bool {
        Instant::now() > self.deadline + ANSWER_TIME
    }

    fn is_late(&self) -> bool {
        self.left(Instant::now()) < POLL + BEFORE_THE_DEADLINE
    }

    fn outage(&self, record: &Record, next_try: Option<Duration>) -> Outage {
        Outage { host: self.host(), cause: record.cause, next_try }
    }

    fn token(&self) -> &str {
        self.settings.api_token.as_ref().map_or("", |token| token.expose())
    }

    fn host(&self) -> String {
        self.settings.base_url.as_ref().map_or_else(|_| String::new(), |url| Peer::of(url.url()).short())
    }

    /// What the user is shown about a text that was not scanned because of an outage: everything once in a session.
    pub fn skipped(&self) -> News {
        let (Some(session), Some(key), true) = (&self.session, Key::of(self.settings), self.is_open()) else {
            return News::default();
        };
        let now = Moment::now();
        let known = self.ledger.as_ref().and_then(|ledger| {
            let record = ledger.outage(&key, now)?;
            Some((ledger.was_told(session, &key, record.since), record.since))
        });
        match known {
            None => News::default(),
            Some((true, _)) => News { is_known: true, ..News::default() },
            Some((false, _)) => {
                let session = session.clone();
                // Of hooks that run at the same time one tells.
                let is_known = self.update(move |ledger, now| {
                    let since = ledger.outage(&key, now).map(|record| record.since);
                    since.is_some_and(|since| !ledger.tell(&session, &key, since, now))
                });
                News { is_known: is_known.unwrap_or_default(), ..News::default() }
            }
        }
    }

    /// Remembers what a scan came to, and finds what there is to tell.
    pub fn conclude(
        &self,
        attempt: &Try,
        error: Option<&ScanError>,
        watch: &Watch,
        content: &str,
        assessment: &Assessment,
    ) -> News {
        let Some(store) = &self.store else { return News::default() };
        // Ordinary times: nothing failed, and nothing is remembered, nor was it since this scan began.
        if error.is_none() && self.ledger.is_none() && !store.has_file() {
            return News::default();
        }
        match (error, Key::of(self.settings)) {
            (Some(ScanError::NoToken | ScanError::TokenElsewhere(_)), _) => self.without_token(),
            (_, None) => News::default(),
            (_, Some(key)) => {
                let found = sign(&Attempted {
                    error,
                    reached: watch.reached(),
                    characters: content.chars().count(),
                    text: &|| TextDigest::of(self.token(), content),
                    took: attempt.begun.elapsed(),
                    waited: watch.waited(),
                    whole_time: self.is_whole(attempt.begun) && !self.was_stopped(),
                });
                let passes = matches!(assessment, Assessment::Scanned(report) if report.is_cleared());
                self.remember(key, attempt.claim, found, passes)
            }
        }
    }

    fn remember(&self, key: Key, claim: Option<ClaimId>, found: Sign, passes: bool) -> News {
        let known = self.ledger.as_ref();
        let has_record = |ledger: &Ledger| ledger.has_record(&key);
        // One that was written since this scan began ends with it, too.
        let has_record = known.is_some_and(has_record)
            || found == Sign::Answers
                && self.store.as_ref().and_then(Store::read).is_some_and(|ledger| has_record(&ledger));
        let session = self.session.as_ref().filter(|_| passes);
        let ends =
            session.is_some_and(|session| known.is_some_and(|ledger| ledger.owes_anything(session, &key)));
        let says_something = matches!(found, Sign::Down(_) | Sign::Suspect { .. });
        if !(has_record || ends || says_something) {
            return News::default();
        }
        let skips = self.skips();
        let (session, is_open) = (self.session.clone(), self.is_open());
        let host = self.host();
        self.update(move |ledger, now| {
            if skips {
                ledger.conclude(&key, claim, found, now);
            }
            let mut news = News::default();
            let record = ledger.outage(&key, now).filter(|_| skips && says_something);
            if let Some((record, next_try)) = record.and_then(|record| Some((record, record.next_try(now)?)))
            {
                let since = record.since;
                news.next_try = Some(next_try);
                if let (true, Some(session)) = (is_open, &session) {
                    news.is_known = !ledger.tell(session, &key, since, now);
                }
            }
            if let (true, Some(session)) = (ends, &session) {
                news.over = ledger.tell_the_end(session, &key, now).map(|lasted| (host, lasted));
            }
            news
        })
        .unwrap_or_default()
    }

    fn without_token(&self) -> News {
        let (Some(session), true) = (&self.session, self.is_open()) else { return News::default() };
        if self.ledger.as_ref().is_some_and(|ledger| ledger.was_told_of_no_token(session)) {
            return News { is_known: true, ..News::default() };
        }
        let session = session.clone();
        let is_known = self.update(move |ledger, now| !ledger.tell_of_no_token(&session, now));
        News { is_known: is_known.unwrap_or_default(), ..News::default() }
    }

    /// Whether what was not scanned goes ahead.
    fn is_open(&self) -> bool {
        *self.settings.fail_mode == FailMode::Open || *self.settings.enforcement == Enforcement::Observe
    }

    /// `None` where nothing could be written down, so that it is shown again.
    fn update<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Ledger, Moment) -> T + Send + 'static,
    ) -> Option<T> {
        let answer = self.deadline + ANSWER_TIME;
        let left = answer.saturating_duration_since(Instant::now()).saturating_sub(FOR_THE_WORDS);
        self.store.as_ref()?.update(left.clamp(SHORTEST, DISK_TIME), change).ok()
    }
}
