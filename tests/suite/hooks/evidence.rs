//! What a registration says about evidence: whether there is a log, who to ask, what the service stores with a scan.

use f5_stand_in::f5::{F5, Fault, Verdict};

use crate::support::{Event, Hook, everywhere};

const LOG: &str = ".codex/logs/f5_guardrails.log";

#[test]
fn a_registered_log_off_leaves_no_log() {
    for word in ["off", "OFF", "false"] {
        let api = F5::answering(Verdict::flagged());
        let hook = Hook::pre_tool_use().arguments(["--log", word]).env("F5_GUARDRAILS_LOG_LEVEL", "trace");
        let elsewhere = hook.home().join("x.log");
        let answer = hook.env("F5_GUARDRAILS_LOG_FILE", &elsewhere).against(&api).run().blocked();
        assert!(!answer.home().join(".codex/logs").exists() && !elsewhere.exists(), "{word}");
    }
}

#[test]
fn no_variable_switches_a_registered_log_off() {
    let mut words = vec!["off", "none", "0", "not/absolute.log"];
    if cfg!(unix) {
        words.extend(["/dev/null", "/dev/stderr"]);
    }
    for word in words {
        for on in ["on", "yes", "nonsense"] {
            let api = F5::answering(Verdict::flagged());
            let hook = Hook::pre_tool_use().arguments(["--log", on]).env("F5_GUARDRAILS_LOG_FILE", word);
            let answer = hook.against(&api).run().blocked();
            assert!(answer.log().contains("\"decision\":\"deny\""), "{on} {word}: {answer:?}");
        }
    }
}

#[test]
fn a_registered_log_can_still_be_moved() {
    let api = F5::start();
    let hook = Hook::pre_tool_use().arguments(["--log", "on"]);
    let path = hook.home().join("x.log");
    let answer = hook.env("F5_GUARDRAILS_LOG_FILE", &path).against(&api).run().allowed();
    assert!(std::fs::read_to_string(&path).expect("the log").contains("decision"));
    assert!(!answer.home().join(LOG).exists());
}

const CONTACT: &str = "the SOC (soc@example.com, \"#ai-help\")";

#[test]
fn every_refusal_names_the_registered_contact() {
    for event in Event::ALL {
        let api = F5::answering(Verdict::flagged().id("scan-4711"));
        let answer = Hook::of(event).strict().arguments(["--contact", CONTACT]).against(&api).run().blocked();
        let shown = answer.codex().shown();
        let sentence = format!("A mistake? Tell {CONTACT}: scan scan-4711");
        assert!(shown.contains(&sentence), "{shown}");
        assert!(answer.log().contains("\"contact\":\"the SOC (soc@"), "{answer:?}");
    }
    everywhere(|event, mode| {
        let api = F5::answering(Fault::status(401));
        let answer = Hook::of(event).in_mode(mode).arguments(["--contact", CONTACT]).against(&api).run();
        let is_refused = mode.word() == "closed";
        assert_eq!(
            answer.codex().shown().contains(&format!("A mistake? Tell {CONTACT}")),
            is_refused,
            "{answer:?}"
        );
    });
}

/// As a command for Windows' shells has it.
#[test]
fn an_escaped_contact_and_escaped_metadata_are_read_as_what_they_mean() {
    let api = F5::answering(Verdict::flagged());
    let arguments = ["--contact", "the~20SOC~2C~20soc~40example.com", "--metadata", "site=Bad~20Homburg"];
    let answer = Hook::pre_tool_use().arguments(arguments).against(&api).run().blocked();
    assert!(answer.codex().shown().contains("Tell the SOC, soc@example.com"), "{answer:?}");
    assert_eq!(api.only_scan().metadata("site"), Some("Bad Homburg"));
}

#[test]
fn a_contact_that_cannot_be_shown_whole_is_shown_as_far_as_it_can() {
    let api = F5::answering(Verdict::flagged());
    let contact = format!("a\u{1b}[31m\nb{}", "x".repeat(500));
    let answer = Hook::pre_tool_use().arguments(["--contact", &contact]).against(&api).run().blocked();
    let shown = answer.codex().shown();
    assert!(shown.contains("Tell a[31m bxxx") && !shown.contains(&"x".repeat(201)), "{shown}");
    answer.notes(&["--contact can't be shown"]);
}

#[test]
fn registered_metadata_reaches_the_service_with_every_scan() {
    for event in Event::ALL {
        let api = F5::start();
        let pairs = ["--metadata", "team=blue=green", "--metadata", "site=Köln"];
        Hook::of(event).closed().arguments(pairs).against(&api).run().allowed();
        let scan = api.only_scan();
        assert_eq!(scan.metadata("team"), Some("blue=green"));
        assert_eq!(scan.metadata("site"), Some("Köln"));
        assert_eq!(scan.metadata("hook"), Some(event.name()));
    }
}

/// The service refuses more than ten entries, and what exceeds its limits; a scan that is refused protects nobody.
#[test]
fn metadata_that_the_service_would_refuse_is_left_out_and_the_scan_made() {
    let api = F5::start();
    let long = format!("long={}", "x".repeat(256));
    let mut pairs: Vec<String> =
        ["hook=x", "nothing", "=x", "x=", &long, "a=1", "a=2"].map(str::to_owned).into();
    pairs.extend((0..9).map(|number| format!("key{number}=x")));
    let arguments = pairs.iter().flat_map(|pair| ["--metadata", pair]);
    let hook = Hook::pre_tool_use().closed().arguments(arguments).against(&api);
    hook.run().allowed().notes(&["--metadata can't be used as it is"]);
    let scan = api.only_scan();
    let sent = scan.field("externalMetadata").and_then(|sent| sent.as_object()).expect("metadata");
    assert!(sent.len() <= 10, "{sent:?}");
    assert_eq!((scan.metadata("hook"), scan.metadata("a")), (Some("PreToolUse"), Some("1")));
    assert_eq!((scan.metadata("key0"), scan.metadata("long")), (Some("x"), None));
}
