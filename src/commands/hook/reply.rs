//! The answer, made ready within the deadline, and handed to Codex.

use std::process::ExitCode;
use std::time::Duration;

use super::abort;
use super::call::Call;
use crate::event::Event;
use crate::hook::code_mode::is_from_script;
use crate::hook::masked_message::words;
use crate::hook::message::Subject;
use crate::hook::{Action, Assessment, News, Policy, answer, decide};
use crate::secret::Hidden;
use crate::settings::Origins;
use crate::stdio::{BlockBy, Stream, stderr_is_stdout, stdout_is_lost, write_within};

/// So long each stream is waited for, where nobody takes what is written. An answer fits into an empty pipe.
pub const PATIENCE: Duration = Duration::from_millis(250);

/// What the settings have to say in an answer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Says<'a> {
    /// Why the fail mode is closed although nobody wrote "closed"; empty otherwise.
    pub fail_mode_problem: &'a str,
    /// Whom to ask about a refusal.
    pub contact: Option<&'a str>,
    /// Where settings came from, so that advice names what has a say.
    pub origins: Origins,
}

/// An answer that only has to be written.
#[derive(Debug)]
pub struct Reply {
    event: Event,
    pub action: Action,
    /// Whether the text was scanned.
    scanned: bool,
    /// What stdout gets; `None` where silence means "go ahead", empty where no JSON could be made.
    json: Option<String>,
    /// What the model may be told, in the two ways of telling it.
    pub said: [String; 2],
    /// What stderr gets with exit code 2, and where no JSON can be written.
    text: String,
}

impl Reply {
    /// Decides, and finds the words, which show nothing that is `hidden`.
    pub fn new(
        call: &Call,
        assessment: &Assessment,
        news: &News,
        policy: Policy,
        says: Says<'_>,
        hidden: &Hidden,
    ) -> Self {
        let event = call.event;
        let action = decide(event, assessment, policy);
        let subject = Subject {
            event,
            tool_name: call.tool_name.as_deref(),
            input: &call.input,
            text: call.text.as_deref().map_or("", String::as_str),
            fail_mode_problem: says.fail_mode_problem,
            contact: says.contact,
            origins: says.origins,
        };
        let from_script = call.tool_use_id.as_deref().is_some_and(is_from_script);
        let mut words = words(subject, assessment, action, news, policy, from_script, hidden);
        [&mut words.notice, &mut words.reason, &mut words.whole]
            .into_iter()
            .for_each(|text| hidden.clean(text));
        let line = |text: String| if text.is_empty() { text } else { text + "\n" };
        // JSON that could not be made is JSON that can't be written.
        let json = answer::render(event, action, &words).unwrap_or_else(|_| Some(String::new())).map(line);
        let scanned = matches!(assessment, Assessment::Scanned(_));
        let said = [words.reason, words.whole.clone()];
        Self { event, action, scanned, json, said, text: line(words.whole) }
    }

    /// Writes the answer, in the way that reaches Codex from here.
    pub fn write(&self) -> Written {
        let exit_code = match abort::claim_answer() {
            Ok(()) => self.hand_over(),
            Err(exit_code) => exit_code,
        };
        abort::answered(exit_code);
        Written { exit_code }
    }

    fn hand_over(&self) -> u8 {
        if self.json.is_none() && self.action < Action::Mask {
            return 0;
        }
        let blocks = self.action >= Action::Mask && !self.event.ends_a_turn();
        if blocks && BlockBy::here() == BlockBy::ExitCode && self.write_text() {
            // Next to exit code 2 Codex takes no notice of it, but a start-up file's `trap 'exit 0' EXIT` takes that
            // code away.
            if !stderr_is_stdout() {
                self.write_json();
            }
            return Written::BLOCKED;
        }
        if self.write_json() {
            return 0;
        }
        self.write_text();
        match (self.action, self.event.ends_a_turn(), self.scanned) {
            // Only a notice next to it is lost.
            (Action::Allow, _, _) => 0,
            // Exit code 2 would send the text to the model as a new prompt, without end.
            (_, true, _) => 1,
            // What was not scanned may pass without the notice, what was flagged may not.
            (Action::Warn, _, false) => 1,
            _ => Written::BLOCKED,
        }
    }

    fn write_json(&self) -> bool {
        let json = self.json.as_deref().unwrap_or_default().as_bytes();
        !json.is_empty() && !stdout_is_lost() && write_within(Stream::Stdout, json, PATIENCE) == json.len()
    }

    /// Whether Codex gets a reason, be it a part of it.
    fn write_text(&self) -> bool {
        write_within(Stream::Stderr, self.text.as_bytes(), PATIENCE) > 0
    }
}

/// An answer that is out.
#[derive(Debug, Clone, Copy)]
pub struct Written {
    exit_code: u8,
}

impl Written {
    const BLOCKED: u8 = 2;

    pub fn exit_code(self) -> u8 {
        self.exit_code
    }

    /// Whether stderr belongs to the answer, so that nothing else may come out on it.
    pub fn is_on_stderr(self) -> bool {
        self.exit_code != 0
    }
}

impl From<Written> for ExitCode {
    fn from(written: Written) -> Self {
        Self::from(written.exit_code)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hook::Failure;
    use crate::scan::report::{ByModes, ScanTimes, ScannerResult};
    use crate::scan::{Outcome, ScanReport};
    use crate::secret::Secret;
    use crate::settings::values::{Enforcement, FailMode, FlaggedOutput};

    fn spelt(token: &str, how: u8) -> String {
        use base64::Engine as _;
        match how {
            0 => token.to_owned(),
            1 => token.to_uppercase(),
            2 => token.bytes().map(|byte| format!("{byte:02x}")).collect(),
            3 => base64::engine::general_purpose::STANDARD.encode(token),
            _ => token.chars().map(|c| format!("{c}\u{301}")).collect(),
        }
    }

    #[test]
    fn a_tools_name_that_is_the_token_leaves_the_rest_of_the_words() {
        let hidden = Hidden::default();
        let token = "planted0token7Qx2vLm9Rt4Wz8";
        hidden.learn(&Secret::new(token));
        let call = Call { tool_name: Some(spelt(token, 3)), ..Call::unread(Event::PreToolUse) };
        let policy = Policy {
            fail_mode: FailMode::Closed,
            flagged_output: FlaggedOutput::Warn,
            enforcement: Enforcement::Block,
        };
        let failure = Assessment::NotScanned(Failure::CutOutput);
        let news = News::default();
        let reply = Reply::new(&call.without(&hidden), &failure, &news, policy, Says::default(), &hidden);
        assert!(reply.text.starts_with("Stopped before it ran: (redacted). "), "{}", reply.text);
    }

    proptest! {
        #[test]
        fn nothing_that_is_hidden_is_said_whatever_holds_it(
            token in "[A-Za-z0-9]{16,40}", how in 0..5_u8, around in "[a-z ]{0,9}", place in 0..5, closed in any::<bool>(),
        ) {
            let hidden = Hidden::default();
            hidden.learn(&Secret::new(token.as_str()));
            let spelt = spelt(&token, how);
            let text = format!("{around} {spelt} {around}");
            let in_place = |number| if place == number { text.clone() } else { "x".to_owned() };
            let scanner = ScannerResult {
                scanner_type: in_place(0),
                message: Some(in_place(1)),
            };
            let report = ScanReport {
                outcome: Outcome::Unknown(in_place(2)),
                scanners: vec![scanner],
                scan_ids: vec![in_place(3)],
                pieces: 1,
                characters: 1,
                complete: true,
                times: ScanTimes::default(),
                by_modes: ByModes::default(),
            };
            let fail_mode = if closed { FailMode::Closed } else { FailMode::Open };
            let policy = Policy { fail_mode, flagged_output: FlaggedOutput::Warn, enforcement: Enforcement::Block };
            for event in Event::ALL {
                let call = Call { tool_name: Some(in_place(4)), ..Call::unread(event) }.without(&hidden);
                for assessment in [
                    Assessment::Scanned(report.clone()),
                    Assessment::NotScanned(Failure::Usage(text.clone())),
                ] {
                    let says = Says { fail_mode_problem: &text, contact: Some(&text), ..Says::default() };
                    let reply = Reply::new(&call, &assessment, &News::default(), policy, says, &hidden);
                    for said in [reply.json.as_deref().unwrap_or_default(), &reply.text] {
                        prop_assert!(!said.contains(&spelt) && !said.contains(&token), "{}", said);
                    }
                    prop_assert!(reply.action != Action::Block || reply.text.len() > 1, "a block needs a reason");
                }
            }
        }
    }
}
