//! A stage for one run: a home for Codex with the hooks registered by hand, the F5 stand-in, the model's script.

use crate::codex::{self, Output};
use f5_stand_in::f5::{F5, Request, TOKEN};
use f5_stand_in::mcp::Mcp;
use f5_stand_in::model::{Item, Model};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A hook's event as Codex spells it, the subcommand that answers it, and whether it is registered with a matcher.
const HOOKS: [(&str, &str, bool); 5] = [
    ("UserPromptSubmit", "user-prompt-submit", false),
    ("PreToolUse", "pre-tool-use", true),
    ("PostToolUse", "post-tool-use", true),
    ("Stop", "stop", false),
    ("SubagentStop", "stop", false),
];

/// As `install` registers a hook.
const HOOK_TIMEOUT: (u32, &str) = (60, "");

/// A model of Codex's catalogue that calls its tools itself, and one that calls them from scripts ("code mode"), as most
/// of the catalogue do.
const CLASSIC: &str = "gpt-5.5";
const CODE_MODE: &str = "gpt-6.1-sol";

/// Everything that one run of Codex needs, kept until the test has looked at it.
pub struct Stage {
    home: TempDir,
    work: TempDir,
    /// The scan API of every hook that has none of its own.
    pub api: F5,
    /// Base URLs of events whose scan API is another one.
    elsewhere: BTreeMap<&'static str, String>,
    pub model: Model,
    mcp: Option<Mcp>,
    features: Vec<&'static str>,
    variables: Vec<(String, String)>,
    model_name: &'static str,
    /// Seconds after which Codex gives up on a hook, and what a command carries because of that.
    timeout: (u32, &'static str),
    starter: Option<PathBuf>,
    more_config: String,
}

impl Stage {
    /// A stage with this scan API, speaking TLS, and this script for the model.
    pub fn new(api: F5, turns: impl IntoIterator<Item = Vec<Item>>) -> Self {
        Self::with_model(api, Model::playing(turns))
    }

    /// A stage with this scan API, speaking TLS, and this model.
    pub fn with_model(api: F5, model: Model) -> Self {
        let home = TempDir::new().expect("a home for Codex");
        let work = TempDir::new().expect("a folder to work in");
        let ca = home.path().join("ca.pem");
        api.write_ca(&ca);
        let variables = [
            ("F5_GUARDRAILS_API_TOKEN", TOKEN.to_owned()),
            ("F5_GUARDRAILS_BASE_URL", api.base_url()),
            ("F5_GUARDRAILS_CA_BUNDLE", ca.display().to_string()),
            ("F5_GUARDRAILS_TIMEOUT", "30".to_owned()),
            ("NO_PROXY", "127.0.0.1".to_owned()),
        ];
        let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self {
            home,
            work,
            api,
            elsewhere: BTreeMap::new(),
            model,
            mcp: None,
            features: vec![],
            variables,
            model_name: CLASSIC,
            timeout: HOOK_TIMEOUT,
            starter: None,
            more_config: String::new(),
        }
    }

    /// Sets a variable of the environment that Codex, and with it the hooks, run in.
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Takes a variable out of that environment.
    #[cfg(unix)] // only of use with a command that runs
    pub fn without(mut self, name: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self
    }

    /// The model that Codex believes to talk to: it decides which tools there are.
    #[cfg(unix)] // only of use with a command that runs
    pub fn codex_model(mut self, name: &'static str) -> Self {
        self.model_name = name;
        self
    }

    /// Lines for the end of `config.toml`.
    #[cfg(unix)] // only of use with a command that runs
    pub fn more_config(mut self, lines: &str) -> Self {
        self.more_config = lines.to_owned();
        self
    }

    /// Scan errors block.
    pub fn closed(self) -> Self {
        self.set("F5_GUARDRAILS_FAIL_MODE", "closed")
    }

    /// Scan errors let pass.
    #[cfg(unix)] // only of use with a command that runs
    pub fn open(self) -> Self {
        self.set("F5_GUARDRAILS_FAIL_MODE", "open")
    }

    /// The hook of this event asks another scan API.
    #[cfg(unix)] // only of use with a command that runs
    pub fn scanning_elsewhere(mut self, event: &'static str, base_url: String) -> Self {
        self.elsewhere.insert(event, base_url);
        self
    }

    /// Registers the hooks as version 0.1.0 did.
    #[cfg(target_os = "linux")] // where the tests about time are
    pub fn registered_by_0_1_0(mut self) -> Self {
        self.timeout = (15, " --hook-timeout 15");
        self
    }

    /// Registers an MCP server under the name `stand_in`.
    pub fn mcp(mut self, server: Mcp) -> Self {
        self.mcp = Some(server);
        self
    }

    /// The model calls its tools from scripts.
    pub fn in_code_mode(mut self) -> Self {
        self.model_name = CODE_MODE;
        self
    }

    /// Switches a feature of Codex on.
    pub fn feature(mut self, name: &'static str) -> Self {
        self.features.push(name);
        self
    }

    /// This script starts Codex.
    #[cfg(unix)]
    pub fn started_by(mut self, script: PathBuf) -> Self {
        self.starter = Some(script);
        self
    }

    pub fn starter(&self) -> Option<&Path> {
        self.starter.as_deref()
    }

    /// A path in the folder that Codex works in.
    pub fn file(&self, name: &str) -> PathBuf {
        self.work.path().join(name)
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn work(&self) -> &Path {
        self.work.path()
    }

    pub fn variables(&self) -> &[(String, String)] {
        &self.variables
    }

    /// The MCP server's tools that really ran.
    pub fn mcp_calls(&self) -> usize {
        self.mcp.as_ref().map_or(0, |server| server.called().len())
    }

    /// What the scan API was given by the hook of this event.
    pub fn scanned(&self, event: &str) -> Vec<String> {
        let own = |scan: &Request| scan.metadata("hook") == Some(event) && scan.metadata("part").is_none();
        self.api
            .scans()
            .iter()
            .filter(|scan| own(scan))
            .filter_map(|scan| scan.input().map(str::to_owned))
            .collect()
    }

    /// What the scan API was given of the session's own file, by whichever hook.
    #[cfg(unix)] // where the tests of it are
    pub fn scanned_parts(&self) -> Vec<String> {
        let scans = self.api.scans().into_iter().filter(|scan| scan.metadata("part") == Some("transcript"));
        scans.filter_map(|scan| scan.input().map(str::to_owned)).collect()
    }

    /// Runs `codex exec` with this prompt to its end.
    ///
    /// # Panics
    /// Where a hook's answer was not accepted by Codex, or where Codex was in a loop: no row of the table may do that.
    pub fn exec(&self, prompt: &str) -> Seen {
        let seen = self.exec_in_noise(prompt);
        assert!(!seen.hooks().iter().any(|(_, status)| status == "Failed"), "a hook failed\n{}", seen.told());
        seen
    }

    /// The same where a start-up file writes to stdout, so that an answer of JSON is lost.
    ///
    /// # Panics
    /// Where Codex was in a loop.
    pub fn exec_in_noise(&self, prompt: &str) -> Seen {
        self.exec_in(self.work(), &[], prompt)
    }

    /// The same in this folder, with more words behind `exec`.
    ///
    /// # Panics
    /// Where Codex was in a loop.
    pub fn exec_in(&self, folder: &Path, words: &[&str], prompt: &str) -> Seen {
        self.write_config();
        let mut command = codex::command(self.home(), folder, &self.variables, self.starter());
        command.args(["exec", "-s", "danger-full-access", "-C"]).arg(folder).args(words);
        command.args(["--skip-git-repo-check", "--dangerously-bypass-hook-trust"]).arg(prompt);
        let seen = Seen { output: codex::run(&mut command) };
        assert!(seen.output.status.success(), "Codex ended with {}\n{}", seen.output.status, seen.told());
        assert!(!self.model.overran(), "Codex called the model again and again\n{}", seen.told());
        seen
    }

    /// Writes `config.toml`.
    pub fn write_config(&self) {
        let mut config = format!(
            r#"model = "{}"
model_provider = "stand_in"
[model_providers.stand_in]
name = "stand-in"
base_url = "{}"
wire_api = "responses"
env_key = "STUB_KEY"
request_max_retries = 0
stream_max_retries = 0
"#,
            self.model_name,
            self.model.base_url()
        );
        if let Some(server) = &self.mcp {
            config += &format!("[mcp_servers.stand_in]\nurl = \"{}\"\n", server.url());
        }
        if !self.features.is_empty() {
            config += "[features]\n";
            config.extend(self.features.iter().map(|name| format!("{name} = true\n")));
        }
        let (timeout, more) = self.timeout;
        for (event, subcommand, matcher) in HOOKS {
            let mut command = format!("{} {subcommand}{more}", env!("CARGO_BIN_EXE_f5-guard"));
            if let Some(base_url) = self.elsewhere.get(event) {
                command += &format!(" --base-url {base_url}");
            }
            let matcher = if matcher { "matcher = \".*\"\n" } else { "" };
            config += &format!(
                "[[hooks.{event}]]\n{matcher}[[hooks.{event}.hooks]]\ntype = \"command\"\n\
                 command = '{command}'\ntimeout = {timeout}\n"
            );
        }
        config += &self.more_config;
        std::fs::write(self.home().join("config.toml"), config).expect("config.toml can be written");
    }
}

/// What `codex exec` said.
pub struct Seen {
    pub output: Output,
}

impl Seen {
    fn told(&self) -> String {
        format!("stdout:\n{}\nstderr:\n{}", self.output.stdout, self.output.stderr)
    }

    /// Every finished hook with the word that Codex has for it: `Completed`, `Blocked`, `Stopped` or `Failed`.
    pub fn hooks(&self) -> Vec<(String, String)> {
        let lines = self.output.stderr.lines().filter_map(|line| line.strip_prefix("hook: "));
        lines
            .filter_map(|line| line.split_once(' '))
            .map(|(event, status)| (event.into(), status.into()))
            .collect()
    }

    /// The word for each run of one event's hook, with commas between them.
    pub fn hook(&self, event: &str) -> String {
        let hooks = self.hooks();
        let words: Vec<&str> =
            hooks.iter().filter(|(name, _)| name == event).map(|(_, status)| status.as_str()).collect();
        words.join(",")
    }
}
