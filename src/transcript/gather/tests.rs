use std::io::Write as _;

use serde_json::json;

use super::super::state::{Cleared, How};
use super::*;

struct Session {
    home: tempfile::TempDir,
    lines: String,
    seal: Seal,
}

impl Session {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let session = Self { home, lines: String::new(), seal: Seal::new(b"key", "s", "scope") };
        std::fs::create_dir_all(session.path().parent().unwrap()).unwrap();
        std::fs::write(session.path(), "").unwrap();
        session
    }

    fn path(&self) -> PathBuf {
        self.home.path().join("sessions/2026/11/26/rollout-x-01a217c8-e70d-7262-8dd5-74c6f2626cc6.jsonl")
    }

    fn append(&self, bytes: &str) {
        std::fs::OpenOptions::new()
            .append(true)
            .open(self.path())
            .unwrap()
            .write_all(bytes.as_bytes())
            .unwrap();
    }

    fn says(&self, text: &str) {
        self.append(&message(text));
    }

    fn state(&self) -> State {
        State::parse([State::head(), self.lines.as_bytes()].concat()).unwrap()
    }

    fn gather(&self) -> Gathered {
        self.gather_up_to(1000)
    }

    fn gather_up_to(&self, limit: usize) -> Gathered {
        let known = Known { state: &self.state(), seal: &self.seal, allowed: &[] };
        gather(&mut Transcript::open(&self.path(), None).unwrap(), &known, limit)
    }

    fn new_texts(&self) -> Vec<String> {
        self.gather().texts.into_iter().map(|found| found.text).collect()
    }

    /// Gathers, clears what `is_cleared` says, and notes how far that is.
    fn clear(&mut self, is_cleared: impl Fn(&str) -> bool) {
        let gathered = self.gather();
        let cleared = Cleared { how: How::WithPrompt, at: 1 };
        for found in gathered.texts.iter().filter(|found| is_cleared(&found.text)) {
            self.lines += &self.seal.note_text(&found.text, cleared);
        }
        if gathered.texts.iter().all(|found| is_cleared(&found.text)) {
            self.lines += &gathered.place.unwrap_or_default();
        }
    }
}

fn message(text: &str) -> String {
    let message =
        json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]});
    format!("{}\n", json!({"ordinal": 0, "type": "response_item", "payload": message}))
}

#[test]
fn what_was_cleared_is_not_gathered_again_and_what_is_new_is() {
    let mut session = Session::new();
    session.says("one");
    assert_eq!(session.new_texts(), ["one"]);
    session.clear(|_| true);
    assert_eq!(session.new_texts(), Vec::<String>::new());
    session.says("two");
    session.says("one");
    assert_eq!(session.new_texts(), ["two"], "one was cleared, wherever it is");
    session.clear(|_| true);
    session.append("garbage\n");
    assert_eq!(session.gather().unread, Some(Unread::Format { line: None }), "only the new part is read");
}

#[test]
fn what_was_not_cleared_comes_again_with_all_behind_it() {
    let mut session = Session::new();
    for text in ["one", "bad", "three"] {
        session.says(text);
    }
    session.clear(|text| text != "bad");
    assert_eq!(session.new_texts(), ["bad"]);
    session.says("four");
    assert_eq!(session.new_texts(), ["bad", "four"]);
    session.clear(|text| text != "bad");
    assert_eq!(session.new_texts(), ["bad"]);
}

#[test]
fn a_file_that_was_cut_replaced_or_rewritten_is_read_from_the_start() {
    for harm in ["cut", "replaced", "rewritten"] {
        let mut session = Session::new();
        session.says("one");
        session.says("two");
        session.clear(|_| true);
        let bytes = std::fs::read_to_string(session.path()).unwrap();
        match harm {
            "cut" => std::fs::write(session.path(), message("bad")).unwrap(),
            "replaced" => {
                let other = session.path().with_extension("other");
                std::fs::write(&other, bytes.replace("one", "bad") + &message("three")).unwrap();
                std::fs::rename(other, session.path()).unwrap();
            }
            _ => std::fs::write(session.path(), bytes.replace("one", "bad")).unwrap(),
        }
        assert!(session.new_texts().contains(&"bad".to_owned()), "{harm}");
    }
}

#[test]
fn a_file_that_is_changed_during_the_scan_is_not_cleared() {
    let mut session = Session::new();
    session.says("one");
    let gathered = session.gather();
    let bytes = std::fs::read_to_string(session.path()).unwrap();
    std::fs::write(session.path(), bytes.replace("one", "bad")).unwrap();
    session.lines += &gathered.place.unwrap();
    assert_eq!(session.new_texts(), ["bad"]);
}

#[test]
fn a_line_that_can_not_be_understood_is_unread_and_hides_nothing_behind_it() {
    let mut session = Session::new();
    session.says("one");
    session.append("garbage\n");
    session.says("bad");
    let gathered = session.gather();
    assert_eq!(gathered.unread, Some(Unread::Format { line: Some(2) }));
    assert_eq!(gathered.texts.len(), 2);
    session.clear(|_| true);
    assert_eq!(session.gather().unread, Some(Unread::Format { line: None }), "it stays unread");
}

#[test]
fn the_last_line_has_to_be_whole() {
    let session = Session::new();
    session.says("one");
    session.append("{\"type\":");
    let gathered = session.gather();
    assert_eq!(gathered.unread, Some(Unread::Unfinished));
    assert_eq!(gathered.texts.len(), 1);
}

#[test]
fn a_large_session_comes_in_parts() {
    let mut session = Session::new();
    let texts: Vec<String> = (0..9).map(|n| n.to_string().repeat(400)).collect();
    texts.iter().for_each(|text| session.says(text));
    let mut seen = Vec::new();
    for _ in 0..5 {
        let gathered = session.gather();
        assert_eq!(gathered.unread.is_some(), seen.len() + gathered.texts.len() < 9);
        seen.extend(gathered.texts.into_iter().map(|found| found.text));
        session.clear(|_| true);
    }
    assert_eq!(seen, texts);
    assert_eq!(session.gather_up_to(10), Gathered::default());
}

#[test]
fn an_allowed_text_is_passed_over() {
    let session = Session::new();
    session.says("one");
    session.says("two");
    let allowed = [session.seal.allowing("one\n")];
    let known = Known { state: &State::default(), seal: &session.seal, allowed: &allowed };
    let gathered = gather(&mut Transcript::open(&session.path(), None).unwrap(), &known, 1000);
    assert_eq!((gathered.texts.len(), gathered.allowed), (1, 1));
    let place = gathered.place.unwrap();
    let state = State::parse([State::head(), place.as_bytes()].concat()).unwrap();
    let texts = |allowed: &[String]| {
        let known = Known { state: &state, seal: &session.seal, allowed };
        gather(&mut Transcript::open(&session.path(), None).unwrap(), &known, 1000).texts.len()
    };
    assert_eq!(texts(&allowed), 0, "all is cleared");
    assert_eq!(texts(&[]), 2, "nothing is allowed any more");
}

#[test]
fn an_output_is_named_by_its_tool() {
    let session = Session::new();
    let call = json!({"type": "function_call", "name": "fail", "namespace": "mcp__s", "call_id": "c", "arguments": "{}"});
    let output = json!({"type": "function_call_output", "call_id": "c", "output": "text"});
    for payload in [call, output] {
        session.append(&format!("{}\n", json!({"type": "response_item", "payload": payload})));
    }
    assert_eq!(session.gather().texts[0].source.to_string(), "the output of mcp__s__fail");
}

#[test]
fn a_forked_session_goes_on_with_the_other_ones_texts() {
    let session = Session::new();
    session.append(&message("before"));
    session.append(&message("after").replace("\"ordinal\":0", "\"ordinal\":7"));
    let meta = |id: &str| {
        let meta = json!({"forked_from_id": id, "forked_from_ordinal_exclusive": 7});
        format!("{}\n", json!({"type": "session_meta", "payload": meta}))
    };
    let fork = session.path().with_file_name("rollout-y.jsonl");
    let known = Known { state: &State::default(), seal: &session.seal, allowed: &[] };
    std::fs::write(&fork, meta("01a217c8-e70d-7262-8dd5-74c6f2626cc6") + &message("own")).unwrap();
    let gathered = gather(&mut Transcript::open(&fork, None).unwrap(), &known, 1000);
    let texts: Vec<&str> = gathered.texts.iter().map(|found| found.text.as_str()).collect();
    assert_eq!((texts, &gathered.unread), (vec!["before", "own"], &None));
    for missing in ["01a217c8-e70d-7262-8dd5-000000000000", "../../x", ""] {
        std::fs::write(&fork, meta(missing)).unwrap();
        let gathered = gather(&mut Transcript::open(&fork, None).unwrap(), &known, 1000);
        assert!(matches!(gathered.unread, Some(Unread::Fork(_))), "{missing}");
    }
}

const ORIGIN: &str = "01a217c8-e70d-7262-8dd5-74c6f2626cc6";

fn forked_from(thread: &str) -> String {
    format!("{}\n", json!({"type": "session_meta", "payload": {"forked_from_id": thread}}))
}

/// What is gathered of a fork with this beginning, and why there may be more.
fn of_fork(session: &Session, beginning: &str) -> (Vec<String>, Option<Unread>) {
    let fork = session.path().with_file_name("rollout-y.jsonl");
    std::fs::write(&fork, beginning.to_owned() + &message("own")).unwrap();
    let known = Known { state: &State::default(), seal: &session.seal, allowed: &[] };
    let gathered = gather(&mut Transcript::open(&fork, None).unwrap(), &known, 1000);
    (gathered.texts.into_iter().map(|found| found.text).collect(), gathered.unread)
}

#[test]
fn a_fork_is_found_wherever_the_file_speaks_of_it() {
    let session = Session::new();
    session.says("before");
    let event = "{\"type\":\"event_msg\",\"payload\":{}}\n";
    for in_front in ["\n", event] {
        let beginning = in_front.to_owned() + &forked_from(ORIGIN);
        assert_eq!(of_fork(&session, &beginning), (vec!["before".into(), "own".into()], None), "{in_front}");
    }
    // The origin's own origin, likewise; and one that goes round.
    let other = "01a217c8-e70d-7262-8dd5-74c6f2626cc7";
    let path = session.path().with_file_name(format!("rollout-z-{other}.jsonl"));
    std::fs::write(path, format!("\n{}{}", forked_from(ORIGIN), message("between"))).unwrap();
    session.append(&forked_from(other));
    let texts = ["between", "before", "own"].map(String::from).to_vec();
    assert_eq!(of_fork(&session, &forked_from(other)), (texts, None));
}

#[test]
fn every_file_of_a_forks_thread_is_read() {
    let session = Session::new();
    session.says("before");
    let newer = session.home.path().join("sessions/9999/01/01");
    std::fs::create_dir_all(&newer).unwrap();
    std::fs::write(newer.join(format!("rollout-x-{ORIGIN}.jsonl")), message("newer")).unwrap();
    let (mut texts, unread) = of_fork(&session, &forked_from(ORIGIN));
    texts.sort_unstable();
    assert_eq!((texts, unread), (["before", "newer", "own"].map(String::from).to_vec(), None));
}

#[test]
fn a_forks_record_out_of_order_hides_none_behind_it() {
    let session = Session::new();
    session.append(&message("after").replace("\"ordinal\":0", "\"ordinal\":9"));
    session.append(&message("before").replace("\"ordinal\":0", "\"ordinal\":3"));
    let meta = json!({"forked_from_id": ORIGIN, "forked_from_ordinal_exclusive": 5});
    let meta = format!("{}\n", json!({"type": "session_meta", "payload": meta}));
    assert_eq!(of_fork(&session, &meta), (vec!["before".into(), "own".into()], None));
}

#[cfg(unix)]
#[test]
fn a_link_out_of_codexs_home_is_no_forks_file() {
    let session = Session::new();
    session.says("before");
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(elsewhere.path().join("01/01")).unwrap();
    let file = elsewhere.path().join(format!("01/01/rollout-x-{ORIGIN}.jsonl"));
    std::fs::write(file, message("another")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), session.home.path().join("sessions/9999")).unwrap();
    let (texts, unread) = of_fork(&session, &forked_from(ORIGIN));
    assert!(matches!(unread, Some(Unread::Fork(_))) && !texts.contains(&"another".to_owned()), "{texts:?}");
}

#[test]
fn a_file_that_takes_too_long_is_unread() {
    let session = Session::new();
    session.says("one");
    let mut file = Transcript::open(&session.path(), None).unwrap();
    file.until = Some(std::time::Instant::now());
    let known = Known { state: &State::default(), seal: &session.seal, allowed: &[] };
    let gathered = gather(&mut file, &known, 1000);
    assert_eq!((gathered.unread, gathered.place), (Some(Unread::Slow), None));
}
