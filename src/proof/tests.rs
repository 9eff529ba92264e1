//! A proof message lets exactly itself pass, and only while it is pending.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::event::Event;

fn tool(event: Event) -> Option<&'static str> {
    event.has_matcher().then_some("Bash")
}

fn message(target: Event) -> Message {
    Message { target, nonce: Nonce::random().unwrap() }
}

/// The text that stands for the message at an event.
fn text(event: Event, message: Message) -> String {
    if event == Event::PreToolUse { message.command() } else { message.sentence() }
}

fn pending(message: Message) -> Pending {
    Pending { message, greets: false, written: Moment::now().unwrap() }
}

/// A home folder in which this message is pending.
fn home_with(pending: &Pending) -> (tempfile::TempDir, pending::Written) {
    let home = tempfile::tempdir().unwrap();
    let written = NonceFile::of(home.path()).write(pending).unwrap();
    (home, written)
}

fn part(home: &Path, event: Event, text: &str) -> Option<Part> {
    part_of_tool(home, event, tool(event), text)
}

fn part_of_tool(home: &Path, event: Event, tool: Option<&str>, text: &str) -> Option<Part> {
    NonceFile::of(home).part_in(Message::read(event, tool, text)?).map(|(_, part)| part)
}

#[test]
fn a_message_passes_on_its_way_and_is_answered_where_it_is_meant_for() {
    use Event::*;
    let way = [
        (UserPromptSubmit, vec![]),
        (PreToolUse, vec![UserPromptSubmit]),
        (PostToolUse, vec![UserPromptSubmit, PreToolUse]),
        (Stop, vec![UserPromptSubmit]),
    ];
    for (target, passes) in way {
        for event in Event::ALL {
            let message = message(target);
            let (home, _written) = home_with(&pending(message));
            let expected = match event {
                _ if event == target => Some(Part::Answers),
                _ if passes.contains(&event) => Some(Part::Passes),
                _ => None,
            };
            assert_eq!(part(home.path(), event, &text(event, message)), expected, "{event:?} for {target:?}");
        }
    }
}

#[test]
fn the_hook_that_answers_uses_the_message_up() {
    let message = message(Event::UserPromptSubmit);
    let (home, _written) = home_with(&pending(message));
    let sentence = message.sentence();
    assert_eq!(part(home.path(), message.target, &sentence), Some(Part::Answers));
    assert_eq!(part(home.path(), message.target, &sentence), None);
}

// On Windows several may delete a file at once, and each answers: an answer blocks, so that this lets nothing pass.
#[cfg(unix)]
#[test]
fn of_many_hooks_at_once_one_answers() {
    let message = message(Event::Stop);
    let (home, _written) = home_with(&pending(message));
    let sentence = message.sentence();
    let answers = std::thread::scope(|scope| {
        let hooks: Vec<_> =
            (0..20).map(|_| scope.spawn(|| part(home.path(), Event::Stop, &sentence))).collect();
        hooks.into_iter().filter_map(|hook| hook.join().unwrap()).count()
    });
    assert_eq!(answers, 1);
}

#[test]
fn the_message_is_gone_with_the_one_who_sent_it() {
    let message = message(Event::PreToolUse);
    let (home, written) = home_with(&pending(message));
    drop(written);
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    assert_eq!(part(home.path(), Event::UserPromptSubmit, &message.sentence()), None);
}

#[test]
fn a_message_that_nobody_sent_is_ordinary_text() {
    let sent = message(Event::PostToolUse);
    let (home, _written) = home_with(&pending(sent));
    let foreign = message(Event::PostToolUse);
    // With the right number, and for another event.
    let turned = Message { target: Event::Stop, ..sent };
    for message in [foreign, turned] {
        for event in Event::ALL {
            assert_eq!(part(home.path(), event, &text(event, message)), None, "{event:?}");
        }
    }
    assert_eq!(part(home.path(), Event::PreToolUse, &sent.command()), Some(Part::Passes));
}

#[test]
fn a_message_counts_for_a_minute_by_two_clocks() {
    let sent = message(Event::Stop);
    let at = |wall, uptime| Moment::at(wall, uptime);
    let pending = Pending { message: sent, greets: false, written: at(100_000, 5_000_000) };
    for (now, counts) in [
        (at(100_000, 5_000_000), true),
        (at(160_000, 5_060_000), true),
        (at(160_001, 5_060_000), false),
        (at(160_000, 5_060_001), false),
        // A clock that was set back.
        (at(99_999, 5_000_000), false),
        (at(100_000, 5_100_000), false),
        // A machine that was started anew.
        (at(130_000, 30_000), false),
        (at(u64::MAX, u64::MAX), false),
    ] {
        assert_eq!(pending.is(sent, now), counts, "{now:?}");
    }
}

#[test]
fn another_tools_text_is_never_a_message() {
    let sent = message(Event::PostToolUse);
    let (home, _written) = home_with(&pending(sent));
    for tool in [None, Some("bash"), Some("apply_patch"), Some("mcp__a__Bash")] {
        assert_eq!(part_of_tool(home.path(), Event::PreToolUse, tool, &sent.command()), None, "{tool:?}");
        assert_eq!(part_of_tool(home.path(), Event::PostToolUse, tool, &sent.sentence()), None, "{tool:?}");
    }
    assert!(part(home.path(), Event::PostToolUse, &sent.sentence()).is_some());
}

#[test]
fn two_doctors_at_once_have_a_message_each() {
    let (one, other) = (message(Event::Stop), message(Event::Stop));
    let (home, _written) = home_with(&pending(one));
    let second = NonceFile::of(home.path()).write(&pending(other)).unwrap();
    assert_eq!(part(home.path(), Event::Stop, &other.sentence()), Some(Part::Answers));
    drop(second);
    assert_eq!(part(home.path(), Event::Stop, &one.sentence()), Some(Part::Answers));
}

#[test]
fn what_runs_of_more_than_a_minute_ago_left_is_removed() {
    let (old, young) = (message(Event::Stop), message(Event::Stop));
    let (home, written) = home_with(&pending(old));
    std::mem::forget(written);
    let file = NonceFile::of(home.path());
    std::mem::forget(file.write(&pending(young)).unwrap());
    let others = ["f5_guardrails.proof", "f5_guardrails.toml", "f5_guardrails.0123456z.proof"];
    for name in others {
        fs::write(home.path().join(name), "").unwrap();
    }
    let minute_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(61);
    let age =
        |path: &Path| fs::File::options().write(true).open(path).unwrap().set_modified(minute_ago).unwrap();
    age(&file.path(old.nonce));
    others.iter().for_each(|name| age(&home.path().join(name)));
    let _written = file.write(&pending(message(Event::Stop))).unwrap();
    assert!(!file.path(old.nonce).exists());
    assert!(file.path(young.nonce).exists());
    assert!(others.iter().all(|name| home.path().join(name).exists()));
}

#[test]
fn a_files_name_tells_a_quarter_of_the_number() {
    let nonce = message(Event::Stop).nonce;
    let path = NonceFile::of(Path::new("/h")).path(nonce);
    assert!(path.to_str().unwrap().contains(&nonce.to_string()[..8]));
    assert!(!path.to_str().unwrap().contains(&nonce.to_string()[..9]));
}

#[cfg(unix)]
#[test]
fn a_file_that_is_a_link_or_others_can_read_says_nothing() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let sent = message(Event::Stop);
    let (home, written) = home_with(&pending(sent));
    std::mem::forget(written);
    let file = NonceFile::of(home.path());
    let path = file.path(sent.nonce);
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(part(home.path(), Event::Stop, &sent.sentence()), None);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let second = home.path().join("second");
    fs::hard_link(&path, &second).unwrap();
    assert_eq!(part(home.path(), Event::Stop, &sent.sentence()), None);
    fs::remove_file(&path).unwrap();
    symlink(&second, &path).unwrap();
    assert_eq!(part(home.path(), Event::Stop, &sent.sentence()), None);
    assert!(file.write(&pending(sent)).is_err(), "nothing is written through a link");
    fs::remove_file(&path).unwrap();
    fs::rename(&second, &path).unwrap();
    assert_eq!(part(home.path(), Event::Stop, &sent.sentence()), Some(Part::Answers));
}

#[test]
fn a_report_is_found_in_what_codex_makes_of_it_and_answers_one_message() {
    let sent = message(Event::PreToolUse);
    let mut report =
        Report::new(sent.nonce, sent.target, vec!["--fail-mode".to_owned()], vec!["a \"b\"".to_owned()]);
    report.greeting = Some(Greeting::Cleared { milliseconds: 7 });
    let shown = format!("Blocked: {}. Command: printf {{}}", report.to_text());
    let find = |text: &str, message: Message| Report::<String>::find(text, message.nonce, message.target);
    assert_eq!(find(&shown, sent), Some(report));
    assert_eq!(find(&shown, message(Event::PreToolUse)), None);
    assert_eq!(find(&shown, Message { target: Event::Stop, ..sent }), None);
    assert_eq!(find("f5-guard proof: {", sent), None);
}

/// A change of one character anywhere.
fn changed() -> impl Strategy<Value = (prop::sample::Index, usize, char)> {
    (any::<prop::sample::Index>(), 0_usize..3, prop_oneof![any::<char>(), proptest::char::range(' ', 'z')])
}

proptest! {
    #[test]
    fn one_character_more_less_or_else_is_ordinary_text((index, how, other) in changed(), target in 0_usize..4) {
        let sent = message(Message::TARGETS[target]);
        let pending = pending(sent);
        for event in Event::ALL {
            let whole = text(event, sent);
            let mut characters: Vec<char> = whole.chars().collect();
            let at = index.index(characters.len());
            match how {
                0 => characters.insert(at, other),
                1 => drop(characters.remove(at)),
                _ => characters[at] = other,
            }
            let text: String = characters.into_iter().collect();
            prop_assume!(text != whole);
            let read = Message::read(event, tool(event), &text);
            // Another number has the right form, and is not the pending one.
            let counts = read.is_some_and(|(message, _)| pending.is(message, pending.written));
            prop_assert!(!counts, "{event:?}: {text}");
        }
    }

    #[test]
    fn what_stands_before_or_behind_makes_it_ordinary_text(before in "(?s).{0,3}", behind in "(?s).{0,3}", target in 0_usize..4) {
        prop_assume!(!before.is_empty() || !behind.is_empty());
        let sent = message(Message::TARGETS[target]);
        for event in Event::ALL {
            let text = format!("{before}{}{behind}", text(event, sent));
            prop_assert_eq!(Message::read(event, tool(event), &text), None);
        }
    }

    #[test]
    fn only_what_is_written_exactly_so_is_read(text in ".{0,80}", event in 0_usize..5) {
        let event = Event::ALL[event];
        prop_assert_eq!(Message::read(event, tool(event), &text), None);
    }

    #[test]
    fn a_message_that_is_read_is_written_the_same(number in any::<u128>(), target in 0_usize..4) {
        let nonce = Nonce::parse(&format!("{number:032x}")).unwrap();
        let sent = Message { target: Message::TARGETS[target], nonce };
        let (read, part) = Message::read(sent.target, tool(sent.target), &text(sent.target, sent)).unwrap();
        prop_assert_eq!((read, part), (sent, Part::Answers));
        let capitals = format!("{number:032X}");
        prop_assert_eq!(Nonce::parse(&capitals).is_some(), capitals == nonce.to_string());
    }
}
