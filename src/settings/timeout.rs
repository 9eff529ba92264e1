//! How long a scan may take, so that the answer comes before Codex stops waiting for it.

use std::time::Duration;

use super::{Enforced, Setting, Settings, Source, values};
use crate::system::Env;

/// Seconds for one whole scan.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// The timeout that `install` registers with Codex, where the scan's own does not ask for more.
pub const HOOK_TIMEOUT: Duration = Duration::from_secs(60);
/// What a registered timeout leaves beyond the scan's own: a machine may stall, or a process be stopped, for almost so
/// long, and the answer still comes before Codex gives up on the hook and goes ahead.
pub const STALL_ROOM: Duration = Duration::from_secs(25);
/// The longest scan that [`HOOK_TIMEOUT`] has room for. A longer one has to be registered (`install --timeout`), because
/// a hook can't know how long Codex waits for it.
pub const LONGEST_UNREGISTERED_TIMEOUT: Duration = HOOK_TIMEOUT.saturating_sub(STALL_ROOM);
/// The time from the end of a scan, at the latest, to its answer.
pub const ANSWER_TIME: Duration = Duration::from_millis(100);
/// What more there is for it while an answer of the service is being read. Of [`STALL_ROOM`] most is left.
const READING_TIME: Duration = Duration::from_secs(5);

/// The part of the time budget that the scan may use, and who set its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// From the start of the process to the answer.
    pub limit: Duration,
    /// The hook's registration has no room for the timeout that was asked for.
    pub cut_by_hook: bool,
    /// What the timeout was asked for with.
    pub set_by: Source,
    /// The longest that the registration has room for.
    pub most: Duration,
    /// So much later the answer may come where the service has answered in time, and that is still being read.
    pub for_reading: Duration,
}

impl Budget {
    /// How a scan gets more time, as a clause.
    pub fn more_time(self) -> String {
        match self.set_by {
            Source::Option(name) => format!("give a longer {name}"),
            Source::Environment(_) | Source::Default if self.limit < self.most => {
                let most = self.most.min(LONGEST_UNREGISTERED_TIMEOUT);
                format!("raise F5_GUARDRAILS_TIMEOUT (up to {} s)", most.as_secs())
            }
            _ => "register a longer timeout with `f5-guard install --timeout SECONDS`".to_owned(),
        }
    }
}

impl Settings {
    /// The time for one hook run: the scan timeout, as far as the registration has room for it, because Codex takes a
    /// hook that it had to kill as "allow".
    ///
    /// Where an older version registered the hook, the answer, [`ANSWER_TIME`] included, comes 2 s (or a third, if that
    /// is less) before the timeout that it was registered with. Otherwise `--timeout` has its room, since `install`
    /// registers the two together, and a timeout of the environment has at most [`LONGEST_UNREGISTERED_TIMEOUT`].
    pub fn budget(&self) -> Budget {
        let reserve = self.hook_timeout.map(|hook| (hook / 3).min(Duration::from_secs(2)));
        let most = match (self.hook_timeout.zip(reserve), self.timeout.source) {
            (Some((hook, reserve)), _) => hook.saturating_sub(reserve).saturating_sub(ANSWER_TIME),
            (None, Source::Flag(_) | Source::Option(_)) => Duration::MAX,
            (None, Source::Environment(_) | Source::Stored(_) | Source::Default) => {
                LONGEST_UNREGISTERED_TIMEOUT
            }
        };
        Budget {
            limit: (*self.timeout).min(most),
            cut_by_hook: *self.timeout > most,
            set_by: self.timeout.source,
            most,
            for_reading: reserve.map_or(READING_TIME, |reserve| reserve / 2),
        }
    }
}

/// The timeout as it was asked for. A longer one of the environment than registrations have room for is a problem to
/// report: the user who set it expects scans to get that long.
pub(super) fn scan_timeout(enforced: &Enforced, env: Env<'_>) -> Setting<Duration> {
    let mut timeout = Setting::read(
        "F5_GUARDRAILS_TIMEOUT",
        enforced.flag("--timeout", &enforced.timeout),
        env,
        values::timeout_seconds,
        DEFAULT_TIMEOUT,
        "a number of seconds from 0.1 to 3600",
        "the default of 10 s is used",
    );
    let has_no_room = enforced.hook_timeout.is_none() && timeout.value > LONGEST_UNREGISTERED_TIMEOUT;
    if let (Source::Environment(name), true) = (timeout.source, has_no_room) {
        let most = LONGEST_UNREGISTERED_TIMEOUT.as_secs();
        timeout.problem = Some(format!(
            "{name} asks for more than the {most} s that a registration has room for; {most} s are used. A longer \
             timeout has to be registered: f5-guard install --timeout SECONDS."
        ));
    }
    timeout
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use super::*;

    fn budget(timeout: &str, hook: &str) -> (u64, bool) {
        let enforced = Enforced {
            timeout: Some(timeout.into()),
            hook_timeout: Some(hook.into()),
            ..Enforced::default()
        };
        let budget = read(&enforced, &[]).budget();
        (u64::try_from(budget.limit.as_millis()).unwrap(), budget.cut_by_hook)
    }

    #[test]
    fn the_deadline_stays_before_the_timeout_that_an_older_version_registered() {
        assert_eq!(budget("10", "15"), (10_000, false));
        assert_eq!(budget("14", "15"), (12_900, true));
        assert_eq!(budget("10", "3"), (1_900, true));
        assert_eq!(budget("10", "0"), (566, true), "0 means one second to Codex");
        assert_eq!(budget("100", "120"), (100_000, false));
    }

    #[test]
    fn more_time_is_had_where_the_timeout_is_set_and_never_beyond_the_bound() {
        let more = |overrides: Enforced, variables: &[(&str, &str)]| {
            read(&overrides, variables).budget().more_time()
        };
        let given = |timeout: &str| Enforced { timeout: Some(timeout.into()), ..Enforced::default() };
        let register = "register a longer timeout with `f5-guard install --timeout SECONDS`";
        assert_eq!(more(Enforced::default(), &[]), "raise F5_GUARDRAILS_TIMEOUT (up to 35 s)");
        for bound in ["35", "60"] {
            assert_eq!(more(Enforced::default(), &[("F5_GUARDRAILS_TIMEOUT", bound)]), register, "{bound}");
        }
        assert_eq!(more(given("5"), &[("F5_GUARDRAILS_TIMEOUT", "9")]), register);
        assert_eq!(more(given("5").as_own(), &[]), "give a longer --timeout");
        let old = Enforced { hook_timeout: Some("10".into()), ..Enforced::default() };
        assert_eq!(more(old, &[]), register);
    }

    #[test]
    fn an_answer_that_is_being_read_gets_time_that_the_registration_has() {
        for hook in 1..=60 {
            let enforced = Enforced { hook_timeout: Some(hook.to_string().into()), ..Enforced::default() };
            let budget = read(&enforced, &[("F5_GUARDRAILS_TIMEOUT", "60")]).budget();
            let whole = budget.limit + ANSWER_TIME + budget.for_reading;
            assert!(whole < Duration::from_secs(hook), "{hook} s: {budget:?}");
            assert!(budget.for_reading > ANSWER_TIME, "{hook} s: {budget:?}");
        }
        assert!(read(&Enforced::default(), &[]).budget().for_reading < STALL_ROOM / 2);
    }

    #[test]
    fn a_timeout_of_the_environment_has_the_room_of_a_registration_and_one_in_the_command_its_own() {
        let seconds = |enforced: &Enforced, timeout: &str| {
            let settings = read(enforced, &[("F5_GUARDRAILS_TIMEOUT", timeout)]);
            let budget = settings.budget();
            (budget.limit.as_secs(), budget.cut_by_hook, settings.problems().count())
        };
        assert_eq!(seconds(&Enforced::default(), "35"), (35, false, 0));
        assert_eq!(seconds(&Enforced::default(), "36"), (35, true, 1));
        let registered = Enforced { timeout: Some("100".into()), ..Enforced::default() };
        assert_eq!(seconds(&registered, "5"), (100, false, 0));
        let settings = read(&Enforced::default(), &[("F5_GUARDRAILS_TIMEOUT", "60")]);
        let problem = settings.problems().next().unwrap().to_owned();
        assert!(problem.contains("35 s") && problem.contains("f5-guard install --timeout"), "{problem}");
    }
}
