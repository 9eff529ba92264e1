use proptest::prelude::*;

use super::*;
use crate::outage::record::{Advice, ClaimId, Moment, Record, conclude};
use crate::scan::{StatusError, response};
use crate::settings::{Budget, Source};
use crate::transport::certificate_problem::CertificateProblem;
use crate::transport::failure::example_at;

const WHOLE: Duration = Duration::from_secs(10);
const BUDGET: Budget = Budget {
    limit: WHOLE,
    cut_by_hook: false,
    set_by: Source::Default,
    most: WHOLE,
    for_reading: Duration::ZERO,
};

const TEXT: TextDigest = TextDigest::number(1);

fn judged(error: &ScanError, reached: Reached, characters: usize) -> Sign {
    judged_of(TEXT, error, reached, characters)
}

fn judged_of(text: TextDigest, error: &ScanError, reached: Reached, characters: usize) -> Sign {
    sign(&Attempted {
        error: Some(error),
        reached,
        characters,
        text: &|| text,
        took: WHOLE,
        waited: WHOLE,
        whole_time: true,
    })
}

/// After less time than a scan has.
fn judged_after(took: Duration, waited: Duration, error: &ScanError, reached: Reached) -> Sign {
    let text = &|| TEXT;
    sign(&Attempted { error: Some(error), reached, characters: 1, text, took, waited, whole_time: true })
}

fn failed(stage: Stage, fault: Fault) -> ScanError {
    ScanError::from(TransportError::from(example_at(stage, fault)))
}

fn late(stage: Stage) -> ScanError {
    ScanError::Deadline { budget: BUDGET, pending: Some(Box::new(example_at(stage, Fault::TimedOut))) }
}

fn status(code: u16) -> ScanError {
    ScanError::Status(StatusError::new(code, None, b""))
}

#[test]
fn connections_that_fail_before_anything_was_sent_are_an_outage() {
    for (fault, stage) in [
        (Fault::NoSuchName, Stage::Dns),
        (Fault::NameServerSilent, Stage::Dns),
        (Fault::Refused, Stage::Tcp),
        (Fault::NoConnection, Stage::Tcp),
        (Fault::Reset, Stage::Tcp),
        (Fault::Unreachable("the network is down"), Stage::Tcp),
        (Fault::ProxyStatus { status: 502, retry_after: None }, Stage::Proxy),
        (Fault::SocksRefused { why: "general failure", passing: true }, Stage::Proxy),
    ] {
        let error = failed(stage, fault);
        // However long the text is, it had no part in that.
        for characters in [1, 100_000] {
            assert!(matches!(judged(&error, Reached::Nowhere, characters), Sign::Down(_)), "{error}");
        }
        assert_eq!(judged(&error, Reached::Sent, 1), Sign::Unclear, "{error}");
    }
}

#[test]
fn silence_is_an_outage_where_no_text_was_sent_and_suspect_after_a_short_one() {
    for stage in [Stage::Dns, Stage::Tcp, Stage::ProxyTls, Stage::Proxy, Stage::Tls] {
        assert!(matches!(judged(&late(stage), Reached::Nowhere, 100_000), Sign::Down(_)), "{stage:?}");
    }
    let silent = Sign::Suspect { cause: Cause::Silent { at_proxy: false, waited: 10_000 }, text: TEXT };
    assert_eq!(judged(&late(Stage::Request), Reached::Sent, 2_000), silent);
    assert_eq!(judged(&late(Stage::Request), Reached::Sent, 2_001), Sign::NoAnswer);
}

#[test]
fn silence_says_nothing_after_a_cut_connection_an_answer_or_too_little_time() {
    let error = late(Stage::Request);
    assert_eq!(judged(&error, Reached::Cut, 1), Sign::Unclear);
    assert_eq!(judged(&error, Reached::Gateway, 1), Sign::Unclear);
    assert_eq!(judged(&error, Reached::Answer, 1), Sign::Answers);
    assert_eq!(judged(&late(Stage::Body), Reached::Sent, 1), Sign::Unclear);
    let attempted = Attempted {
        error: Some(&error),
        reached: Reached::Sent,
        characters: 1,
        text: &|| TEXT,
        took: WHOLE,
        waited: WHOLE,
        whole_time: false,
    };
    assert_eq!(sign(&attempted), Sign::NoAnswer);
    let unknown = ScanError::Deadline { budget: BUDGET, pending: None };
    assert_eq!(judged(&unknown, Reached::Nowhere, 1), Sign::Unclear);
}

#[test]
fn less_than_five_seconds_of_silence_say_nothing_however_short_the_timeout_is() {
    let (short, enough) = (Duration::from_millis(4_999), Duration::from_secs(5));
    for stage in [Stage::Dns, Stage::Tcp, Stage::ProxyTls, Stage::Proxy, Stage::Tls] {
        assert_eq!(judged_after(short, short, &late(stage), Reached::Nowhere), Sign::NoAnswer, "{stage:?}");
        assert!(
            matches!(judged_after(enough, short, &late(stage), Reached::Nowhere), Sign::Down(_)),
            "{stage:?}"
        );
    }
    let no_connection = failed(Stage::Tcp, Fault::NoConnection);
    assert_eq!(judged_after(short, short, &no_connection, Reached::Nowhere), Sign::NoAnswer);
    // The time before the text was sent does not count.
    assert_eq!(judged_after(WHOLE, short, &late(Stage::Request), Reached::Sent), Sign::NoAnswer);
    let found = judged_after(WHOLE, enough, &late(Stage::Request), Reached::Sent);
    assert!(matches!(found, Sign::Suspect { .. }));
}

#[test]
fn gateways_are_told_from_everything_else_that_answers() {
    for code in [502, 503, 504] {
        let suspect = Sign::Suspect { cause: Cause::Gateway { status: code }, text: TEXT };
        assert_eq!(judged(&status(code), Reached::Gateway, 10_000), suspect);
        assert_eq!(judged(&status(code), Reached::Gateway, 10_001), Sign::Unclear, "as a late answer");
        assert_eq!(judged(&status(code), Reached::Answer, 1), Sign::Answers, "other pieces had one");
    }
    for code in [301, 400, 401, 403, 404, 407, 413, 422, 429, 500, 501, 505, 511] {
        assert_eq!(judged(&status(code), Reached::Answer, 1), Sign::Answers, "{code}");
    }
}

/// Every kind of error that a text, the settings or TLS can be the cause of, wherever it turns up.
fn not_of_an_outage() -> Vec<ScanError> {
    let mut errors = vec![
        ScanError::NoToken,
        ScanError::TokenElsewhere(crate::token::Elsewhere::example(1)),
        ScanError::UnusableToken { from: Source::Default },
        ScanError::BadBody("it is empty"),
        ScanError::ScannerFailed { failed: 1, of: 2 },
        ScanError::ScannerUnclear { unclear: 1, of: 2 },
        ScanError::NoScannerRan,
        ScanError::TooLong { limit: 1 },
        ScanError::RepeatsToken { kind: "network" },
        ScanError::Internal,
        late(Stage::Body),
        response::parse(b"<html>").unwrap_err(),
    ];
    errors.extend([400, 401, 403, 404, 413, 422, 429, 500, 501, 511].map(status));
    let faults = [
        Fault::TimedOut,
        Fault::Unknown("the system reports an error of the connection"),
        Fault::ProxyLogin { sent: true, offers: Vec::new() },
        Fault::ProxyStatus { status: 403, retry_after: None },
        Fault::ProxyStatus { status: 429, retry_after: None },
        Fault::SocksRefused { why: "rules", passing: false },
        Fault::NotAProxy,
        Fault::Socks4Ipv6,
        Fault::SignIn,
        Fault::Certificate(CertificateProblem::Expired),
        Fault::PlainHttp,
        Fault::NotTls,
        Fault::OldTls,
        Fault::NothingInCommon,
        Fault::UnknownServerName,
        Fault::ClientCertificate { shown: false },
        Fault::Alert("an uncommon one"),
        Fault::BrokenTls,
        Fault::TlsSetup,
        Fault::NotHttp,
        Fault::Truncated,
        Fault::TooLarge { most: 1 },
        Fault::Encoded("gzip"),
    ];
    for stage in
        [Stage::Dns, Stage::Tcp, Stage::ProxyTls, Stage::Proxy, Stage::Tls, Stage::Request, Stage::Body]
    {
        errors.extend(faults.iter().map(|fault| failed(stage, fault.clone())));
    }
    for stage in [Stage::ProxyTls, Stage::Proxy, Stage::Tls, Stage::Request, Stage::Body] {
        errors.extend([Fault::Reset, Fault::Closed].map(|fault| failed(stage, fault)));
    }
    errors
}

fn reached() -> impl Strategy<Value = Reached> {
    prop::sample::select(vec![
        Reached::Nowhere,
        Reached::Sent,
        Reached::Cut,
        Reached::Gateway,
        Reached::Answer,
    ])
}

/// Answers to one text after another, however it was cut, delayed or refused because of what is in it.
fn answers_to_content() -> impl Strategy<Value = (ScanError, Reached, usize)> {
    let listed = prop::sample::select(not_of_an_outage());
    let gateways = prop::sample::select(vec![status(502), status(503), status(504)]);
    let cut = prop::sample::select(vec![
        late(Stage::Request),
        failed(Stage::Tcp, Fault::Refused),
        failed(Stage::Tcp, Fault::NoConnection),
        failed(Stage::Dns, Fault::NameServerSilent),
    ]);
    prop_oneof![
        (listed, reached(), 0..100_000usize),
        (gateways, reached().prop_filter("sent", |r| *r > Reached::Nowhere), 10_001..100_000usize),
        (
            Just(late(Stage::Request)),
            reached().prop_filter("sent", |r| *r > Reached::Nowhere),
            2_001..100_000usize
        ),
        (cut, Just(Reached::Cut), 0..100_000usize),
    ]
}

/// The same, and what makes a suspicion: silence after a short text, and gateways' errors.
fn answers_to_a_text() -> impl Strategy<Value = (ScanError, Reached, usize)> {
    let gateways = prop::sample::select(vec![status(502), status(503), status(504)]);
    prop_oneof![
        1 => answers_to_content(),
        1 => (Just(late(Stage::Request)), Just(Reached::Sent), 0..2_000usize),
        1 => (gateways, Just(Reached::Gateway), 0..10_000usize),
    ]
}

proptest! {
    #[test]
    fn one_text_alone_keeps_no_hook_off_the_network_however_often(
        answers in prop::collection::vec((answers_to_a_text(), 0..200u64), 1..30),
    ) {
        let mut known: Option<Record> = None;
        let mut now = Moment::now();
        for ((error, reached, characters), seconds) in answers {
            known = conclude(known, None, judged(&error, reached, characters), now);
            now = now.plus(Duration::from_secs(seconds));
            let advice = known.as_ref().map_or(Advice::Scan, |record| record.advice(now));
            prop_assert_eq!(advice, Advice::Scan, "{} {:?} {}", error, reached, characters);
        }
    }

    #[test]
    fn two_texts_with_an_answer_in_between_keep_no_hook_off_the_network(
        pairs in prop::collection::vec((answers_to_a_text(), answers_to_a_text(), 0..200u64), 1..20),
    ) {
        let mut known: Option<Record> = None;
        let mut now = Moment::now();
        for (number, (one, other, seconds)) in (0..).zip(pairs) {
            for (error, reached, characters) in [one, other] {
                let text = TextDigest::number(number);
                known = conclude(known, None, judged_of(text, &error, reached, characters), now);
                let advice = known.as_ref().map_or(Advice::Scan, |record| record.advice(now));
                prop_assert_eq!(advice, Advice::Scan);
            }
            known = conclude(known, None, Sign::Answers, now);
            now = now.plus(Duration::from_secs(seconds));
        }
    }

    #[test]
    fn no_sequence_of_answers_to_content_writes_a_record(
        answers in prop::collection::vec((answers_to_content(), 0..200u64), 1..30),
    ) {
        let mut known: Option<Record> = None;
        let mut now = Moment::now();
        for ((error, reached, characters), seconds) in answers {
            known = conclude(known, None, judged(&error, reached, characters), now);
            prop_assert_eq!(&known, &None, "{} {:?} {}", error, reached, characters);
            now = now.plus(Duration::from_secs(seconds));
        }
    }

    #[test]
    fn no_answer_to_content_prolongs_an_outage((error, reached, characters) in answers_to_a_text()) {
        let start = Moment::now();
        let down = Sign::Down(Cause::Refused { at_proxy: false });
        let mut record = conclude(None, None, down, start);
        let due = start.plus(Duration::from_secs(15));
        let claim = ClaimId::random();
        prop_assert!(record.as_mut().is_some_and(|record| record.claim(claim, WHOLE, due)));
        let found = judged(&error, reached, characters);
        let after_it = conclude(record, Some(claim), found, due);
        prop_assert!(!after_it.is_some_and(|record| matches!(record.advice(due), Advice::Skip(_))));
    }
}
