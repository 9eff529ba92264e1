//! How the session of a trial differs from the user's own: its model is the doctor's, and nothing else is started or notified.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::codex::app_server::{AppServer, AppServerError};
use crate::codex::layers::ConfigFormat;
use crate::commands::doctor::codex_file;
use crate::registration::document;

/// A profile is no larger.
const LARGEST: u64 = 1024 * 1024;

/// What is known of the configuration that the session begins with.
#[derive(Debug, Clone, Default)]
pub struct Session {
    /// Names of the MCP servers that are set up.
    mcp_servers: Vec<String>,
    plugins: Vec<Plugin>,
    /// The settings of the profile that was asked about. `codex app-server` has no `--profile`, and takes a session's settings
    /// over its own as `codex --profile` takes the profile's (tried with 0.169.0, hooks' switches among them).
    profile: Map<String, Value>,
}

/// A plugin that is installed and on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Plugin {
    id: String,
    /// The names of its MCP servers; `None` where Codex does not say.
    servers: Option<Vec<String>>,
}

impl Session {
    /// Asks Codex what it would start.
    ///
    /// # Errors
    /// Codex does not say.
    pub fn ask(server: &mut AppServer, folder: &Path) -> Result<Self, AppServerError> {
        let config = server.read_config(folder)?;
        let names = |key: &str| -> Vec<String> {
            let table = config.get("config").and_then(|config| config.get(key));
            table.and_then(Value::as_object).map(|table| table.keys().cloned().collect()).unwrap_or_default()
        };
        let plugins = match names("plugins") {
            none if none.is_empty() => Vec::new(),
            ids => plugins(server, folder)
                .unwrap_or_else(|_| ids.into_iter().map(|id| Plugin { id, servers: None }).collect()),
        };
        Ok(Self { mcp_servers: names("mcp_servers"), plugins, profile: Map::new() })
    }

    /// The same with a profile of the user's.
    ///
    /// # Errors
    /// There is none of this name, or it can't be read, in a sentence without a full stop.
    pub fn with_profile(mut self, codex_home: &Path, name: &str) -> Result<Self, String> {
        let is_name = !name.is_empty()
            && name
                .chars()
                .all(|character| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.'));
        if !is_name {
            return Err(format!("{name:?} is not the name of a profile"));
        }
        let path = codex_home.join(format!("{name}.config.toml"));
        let bytes = codex_file::read(&path, LARGEST).ok().flatten();
        let bytes = bytes.ok_or_else(|| format!("the profile {name} can't be read in {}", path.display()))?;
        let settings = document(ConfigFormat::ConfigToml, &bytes).ok();
        let Some(Value::Object(settings)) = settings else {
            return Err(format!("{} is not a TOML file that Codex could read", path.display()));
        };
        let servers = settings.get("mcp_servers").and_then(Value::as_object);
        self.mcp_servers.extend(servers.into_iter().flat_map(Map::keys).cloned());
        self.profile = settings;
        Ok(self)
    }

    /// The parameters of `thread/start`.
    pub fn parameters(&self, folder: &Path, provider: &str, base_url: &str, model: Option<&str>) -> Value {
        let mut config = Value::Object(self.profile.clone());
        let off = || json!({"enabled": false});
        for server in &self.mcp_servers {
            merge(&mut config, json!({"mcp_servers": {server: off()}}));
        }
        for Plugin { id, servers } in &self.plugins {
            match servers {
                None => merge(&mut config, json!({"plugins": {id: off()}})),
                Some(servers) => servers.iter().for_each(|server| {
                    merge(&mut config, json!({"plugins": {id: {"mcp_servers": {server: off()}}}}));
                }),
            }
        }
        let definition = json!({"name": "f5-guard doctor", "base_url": base_url, "wire_api": "responses",
            "request_max_retries": 0, "stream_max_retries": 0});
        merge(&mut config, json!({"model_providers": {provider: definition}, "notify": []}));
        let mut parameters = json!({"ephemeral": true, "cwd": folder, "modelProvider": provider,
            "sandbox": "read-only", "approvalPolicy": "never", "config": config});
        if let Some(model) = model {
            merge(&mut parameters, json!({ "model": model }));
        }
        parameters
    }
}

/// Puts `more` into `value`, table by table.
fn merge(value: &mut Value, more: Value) {
    match (value, more) {
        (Value::Object(table), Value::Object(more)) => {
            for (key, more) in more {
                merge(table.entry(key).or_insert(Value::Null), more);
            }
        }
        (value, more) => *value = more,
    }
}

fn plugins(server: &mut AppServer, folder: &Path) -> Result<Vec<Plugin>, AppServerError> {
    let answer = server.call("plugin/installed", json!({ "cwds": [folder] }))?;
    let list = |value: &Value, key: &str| -> Vec<Value> {
        value.get(key).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let is = |plugin: &Value, key: &str| plugin.get(key).and_then(Value::as_bool) == Some(true);
    let mut found = Vec::new();
    for market in list(&answer, "marketplaces") {
        for plugin in
            list(&market, "plugins").iter().filter(|plugin| is(plugin, "installed") && is(plugin, "enabled"))
        {
            let Some(id) = plugin.get("id").and_then(Value::as_str) else { continue };
            let path = market.get("path").filter(|path| !path.is_null());
            let question = match path {
                Some(path) => json!({"pluginName": plugin.get("name"), "marketplacePath": path}),
                None => {
                    json!({"pluginName": plugin.get("name"), "remoteMarketplaceName": market.get("name")})
                }
            };
            let servers = server.call("plugin/read", question).ok().and_then(|read| {
                let names = read.get("plugin")?.get("mcpServers")?.as_array()?;
                Some(names.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            });
            found.push(Plugin { id: id.to_owned(), servers });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(session: &Session) -> Value {
        session.parameters(Path::new("/w"), "mine", "http://127.0.0.1:1/v1", None)["config"].clone()
    }

    #[test]
    fn servers_of_the_user_and_of_plugins_are_off_and_nothing_else_of_theirs() {
        let plugin = |id: &str, servers| Plugin { id: id.to_owned(), servers };
        let session = Session {
            mcp_servers: vec!["one".into()],
            plugins: vec![
                plugin("a@m", Some(vec!["two".into()])),
                plugin("b@m", Some(vec![])),
                plugin("c@m", None),
            ],
            ..Session::default()
        };
        let config = config(&session);
        assert_eq!(config["mcp_servers"], json!({"one": {"enabled": false}}));
        let expected =
            json!({"a@m": {"mcp_servers": {"two": {"enabled": false}}}, "c@m": {"enabled": false}});
        assert_eq!(config["plugins"], expected, "whose servers are not known is off as a whole");
        assert_eq!(config["notify"], json!([]));
    }

    #[test]
    fn a_profile_has_its_say_but_not_over_who_is_started() {
        let home = tempfile::tempdir().unwrap();
        let profile = "model = \"m\"\nnotify = [\"x\"]\n[features]\nhooks = false\n[mcp_servers.new]\ncommand = \"c\"\n\
                       [model_providers.own]\nname = \"n\"\n";
        std::fs::write(home.path().join("work.config.toml"), profile).unwrap();
        let config = config(&Session::default().with_profile(home.path(), "work").unwrap());
        assert_eq!((&config["model"], &config["features"]["hooks"]), (&json!("m"), &json!(false)));
        assert_eq!(config["notify"], json!([]));
        assert_eq!(config["mcp_servers"]["new"], json!({"command": "c", "enabled": false}));
        assert!(config["model_providers"].get("mine").is_some());
    }

    #[test]
    fn a_profile_that_is_not_there_or_no_name_is_refused() {
        let home = tempfile::tempdir().unwrap();
        for name in ["work", "", "../work", "a/b", "a b"] {
            assert!(Session::default().with_profile(home.path(), name).is_err(), "{name}");
        }
    }
}
