//! The commands of a project's own registration, which is checked in and so names no place on one machine.
//!
//! A missing f5-guard must not mean "allow": Codex goes ahead after every exit code but 2, so the command itself says
//! 2 with a reason where it finds no f5-guard or can't start the one it finds. Only for the stop events it says 1, because
//! 2 would begin the turn again, endlessly.
//!
//! A project's registration is trusted once and stays, while the project's files change with every pull. So nothing that
//! it starts may come from the project: f5-guard is looked for at the user installation's place, and in folders of `PATH`
//! that are absolute and outside of the repository around the session's folder, and neither they nor the file in them may be
//! reached through a link in there.
//!
//! * Unix: whatever the login shell is (fish and csh too), it only has to start `/bin/sh -c '…'` with words that all
//!   shells quote alike.
//! * Windows: the first line is one that PowerShell and `cmd.exe` read in different ways. PowerShell, which Codex uses as a
//!   rule, sets a variable that nobody reads, and goes on with the other lines. `cmd.exe` looks for programs in the
//!   session's folder first and knows no quoting that PowerShell shares: it says no, with a reason, and starts nothing.

use super::quoting::{is_windows_word, join_unix, split_unix};

/// Finds f5-guard and runs it with the arguments behind the script. It holds no single quote, backslash or `!`, so
/// that every shell takes it in single quotes unchanged. The user installation comes first: its place is the one that
/// upgrades keep. The exit codes 126 and 127 mean that there is a file which can't be run.
///
/// * `w` is the session's folder. Where it is gone nothing is known of a repository, and `PATH` is not looked at.
/// * `o` finds the outermost repository around a folder. A repository inside of another one (a submodule, a nested
///   worktree) is no reason to start what the outer one holds.
/// * `r` is the repository around the session's folder, or that folder; `m` the main checkout of a linked worktree, whose
///   registration Codex takes.
/// * `k` follows a path from `/` on, link by link, to the file that would be started. It says no where that leads through
///   `r` or `m`, be it only through a link in there that leads out again, and where it can't tell. Folders are compared by
///   identity (`-ef`), because on macOS a name can be spelt in more than one way.
const UNIX_SCRIPT: &str = "h=${CODEX_HOME:-$HOME/.codex}/hooks/f5_guardrails; \
w=; cd -P . 2>/dev/null && w=$PWD; case $w in /*) ;; *) w=; PATH=;; esac; \
o() { p=$1; o=; while [ -n \"$p\" ]; do if [ -e \"$p/.git\" ]; then o=$p; fi; p=${p%/*}; done; }; \
k() { p=$1; c=; n=0; while [ -n \"$p\" ]; do e=${p%%/*}; case $p in */*) p=${p#*/};; *) p=;; esac; \
case $e in \"\"|.) continue;; ..) c=${c%/*}; continue;; esac; \
if [ -h \"$c/$e\" ]; then n=$((n+1)); if [ $n -gt 40 ]; then return 1; fi; \
l=$(PATH=/usr/bin:/bin:/run/current-system/sw/bin; readlink \"$c/$e\" 2>/dev/null) || return 1; \
case $l in /*) c=;; esac; p=$l/$p; \
else c=$c/$e; if [ \"$c\" -ef \"$r\" ] || [ \"$c\" -ef \"$m\" ]; then return 1; fi; fi; done; [ \"$c\" -ef \"$1\" ]; }; \
o \"$w\"; r=${o:-$w}; m=; t=$w; \
while [ -n \"$t\" ]; do if [ -f \"$t/.git\" ]; then read -r l <\"$t/.git\"; l=${l#gitdir: }; \
case $l in /*) ;; *) l=$t/$l;; esac; o \"$(cd -P \"$l\" 2>/dev/null && pwd -P)\"; m=$o; break; fi; t=${t%/*}; done; \
set -f; IFS=:; for d in \"$h\" $PATH; do case $d in /*) ;; *) continue;; esac; g=$d/f5-guard; \
if [ -f \"$g\" ] && [ -x \"$g\" ]; then if [ \"$d\" = \"$h\" ] || k \"$g\"; then \
\"$g\" \"$@\"; s=$?; if [ $s -ne 126 ] && [ $s -ne 127 ]; then exit $s; fi; fi; fi; done; \
echo \"F5 Guardrails could not check this: this project wants f5-guard, and none is installed that runs. \
Install it (f5-guard install), or ask whoever set this project up.\" >&2; \
if [ \"$1\" = stop ]; then exit 1; fi; exit 2";

const SH: &str = "/bin/sh";
/// `$0` of the script: how it calls itself in its error messages.
const NAME: &str = "f5-guard";

/// The command for Unix shells; `words` are the subcommand and its flags.
pub(super) fn unix_command(words: &[String]) -> String {
    unix(UNIX_SCRIPT, words)
}

fn unix(script: &str, words: &[String]) -> String {
    join_unix([SH, "-c", script, NAME].into_iter().chain(words.iter().map(String::as_str)))
}

/// The words behind the script, where `command` is byte for byte one of [`unix_command`]'s, or of an older version's.
pub(super) fn unix_arguments(command: &str) -> Option<Vec<String>> {
    let mut words = split_unix(command)?;
    let words = if words.len() > 4 { words.split_off(4) } else { return None };
    let mut scripts = std::iter::once(UNIX_SCRIPT).chain(earlier::UNIX_SCRIPTS);
    scripts.any(|script| unix(script, &words) == command).then_some(words)
}

/// The command for PowerShell and `cmd.exe`. It holds no double quote, which `cmd.exe /C` and PowerShell would be
/// handed in different ways, and needs only what PowerShell's constrained language mode allows. `words` must be plain
/// (see [`super::command::Launcher::command`]).
pub(super) fn windows_command(words: &[String]) -> String {
    let arguments = words.join(" ");
    let code = if words.first().is_some_and(|word| word == "stop") { 1 } else { 2 };
    [
        // PowerShell: Set-Variable with a text. cmd.exe: a question about a variable, then the reason and the end.
        &format!(
            "set f5 ' 2>nul & echo F5 Guardrails could not check this: a project starts f5-guard by PowerShell, and Codex \
             found none. Put PowerShell on PATH, or ask whoever set this project up. 1>&2 & exit {code} & rem '"
        ),
        // An absolute path with a drive, or of a share.
        "$full = '^([A-Za-z]:|\\\\)[\\\\/]'",
        "$h = $env:CODEX_HOME",
        "if (-not $h) { $h = $HOME + '\\.codex' }",
        "$r = (Get-Location -PSProvider FileSystem).ProviderPath",
        "$t = $r",
        // Bounded: a hook that hangs is taken as "go ahead" in the end.
        "for ($i = 0; $t -and $i -lt 100; $i++) { if (Test-Path -LiteralPath ($t.TrimEnd('\\') + '\\.git')) \
         { $r = $t }; $t = Split-Path -LiteralPath $t }",
        "$r = $r.TrimEnd('\\').ToUpperInvariant() + '\\'",
        // Whether a path and all that its links lead through are outside. A folder has many names here (short ones, shares,
        // drives that stand for folders), so that in addition no repository may be around it, whichever that is. Of the
        // links in a path the outermost is followed first: else one in the project could hide behind another.
        "function k($p) { for ($n = 0; $n -lt 40; $n++) { \
         $p = (Resolve-Path -LiteralPath $p -ErrorAction SilentlyContinue).ProviderPath; \
         if (-not $p -or $p -match '^\\\\\\\\[?.]' -or $p.ToUpperInvariant().StartsWith($r)) { return $false }; \
         $l = ''; $x = $p; for ($i = 0; $x; $i++) { \
         if ($i -gt 100 -or (Test-Path -LiteralPath ($x.TrimEnd('\\') + '\\.git'))) { return $false }; \
         $f = Get-Item -LiteralPath $x -Force -ErrorAction SilentlyContinue; \
         if ($f.LinkType -and $f.LinkType -ne 'HardLink') { $l = $x; $to = @($f.Target)[0] }; \
         $x = Split-Path -LiteralPath $x }; \
         if (-not $l) { return $true }; if (-not $to) { return $false }; \
         if ($to -notmatch $full) { if ($to -match '^[\\\\/]|:') { return $false }; \
         $to = (Split-Path -LiteralPath $l).TrimEnd('\\') + '\\' + $to }; \
         $p = $to.TrimEnd('\\') + $p.Substring($l.Length) }; return $false }",
        "$c = @($h + '\\hooks\\f5_guardrails\\f5-guard.exe')",
        "foreach ($d in $env:PATH -split ';') { $d = $d.Trim().Replace('/', '\\').TrimEnd('\\') + '\\'; \
         if (-not $d.Contains('..')) { $c += $d + 'f5-guard.exe' } }",
        &format!(
            "foreach ($g in $c) {{ if ($g -match $full -and (Test-Path -LiteralPath $g -PathType Leaf) \
             -and ($g -eq $c[0] -or (k $g))) {{ & $g {arguments}; \
             if ($null -ne $LASTEXITCODE) {{ exit $LASTEXITCODE }} }} }}"
        ),
        "Write-Error 'F5 Guardrails could not check this: this project wants f5-guard, and none is installed that \
         runs. Install it (f5-guard install), or ask whoever set this project up.'",
        &format!("exit {code}"),
    ]
    .join("\n")
}

/// The words behind the program, where `command` is byte for byte one of [`windows_command`]'s, or of an older version's.
pub(super) fn windows_arguments(command: &str) -> Option<Vec<String>> {
    let words = |line: &str, before: &str, after: &str| -> Option<Vec<String>> {
        let arguments = line.split_once(before)?.1.split_once(after)?.0;
        let words: Vec<String> = arguments.split(' ').map(str::to_owned).collect();
        words.iter().all(|word| is_windows_word(word)).then_some(words)
    };
    let called = command.lines().find_map(|line| words(line, "& $g ", "; if ($null"));
    let first = || words(&format!("{}\n", command.lines().next()?), "f5-guard ", "\n");
    called.or_else(first).filter(|words| {
        windows_command(words) == command || earlier::windows_commands(words).iter().any(|old| old == command)
    })
}

/// What earlier versions wrote: known, so that it is replaced and removed.
mod earlier {
    /// Version 0.1.0's, and one that took the innermost repository for the only one.
    pub const UNIX_SCRIPTS: [&str; 2] = [
        "for g in \"${CODEX_HOME:-$HOME/.codex}/hooks/f5_guardrails/f5-guard\" \
\"$(command -v f5-guard)\"; do if [ -f \"$g\" ] && [ -x \"$g\" ]; then \"$g\" \"$@\"; s=$?; \
if [ $s -ne 126 ] && [ $s -ne 127 ]; then exit $s; fi; fi; done; \
echo \"F5 Guardrails could not check this: this project wants f5-guard, and none is installed that runs. \
Install it (f5-guard install), or ask whoever set this project up.\" >&2; \
if [ \"$1\" = stop ]; then exit 1; fi; exit 2",
        "h=${CODEX_HOME:-$HOME/.codex}/hooks/f5_guardrails; cd -P . ; r=$PWD; t=$r; \
while [ -n \"$t\" ]; do if [ -e \"$t/.git\" ]; then r=$t; break; fi; t=${t%/*}; done; \
set -f; IFS=:; for d in \"$h\" $PATH; do case $d in /*) ;; *) continue;; esac; g=$d/f5-guard; \
if [ -f \"$g\" ] && [ -x \"$g\" ]; then \
if [ \"$d\" = \"$h\" ]; then :; else p=$(cd -P \"$d\" && pwd -P) || continue; case $p/ in \"$r\"/*) continue;; esac; fi; \
\"$g\" \"$@\"; s=$?; if [ $s -ne 126 ] && [ $s -ne 127 ]; then exit $s; fi; fi; done; \
echo \"F5 Guardrails could not check this: this project wants f5-guard, and none is installed that runs. \
Install it (f5-guard install), or ask whoever set this project up.\" >&2; \
if [ \"$1\" = stop ]; then exit 1; fi; exit 2",
    ];

    /// The same two.
    pub fn windows_commands(words: &[String]) -> [String; 2] {
        [of_0_1_0(words), with_the_innermost_repository(words)]
    }

    fn of_0_1_0(words: &[String]) -> String {
        const MARK: &str = "if ($null -ne $LASTEXITCODE) { exit $LASTEXITCODE }";
        let arguments = words.join(" ");
        let code = if words.first().is_some_and(|word| word == "stop") { 1 } else { 2 };
        [
            &format!("f5-guard {arguments}"),
            MARK,
            "$f5 = Join-Path $HOME .codex",
            "if ($env:CODEX_HOME) { $f5 = $env:CODEX_HOME }",
            "$f5 = Join-Path $f5 hooks/f5_guardrails/f5-guard.exe",
            &format!("if (Test-Path -LiteralPath $f5) {{ & $f5 {arguments} }}"),
            MARK,
            "Write-Error 'F5 Guardrails could not check this: this project wants f5-guard, and none is installed that \
             runs. Install it (f5-guard install), or ask whoever set this project up.'",
            &format!("exit {code}"),
        ]
        .join("\n")
    }

    fn with_the_innermost_repository(words: &[String]) -> String {
        let arguments = words.join(" ");
        let code = if words.first().is_some_and(|word| word == "stop") { 1 } else { 2 };
        [
            &format!(
                "set f5 ' 2>nul & echo F5 Guardrails could not check this: a project starts f5-guard by PowerShell, and Codex \
                 found none. Put PowerShell on PATH, or ask whoever set this project up. 1>&2 & exit {code} & rem '"
            ),
            "$full = '^([A-Za-z]:|\\\\)[\\\\/]'",
            "$h = $env:CODEX_HOME",
            "if (-not $h) { $h = $HOME + '\\.codex' }",
            "$r = (Get-Location -PSProvider FileSystem).ProviderPath",
            "$t = $r",
            "for ($i = 0; $t -and $i -lt 100; $i++) { if (Test-Path -LiteralPath ($t.TrimEnd('\\') + '\\.git')) \
             { $r = $t; break }; $t = Split-Path -LiteralPath $t }",
            "$r = $r.TrimEnd('\\') + '\\'",
            "$c = @($h + '\\hooks\\f5_guardrails\\f5-guard.exe')",
            "foreach ($d in $env:PATH -split ';') { $d = $d.Trim().Replace('/', '\\').TrimEnd('\\') + '\\'; \
             if (-not $d.Contains('..') -and -not $d.ToUpperInvariant().StartsWith($r.ToUpperInvariant())) \
             { $c += $d + 'f5-guard.exe' } }",
            &format!(
                "foreach ($g in $c) {{ if ($g -match $full -and (Test-Path -LiteralPath $g -PathType Leaf)) \
                 {{ & $g {arguments}; \
                 if ($null -ne $LASTEXITCODE) {{ exit $LASTEXITCODE }} }} }}"
            ),
            "Write-Error 'F5 Guardrails could not check this: this project wants f5-guard, and none is installed that \
             runs. Install it (f5-guard install), or ask whoever set this project up.'",
            &format!("exit {code}"),
        ]
        .join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn the_script_needs_only_the_quoting_that_all_shells_share() {
        assert!(!UNIX_SCRIPT.contains(['\'', '\\', '!', '\n']));
        assert!(UNIX_SCRIPT.is_ascii());
    }

    #[test]
    fn the_commands_are_recognised_again_and_only_those() {
        for words in [words("pre-tool-use"), words("stop --fail-mode closed")] {
            let scripts = [UNIX_SCRIPT].into_iter().chain(earlier::UNIX_SCRIPTS);
            for unix in scripts.map(|script| unix(script, &words)) {
                assert_eq!(unix_arguments(&unix), Some(words.clone()));
                assert_eq!(unix_arguments(&unix.replace("exit 2", "exit 0")), None);
            }
            for windows in [windows_command(&words)].into_iter().chain(earlier::windows_commands(&words)) {
                assert_eq!(windows_arguments(&windows), Some(words.clone()), "{windows}");
                assert_eq!(
                    windows_arguments(&windows.replace("exit 1", "exit 0").replace("exit 2", "exit 0")),
                    None
                );
            }
        }
        assert_eq!(windows_arguments("f5-guard pre-tool-use"), None);
    }

    #[test]
    fn words_that_a_shell_would_do_more_with_are_not_recognised() {
        let script = unix_command(&words("stop"));
        for more in [
            "--project-id \"$(touch x)\"",
            "--project-id $(touch x)",
            "--project-id `touch x`",
            "--project-id $X",
            "; touch x",
            "--project-id {a,b}",
            " --fail-mode closed",
            "\n touch x",
            "--project-id \"x\"",
        ] {
            assert_eq!(unix_arguments(&format!("{script} {more}")), None, "{more}");
        }
        for word in ["x;touch", "$(touch)", "x&touch", "x|touch", "`touch", "$x", "(touch)"] {
            let words = words(&format!("stop --project-id {word}"));
            assert_eq!(windows_arguments(&windows_command(&words)), None, "{word}");
            for earlier in earlier::windows_commands(&words) {
                assert_eq!(windows_arguments(&earlier), None, "{word}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_changed_character_makes_it_somebody_elses(at in 0_usize..4000, to in "[ -~\n]", stop in any::<bool>()) {
            let words = words(if stop { "stop --fail-mode closed" } else { "pre-tool-use --base-url https://f5.example/x" });
            for command in [unix_command(&words), windows_command(&words)] {
                let at = at % command.len();
                let changed = format!("{}{to}{}", &command[..at], &command[at + 1..]);
                if let Some(found) = unix_arguments(&changed) {
                    prop_assert_eq!(unix_command(&found), changed);
                } else if let Some(found) = windows_arguments(&changed) {
                    prop_assert_eq!(windows_command(&found), changed);
                }
            }
        }
    }

    #[test]
    fn cmd_says_no_on_the_first_line_and_reads_nothing_of_what_a_repository_could_hold() {
        for (event, code) in [("stop", 1), ("pre-tool-use", 2)] {
            let command = windows_command(&[event.to_owned()]);
            let first = command.lines().next().unwrap();
            assert!(
                first.starts_with("set f5 ' 2>nul & echo F5 ")
                    && first.ends_with(&format!("1>&2 & exit {code} & rem '"))
            );
            assert!(!first.contains(['%', '^', '!', '"', '(', ')', '<', '|']), "{first}");
            assert_eq!(first.matches('\'').count(), 2, "PowerShell takes what is between them for a text");
            assert!(command.ends_with(&format!("\nexit {code}")), "exit 2 would begin the turn again");
            assert!(!command.contains('"'));
        }
    }
}
