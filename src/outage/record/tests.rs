use proptest::prelude::*;

use super::*;

const START: u64 = 1_800_000_000_000;
const REFUSED: Cause = Cause::Refused { at_proxy: false };
const CLAIM_TIME: Duration = Duration::from_secs(11);

fn after(seconds: u64) -> Moment {
    Moment::at(START + seconds * 1000)
}

fn down() -> Record {
    conclude(None, None, Sign::Down(REFUSED), after(0)).unwrap()
}

/// What a gateway's error says of a text.
fn gateway(status: u16, text: u64) -> Sign {
    Sign::Suspect { cause: Cause::Gateway { status }, text: TextDigest::number(text) }
}

/// What silence says of one.
fn silence(text: u64) -> Sign {
    let cause = Cause::Silent { at_proxy: false, waited: 10_000 };
    Sign::Suspect { cause, text: TextDigest::number(text) }
}

fn skip(seconds: u64) -> Advice {
    Advice::Skip(Duration::from_secs(seconds))
}

#[test]
fn an_outage_keeps_hooks_off_the_network_until_its_next_try() {
    let record = down();
    assert_eq!(record.advice(after(0)), skip(15));
    assert_eq!(record.advice(after(14)), skip(1));
    assert_eq!(record.advice(after(15)), Advice::Claim);
}

#[test]
fn one_hook_claims_the_try_and_the_others_wait() {
    let mut record = down();
    assert!(!record.claim(ClaimId(1), CLAIM_TIME, after(14)), "not due");
    assert!(record.claim(ClaimId(1), CLAIM_TIME, after(15)));
    assert!(!record.claim(ClaimId(2), CLAIM_TIME, after(16)), "claimed");
    assert_eq!(record.advice(after(16)), Advice::Wait);
    assert!(record.is_claimed_by(ClaimId(1)) && !record.is_claimed_by(ClaimId(2)));
}

#[test]
fn the_claim_of_a_hook_that_died_runs_out() {
    let mut record = down();
    assert!(record.claim(ClaimId(1), CLAIM_TIME, after(15)));
    assert_eq!(record.advice(after(26)), Advice::Claim);
    assert!(record.claim(ClaimId(2), CLAIM_TIME, after(26)));
    // The first was only asleep: what it found no longer counts.
    let kept = conclude(Some(record.clone()), Some(ClaimId(1)), Sign::Down(REFUSED), after(27));
    assert_eq!(kept, Some(record));
}

#[test]
fn a_claim_from_before_the_clock_was_put_back_runs_out_at_once() {
    let mut record = down();
    assert!(record.claim(ClaimId(1), CLAIM_TIME, after(15)));
    let State::Tried { by, .. } = record.state else { panic!("{record:?}") };
    let claimed_until =
        |seconds| Record { state: State::Tried { by, until: after(seconds) }, ..record.clone() };
    assert_eq!(claimed_until(76).advice(after(16)), Advice::Wait);
    for far in [77, 300, 1_000_000] {
        assert_eq!(claimed_until(far).advice(after(16)), Advice::Claim, "{far}");
    }
}

#[test]
fn each_failed_try_makes_the_wait_longer_up_to_two_minutes() {
    let mut record = down();
    let mut now = 0;
    for wait in [15, 30, 60, 120, 120, 120] {
        assert_eq!(record.advice(after(now)), skip(wait));
        now += wait;
        assert!(record.claim(ClaimId(1), CLAIM_TIME, after(now)));
        now += 10;
        record = conclude(Some(record), Some(ClaimId(1)), Sign::Down(REFUSED), after(now)).unwrap();
        assert_eq!(record.since, after(0));
    }
}

#[test]
fn hooks_that_failed_together_count_once() {
    let record = down();
    let same = conclude(Some(record.clone()), None, Sign::Down(REFUSED), after(1));
    assert_eq!(same, Some(record));
}

#[test]
fn an_answer_to_any_hook_removes_the_record() {
    let mut record = down();
    assert_eq!(conclude(Some(record.clone()), None, Sign::Answers, after(1)), None);
    assert!(record.claim(ClaimId(1), CLAIM_TIME, after(15)));
    assert_eq!(conclude(Some(record.clone()), None, Sign::Answers, after(16)), None);
    assert_eq!(conclude(Some(record), Some(ClaimId(1)), Sign::Answers, after(16)), None);
}

#[test]
fn what_a_text_may_have_caused_is_an_outage_from_the_second_in_a_row_on() {
    for (one, other) in
        [(gateway(503, 1), gateway(502, 2)), (silence(1), silence(2)), (silence(1), gateway(504, 2))]
    {
        let first = conclude(None, None, one, after(0)).unwrap();
        assert_eq!(first.advice(after(1)), Advice::Scan);
        let second = conclude(Some(first.clone()), None, other, after(1)).unwrap();
        assert_eq!(second.advice(after(1)), skip(15));
        for between in [Sign::Answers, Sign::Unclear] {
            let known = conclude(Some(first.clone()), None, between, after(1));
            let again = conclude(known, None, other, after(2)).unwrap();
            assert_eq!(again.advice(after(2)), Advice::Scan, "{between:?}");
        }
    }
}

#[test]
fn the_same_text_is_never_the_second_in_a_row() {
    let first = conclude(None, None, silence(1), after(0)).unwrap();
    for again in [silence(1), gateway(503, 1)] {
        let same = conclude(Some(first.clone()), None, again, after(11));
        assert_eq!(same.as_ref(), Some(&first));
    }
}

#[test]
fn the_same_text_does_not_prolong_the_outage_that_it_began() {
    let first = conclude(None, None, silence(1), after(0));
    let mut record = conclude(first, None, silence(2), after(0)).unwrap();
    assert!(record.claim(ClaimId(1), CLAIM_TIME, after(15)));
    let same = conclude(Some(record.clone()), Some(ClaimId(1)), silence(2), after(25)).unwrap();
    assert_eq!((same.advice(after(25)), same.noted), (Advice::Claim, after(0)));
    let third = conclude(Some(record), Some(ClaimId(1)), silence(3), after(25)).unwrap();
    assert_eq!(third.advice(after(25)), skip(30));
}

#[test]
fn silence_that_says_nothing_neither_ends_a_suspicion_nor_confirms_it() {
    assert_eq!(conclude(None, None, Sign::NoAnswer, after(0)), None);
    let first = conclude(None, None, silence(1), after(0)).unwrap();
    let between = conclude(Some(first.clone()), None, Sign::NoAnswer, after(10));
    assert_eq!(between, Some(first));
    let second = conclude(between, None, silence(2), after(20)).unwrap();
    assert_eq!(second.advice(after(20)), skip(15));
}

#[test]
fn what_one_text_may_have_caused_does_not_prolong_another_outage() {
    for (one, other) in [(gateway(503, 1), gateway(503, 2)), (silence(1), silence(2))] {
        let mut record = down();
        assert!(record.claim(ClaimId(1), CLAIM_TIME, after(15)));
        let once = conclude(Some(record), Some(ClaimId(1)), one, after(16)).unwrap();
        assert_eq!(once.advice(after(16)), Advice::Scan);
        let twice = conclude(Some(once), None, other, after(17)).unwrap();
        assert_eq!((twice.advice(after(17)), twice.since), (skip(30), after(0)));
    }
}

#[test]
fn an_unclear_try_leaves_the_next_to_the_next_hook() {
    let mut record = down();
    assert!(record.claim(ClaimId(1), CLAIM_TIME, after(15)));
    for sign in [Sign::Unclear, Sign::NoAnswer] {
        let record = conclude(Some(record.clone()), Some(ClaimId(1)), sign, after(20)).unwrap();
        assert_eq!(record.advice(after(20)), Advice::Claim);
        assert_eq!(record.noted, after(0), "it is no younger");
    }
}

#[test]
fn an_old_record_and_one_from_the_future_count_as_none() {
    let record = down();
    assert!(record.counts(after(600)) && !record.counts(Moment::at(START + 600_001)));
    assert_eq!(record.advice(after(601)), Advice::Scan);
    // A clock that is put right by a moment.
    assert!(record.counts(Moment::at(START - 2_000)) && !record.counts(Moment::at(START - 2_001)));
    assert_eq!(record.advice(Moment::at(START - 3_000)), Advice::Scan);
}

#[test]
fn what_no_hook_writes_counts_as_none() {
    let far = Record { state: State::Waiting { next_try: after(121) }, ..down() };
    assert_eq!(far.advice(after(0)), Advice::Scan);
    let backwards = Record { since: after(1), ..down() };
    assert_eq!(backwards.advice(after(0)), Advice::Scan);
}

#[test]
fn causes_are_clauses_without_anything_from_outside() {
    let silent = Cause::Silent { at_proxy: false, waited: 9_998 };
    assert_eq!(silent.to_string(), "connected, no answer in 10 s");
    assert_eq!(Cause::Refused { at_proxy: true }.to_string(), "the proxy: the connection is refused");
}

/// One thing that happens: time passes (or the clock jumps), then a hook comes.
#[derive(Debug, Clone, Copy)]
struct Step {
    jump: i64,
    sign: Sign,
    dies: bool,
}

fn signs() -> impl Strategy<Value = Sign> {
    prop_oneof![
        Just(Sign::Answers),
        Just(Sign::Unclear),
        Just(Sign::NoAnswer),
        (502..=504u16, 0..4u64).prop_map(|(status, text)| gateway(status, text)),
        (0..4u64).prop_map(silence),
        Just(Sign::Down(REFUSED)),
        Just(Sign::Down(Cause::Silent { at_proxy: false, waited: 10_000 })),
    ]
}

fn steps(signs: impl Strategy<Value = Sign>) -> impl Strategy<Value = Vec<Step>> {
    let jump = prop_oneof![8 => 0..30_000i64, 1 => -90_000_000..90_000_000i64];
    prop::collection::vec(
        (jump, signs, any::<bool>()).prop_map(|(jump, sign, dies)| Step { jump, sign, dies }),
        0..40,
    )
}

/// What is remembered, and what time it is, once hooks have come one after another.
fn played(steps: &[Step]) -> (Option<Record>, u64) {
    let (mut known, mut clock): (Option<Record>, u64) = (None, START);
    for (number, step) in steps.iter().enumerate() {
        clock = clock.saturating_add_signed(step.jump);
        let now = Moment::at(clock);
        let claim = match known.as_ref().map_or(Advice::Scan, |record| record.advice(now)) {
            Advice::Skip(_) | Advice::Wait => continue,
            Advice::Scan => None,
            Advice::Claim => {
                let id = ClaimId(number as u64);
                assert!(known.as_mut().is_some_and(|record| record.claim(id, CLAIM_TIME, now)));
                Some(id)
            }
        };
        if !step.dies {
            known = conclude(known, claim, step.sign, now);
        }
    }
    (known, clock)
}

proptest! {
    #[test]
    fn whatever_happened_hooks_scan_again_within_two_minutes(
        steps in steps(signs()),
        jump in -90_000_000..90_000_000i64,
    ) {
        let (known, clock) = played(&steps);
        let Some(record) = known else { return Ok(()) };
        let now = Moment::at(clock.saturating_add_signed(jump));
        let scans = |now| matches!(record.advice(now), Advice::Scan | Advice::Claim);
        if let Advice::Skip(wait) = record.advice(now) {
            prop_assert!(wait <= LONGEST_WAIT + CLOCK_STEP, "{wait:?}");
            prop_assert!(scans(now.plus(wait)));
        }
        // One after a clock that was put back scans at once, before the old record is of now again.
        let later = now.plus(LONGEST_WAIT + CLOCK_STEP + CLAIM_TIME);
        prop_assert!(scans(now) || scans(later), "{record:?} {now:?}");
    }

    #[test]
    fn no_sequence_without_a_failed_connection_keeps_hooks_off_the_network(
        steps in steps(prop_oneof![Just(Sign::Answers), Just(Sign::Unclear), Just(Sign::NoAnswer)]),
        known in prop::option::of(Just(())),
    ) {
        let (record, _) = played(&steps);
        prop_assert_eq!(&record, &None);
        // Nor does it prolong an outage that there was.
        let before = known.map(|()| down());
        for (number, step) in steps.iter().enumerate() {
            let mut record = before.clone();
            let id = ClaimId(number as u64);
            let claimed = record.as_mut().is_some_and(|record| record.claim(id, CLAIM_TIME, after(15)));
            let after_it = conclude(record, claimed.then_some(id), step.sign, after(20));
            let is_off = after_it.is_some_and(|record| matches!(record.advice(after(20)), Advice::Skip(_)));
            prop_assert!(!is_off);
        }
    }

    #[test]
    fn one_text_after_another_keeps_nobody_off_the_network_unless_two_differ_in_a_row(
        steps in steps(prop_oneof![
            1 => Just(Sign::Answers),
            1 => Just(Sign::Unclear),
            2 => Just(Sign::NoAnswer),
            6 => (0..2u64).prop_map(silence),
            6 => (0..2u64).prop_map(|text| gateway(503, text)),
        ]),
    ) {
        // The texts since the last answer that may have caused what they got.
        let mut row: Vec<TextDigest> = Vec::new();
        let (mut known, mut clock) = (None, START);
        for step in steps {
            clock += step.jump.unsigned_abs().min(60_000);
            let now = Moment::at(clock);
            let advice = known.as_ref().map_or(Advice::Scan, |record: &Record| record.advice(now));
            if let Advice::Skip(_) = advice {
                continue;
            }
            let claim = ClaimId(clock);
            let claimed = known.as_mut().is_some_and(|record| record.claim(claim, CLAIM_TIME, now));
            known = conclude(known, claimed.then_some(claim), step.sign, now);
            let before = row.last().copied();
            match step.sign {
                Sign::Suspect { text, .. } => row.push(text),
                Sign::NoAnswer => {}
                _ => row.clear(),
            }
            let skips = known.as_ref().is_some_and(|record| matches!(record.advice(now), Advice::Skip(_)));
            prop_assert!(!skips || (row.last().copied() != before && row.len() > 1), "{:?}", row);
        }
    }
}
