use proptest::prelude::*;

use super::*;
use crate::outage::Cause;

const START: u64 = 1_800_000_000_000;
const DOWN: Sign = Sign::Down(Cause::NameServerSilent);

fn after(seconds: u64) -> Moment {
    Moment::at(START + seconds * 1000)
}

fn key(name: &str) -> Key {
    serde_json::from_value(name.into()).unwrap()
}

fn with_outage() -> (Ledger, Moment) {
    let mut ledger = Ledger::default();
    ledger.conclude(&key("one"), None, DOWN, after(0));
    let since = ledger.outage(&key("one"), after(0)).unwrap().since;
    (ledger, since)
}

#[test]
fn each_way_to_the_service_has_an_outage_of_its_own() {
    let (mut ledger, _) = with_outage();
    assert!(matches!(ledger.advice(&key("one"), after(1)), Advice::Skip(_)));
    assert_eq!(ledger.advice(&key("two"), after(1)), Advice::Scan);
    ledger.conclude(&key("two"), None, Sign::Answers, after(1));
    assert!(matches!(ledger.advice(&key("one"), after(1)), Advice::Skip(_)));
}

#[test]
fn a_session_is_told_of_an_outage_and_of_its_end_once() {
    let (mut ledger, since) = with_outage();
    let (key, session, other) = (key("one"), SessionKey::of("a"), SessionKey::of("b"));
    assert!(!ledger.was_told(&session, &key, since));
    ledger.tell(&session, &key, since, after(0));
    assert!(ledger.was_told(&session, &key, since) && !ledger.was_told(&other, &key, since));
    assert!(ledger.owes_anything(&session, &key) && !ledger.owes_anything(&other, &key));
    ledger.conclude(&key, None, Sign::Answers, after(90));
    let over = ledger.tell_the_end(&session, &key, after(90));
    assert_eq!(over, Some(Duration::from_secs(90)));
    assert_eq!(ledger.tell_the_end(&session, &key, after(91)), None);
    ledger.prune(after(91));
    assert!(ledger.is_empty());
}

#[test]
fn another_outage_is_told_again() {
    let (mut ledger, since) = with_outage();
    let (key, session) = (key("one"), SessionKey::of("a"));
    ledger.tell(&session, &key, since, after(0));
    ledger.conclude(&key, None, Sign::Answers, after(20));
    ledger.conclude(&key, None, DOWN, after(40));
    let again = ledger.outage(&key, after(40)).unwrap().since;
    assert!(!ledger.was_told(&session, &key, again));
}

#[test]
fn that_there_is_no_token_is_remembered_by_session() {
    let mut ledger = Ledger::default();
    let session = SessionKey::of("a");
    ledger.tell_of_no_token(&session, after(0));
    ledger.prune(after(3600));
    assert!(ledger.was_told_of_no_token(&session) && !ledger.was_told_of_no_token(&SessionKey::of("b")));
    ledger.prune(after(13 * 3600));
    assert!(ledger.is_empty());
}

#[test]
fn only_so_much_is_remembered_and_the_oldest_goes_first() {
    let mut ledger = Ledger::default();
    for number in 0..100 {
        ledger.conclude(&key(&number.to_string()), None, DOWN, after(number));
        ledger.tell_of_no_token(&SessionKey::of(&number.to_string()), after(number));
    }
    ledger.prune(after(100));
    assert_eq!((ledger.outages.len(), ledger.sessions.len()), (MOST_OUTAGES, MOST_SESSIONS));
    assert!(
        ledger.outage(&key("99"), after(100)).is_some() && ledger.outage(&key("0"), after(100)).is_none()
    );
    assert!(ledger.to_bytes().len() < 32 * 1024, "a file of this size is read");
}

#[test]
fn what_another_version_wrote_is_nothing() {
    let (ledger, _) = with_outage();
    let text = String::from_utf8(ledger.to_bytes()).unwrap();
    assert_eq!(Ledger::parse(text.as_bytes()), Some(ledger));
    for (from, to) in
        [("\"version\":1", "\"version\":2"), ("\"failures\"", "\"more\":1,\"failures\""), ("{", "")]
    {
        assert_eq!(Ledger::parse(text.replacen(from, to, 1).as_bytes()), None, "{from}");
    }
}

proptest! {
    #[test]
    fn no_bytes_are_too_strange_to_be_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Ledger::parse(&bytes);
    }

    #[test]
    fn a_damaged_file_is_nothing_or_keeps_hooks_off_for_two_minutes_at_most(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        later in 0..1_000u64,
    ) {
        let (mut ledger, since) = with_outage();
        ledger.tell(&SessionKey::of("a"), &key("one"), since, after(0));
        let mut bytes = ledger.to_bytes();
        let index = at.index(bytes.len());
        bytes[index] = byte;
        if let Some(ledger) = Ledger::parse(&bytes) {
            if let Advice::Skip(wait) = ledger.advice(&key("one"), after(later)) {
                prop_assert!(wait <= Duration::from_secs(122), "{wait:?}");
            }
        }
    }
}
