//! The demo (`cargo run --example demo`): what it shows fits a terminal, adds up, and says what to do next.

#[path = "../../examples/demo/play.rs"]
mod play;
#[path = "../../examples/demo/scenes.rs"]
mod scenes;
#[path = "../../examples/demo/serve.rs"]
#[allow(dead_code, reason = "a test does not serve until it is ended")]
mod serve;

use std::sync::OnceLock;

use f5_stand_in::f5::TOKEN;

/// What it shows on a terminal with colours. It fails where a scene comes out otherwise than it has to.
fn shown() -> &'static str {
    static SHOWN: OnceLock<String> = OnceLock::new();
    SHOWN.get_or_init(|| {
        let mut out = Vec::new();
        play::play(&crate::home::program(), &mut out).expect("every scene comes out as it has to");
        String::from_utf8(out).expect("text")
    })
}

fn plain() -> String {
    anstream::adapter::strip_str(shown()).to_string()
}

#[test]
fn no_line_is_wider_than_80_columns() {
    for line in plain().lines() {
        assert!(line.chars().count() <= play::WIDTH, "{line}");
    }
}

#[test]
fn it_starts_with_a_block_and_ends_with_what_to_do_next() {
    let plain = plain();
    let (first, _) = plain.split_once("\n 2. ").expect("a second scene");
    assert!(first.contains("BLOCKED"), "{first}");
    let (_, next) = plain.split_once("\nNext\n").expect("what to do next");
    assert!(
        next.contains("cargo run --example demo -- --serve") && next.contains("f5-guard install"),
        "{next}"
    );
}

#[test]
fn each_scene_has_its_time_and_the_summary_counts_them_all() {
    let plain = plain();
    let scenes = scenes::SCENES.len();
    assert_eq!(plain.lines().filter(|line| line.contains(". ") && line.ends_with(" ms")).count(), scenes);
    let summary = plain.lines().find(|line| line.contains(" calls: ")).expect("a summary");
    let numbers: Vec<usize> = summary.split(' ').filter_map(|word| word.parse().ok()).collect();
    assert_eq!((numbers.len(), numbers[0], numbers[1..].iter().sum()), (4, scenes, scenes), "{summary}");
    assert!(plain.contains("Half of them took at most "), "{plain}");
}

#[test]
fn what_is_stopped_is_red_and_what_goes_ahead_green() {
    assert!(shown().contains("\u{1b}[31mBLOCKED: ") && shown().contains("\u{1b}[32mgoes ahead\u{1b}"));
}

#[test]
fn a_port_that_is_taken_is_named_with_a_way_out() {
    let api = serve::start(0).expect("any free port");
    let port = api.address().port();
    let problem = serve::start(port).err().expect("one listener is enough");
    assert!(problem.starts_with(&format!("port {port} can't be used: ")), "{problem}");
    assert!(problem.contains("--serve --port "), "{problem}");
}

/// The address and the token that it names are those that work, at the port that the documents name.
#[test]
fn the_service_alone_says_what_to_set() {
    let api = serve::start(0).expect("any free port");
    let words = serve::words(&api);
    let lines: Vec<&str> = words.lines().filter(|line| line.starts_with("export ")).collect();
    let address = format!("export F5_GUARDRAILS_BASE_URL={}", api.base_url());
    assert_eq!(lines, [format!("export F5_GUARDRAILS_API_TOKEN={TOKEN}"), address]);
    assert!(api.base_url().starts_with("http://127.0.0.1:"), "no certificate has to be set");
    for document in ["QUICKSTART.md", "examples/demo/main.rs"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
        let text = std::fs::read_to_string(path).expect("a file of the repository");
        assert!(text.contains(&serve::PORT.to_string()), "{document} does not name the port");
    }
}
