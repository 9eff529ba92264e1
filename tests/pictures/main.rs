//! The pictures of the documents (`docs/images`) show what the program says, each for light and for dark pages.
//!
//! A picture is drawn from what the built program prints here, against the stand-ins. So a picture whose words or colours
//! the program no longer has fails, until it is drawn again: `cargo test --test pictures -- --ignored write_the_pictures`.
//! That the real Codex makes the same of it is tried where there is one (`live`).

#![allow(clippy::restriction)] // a test may panic

#[path = "../support/arguments.rs"]
mod arguments;
#[cfg(unix)]
#[allow(dead_code, reason = "each test crate uses its own part")]
#[path = "../doctor/fake.rs"]
mod fake;
#[cfg(unix)]
#[path = "../support/home.rs"]
mod home;
#[cfg(unix)]
mod live;
#[cfg(unix)]
#[path = "../support/own.rs"]
mod own;
#[cfg(unix)]
mod scenes;
#[cfg(unix)]
mod svg;
#[cfg(unix)]
#[path = "../doctor/turn.rs"]
mod turn;

/// Paths and exit codes on Windows differ from those that are shown.
#[cfg(not(unix))]
fn main() {
    libtest_mimic::run(&arguments::arguments(), vec![]).exit();
}

#[cfg(unix)]
fn main() {
    fake::play_if_asked();
    let trial = |name: &str, test: fn()| {
        libtest_mimic::Trial::test(name, move || {
            test();
            Ok(())
        })
    };
    let tests = vec![
        trial("the_picture_of_an_installation_is_what_install_says", || drawing::compare("install")),
        trial("the_picture_of_a_blocked_prompt_has_the_words_of_the_hook", || drawing::compare("blocked")),
        trial("the_picture_of_the_report_is_what_report_says", || drawing::compare("report")),
        trial("no_picture_is_wider_than_80_columns_or_loads_anything", drawing::fits),
        trial("write_the_pictures", drawing::write).with_ignored_flag(true),
        trial("real_codex_leads_to_the_same_words_of_install", live::install).with_ignored_flag(true),
        trial("real_codex_shows_a_blocked_prompt_as_in_the_picture", live::blocked).with_ignored_flag(true),
        trial("record_the_screens_of_codex", live::record).with_ignored_flag(true),
    ];
    libtest_mimic::run(&arguments::arguments(), tests).exit();
}

#[cfg(unix)]
mod drawing {
    use std::path::{Path, PathBuf};
    use std::sync::LazyLock;

    use crate::scenes::{self, COLUMNS};
    use crate::svg::{self, Theme};

    const NAMES: [&str; 3] = ["install", "blocked", "report"];

    fn file(name: &str, theme: Theme) -> PathBuf {
        let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/images");
        images.join(format!("{name}-{}.svg", theme.name()))
    }

    /// What the terminal shows, with its escape sequences, and what the picture is called.
    fn screen(name: &str, theme: Theme) -> (String, &'static str) {
        static INSTALL: LazyLock<String> = LazyLock::new(scenes::install);
        static WORDS: LazyLock<String> = LazyLock::new(scenes::words_of_the_hook);
        static REPORT: LazyLock<String> = LazyLock::new(scenes::report);
        match name {
            "install" => (INSTALL.clone(), "f5-guard install ends with PROTECTED"),
            "blocked" => {
                (scenes::blocked(theme, &WORDS), "Codex shows that f5-guard blocked a prompt, and why")
            }
            "report" => (REPORT.clone(), "f5-guard report counts a week of calls"),
            other => panic!("there is no picture of {other}"),
        }
    }

    fn draw(name: &str, theme: Theme) -> String {
        let (screen, title) = screen(name, theme);
        svg::draw(&screen, title, theme)
    }

    pub fn compare(name: &str) {
        for theme in Theme::ALL {
            let file = file(name, theme);
            let there = std::fs::read_to_string(&file).unwrap_or_default();
            assert!(
                there == draw(name, theme),
                "{} is not what the program says now. Draw it again, and look at it:\n  \
                 cargo test --test pictures -- --ignored write_the_pictures",
                file.display()
            );
        }
    }

    pub fn write() {
        for name in NAMES {
            for theme in Theme::ALL {
                std::fs::write(file(name, theme), draw(name, theme)).unwrap();
            }
        }
    }

    pub fn fits() {
        for name in NAMES {
            for theme in Theme::ALL {
                let (screen, _) = screen(name, theme);
                for line in anstream::adapter::strip_str(&screen).to_string().lines() {
                    assert!(line.chars().count() <= COLUMNS, "{name}: {line}");
                }
                let picture = draw(name, theme);
                let loads = ["href", "url(", "@import", "<script", "<image"];
                assert!(!loads.iter().any(|word| picture.contains(word)), "{name} loads something");
                assert!(picture.len() < 30_000, "{name} has {} bytes", picture.len());
                assert!(!picture.contains("/tmp"), "{name} shows a path of the machine it was made on");
            }
        }
    }
}
