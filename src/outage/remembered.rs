//! An outage as `doctor` and `smoketest` show it. They always try for themselves, and a scan of theirs ends it.

use super::{Key, Ledger, Moment, Sign, Store, store};
use crate::printable::seconds;
use crate::settings::Settings;
use crate::system::Env;
use crate::transport::Peer;

/// What hooks with these settings remember of an outage, in a sentence.
pub fn shown(settings: &Settings, env: Env<'_>) -> Option<String> {
    let (_, ledger, key) = remembered(settings, env)?;
    let now = Moment::now();
    let record = ledger.outage(&key, now)?;
    let next_try = record.next_try(now)?;
    let next_try = match next_try.as_secs() {
        0 => "the next hook tries again".to_owned(),
        _ => format!("the next try is in {}", seconds(&next_try)),
    };
    let host = Peer::of(settings.base_url.as_ref().ok()?.url()).short();
    let since = now.since(record.since).as_secs();
    let cause = record.cause;
    Some(format!(
        "Hooks could not reach {host} ({cause}) and have scanned nothing for {since} s; {next_try}."
    ))
}

/// Forgets it: the service answered. Whatever scans for `doctor` or `smoketest`, by itself or through a hook, calls this
/// with the settings that it scanned with.
pub fn end(settings: &Settings, env: Env<'_>) {
    let Some((store, ledger, key)) = remembered(settings, env) else { return };
    if ledger.has_record(&key) {
        // What can't be written is of no more use by itself after ten minutes.
        let _ = store
            .update(store::DISK_TIME, move |ledger, now| ledger.conclude(&key, None, Sign::Answers, now));
    }
}

fn remembered(settings: &Settings, env: Env<'_>) -> Option<(Store, Ledger, Key)> {
    let store = settings.outage_memory.then(|| Store::of_this_user(env)).flatten()?;
    let ledger = store.read()?;
    Some((store, ledger, Key::of(settings)?))
}
