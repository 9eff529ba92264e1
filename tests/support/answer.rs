//! What a run left behind, and what a test can say about it.

use std::fmt::Write as _;
use std::path::Path;

use f5_stand_in::f5::TOKEN;

use super::codex_answer::{self, CodexAnswer, Effect};
use super::{Event, FailMode, FakeHome, MARKER};

/// What a run left behind.
pub struct Answer {
    pub event: Event,
    pub stdout: String,
    pub stderr: String,
    /// `None` where a signal ended it.
    pub code: Option<i32>,
    pub(super) home: FakeHome,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:?}, exit {:?}\nstdout: {}\nstderr: {}\nlog: {}",
            self.event,
            self.code,
            self.stdout,
            self.stderr,
            self.log()
        )
    }
}

impl Answer {
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The log in its usual place; empty where there is none.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.home().join(".codex/logs/f5_guardrails.log")).unwrap_or_default()
    }

    /// What Codex makes of it.
    ///
    /// # Panics
    /// Where Codex would drop the answer and let the action go ahead.
    pub fn codex(&self) -> CodexAnswer {
        codex_answer::read(self.event, self.code, &self.stdout, &self.stderr)
            .unwrap_or_else(|why| panic!("Codex would drop this answer ({why}): {self:?}"))
    }

    /// The answer had no effect and shows nothing.
    #[track_caller]
    pub fn allowed(self) -> Self {
        assert_eq!(self.codex().effect, Effect::None, "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        self
    }

    /// The action is stopped, in the way that this event and this system have for it.
    #[track_caller]
    pub fn blocked(self) -> Self {
        assert_eq!(self.codex().effect, Effect::Block, "{self:?}");
        let by_exit_code = cfg!(unix) && !matches!(self.event, Event::Stop | Event::SubagentStop);
        assert_eq!(self.code, Some(if by_exit_code { 2 } else { 0 }), "{self:?}");
        assert!(
            !self.stdout.is_empty(),
            "a shell can lose the exit code, so that JSON has to be there: {self:?}"
        );
        self
    }

    /// The same by JSON alone, as where Codex does not read the hook's stderr.
    #[track_caller]
    pub fn blocked_by_json(self) -> Self {
        assert_eq!((self.code, self.codex().effect), (Some(0), Effect::Block), "{self:?}");
        self
    }

    /// The action goes ahead and the user (after a tool, the model too) is told something.
    #[track_caller]
    pub fn warned(self) -> Self {
        let expected =
            if self.event == Event::PostToolUse { Effect::NoticeAndContext } else { Effect::Notice };
        assert_eq!(self.codex().effect, expected, "{self:?}");
        self
    }

    /// The action goes ahead, and the user is told nothing; the model is told that an output was not scanned.
    #[track_caller]
    pub fn passed_in_silence(self) -> Self {
        let expected = if self.event == Event::PostToolUse { Effect::Context } else { Effect::None };
        assert_eq!(self.codex().effect, expected, "{self:?}");
        self
    }

    /// The action goes ahead after a scan, and the user is told something besides.
    #[track_caller]
    pub fn allowed_with_a_notice(self) -> Self {
        assert_eq!(self.codex().effect, Effect::Notice, "{self:?}");
        self
    }

    /// What a scan error leads to in this mode.
    #[track_caller]
    pub fn failed_in(self, mode: FailMode) -> Self {
        match mode {
            FailMode::Open => self.warned(),
            FailMode::Closed => self.blocked(),
        }
    }

    /// One of these words is in what the user is shown, in any case.
    #[track_caller]
    pub fn says(self, words: &[&str]) -> Self {
        let shown = self.codex().shown().to_lowercase();
        let found = words.iter().any(|word| shown.contains(&word.to_lowercase()));
        assert!(found, "none of {words:?} is said: {self:?}");
        self
    }

    /// One of these words stands on stderr or in the log, in any case.
    #[track_caller]
    pub fn notes(self, words: &[&str]) -> Self {
        let noted = format!("{}\n{}", self.stderr, self.log()).to_lowercase();
        let found = words.iter().any(|word| noted.contains(&word.to_lowercase()));
        assert!(found, "none of {words:?} is noted: {self:?}");
        self
    }

    /// Neither token nor scanned text stand in anything that was said.
    pub(super) fn keeps_its_secrets(&self) {
        let mut everything = String::new();
        let _ = write!(everything, "{}\n{}\n{}", self.stdout, self.stderr, self.log());
        for secret in [TOKEN, MARKER] {
            assert!(!everything.contains(secret), "{secret} was given away: {self:?}");
        }
    }
}
