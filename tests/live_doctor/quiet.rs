//! What the proof leaves alone: the user's files, provider, MCP servers and `notify`, and the network.

use super::*;

use std::os::unix::fs::PermissionsExt;

/// Every file below a folder that is not Codex's own business, with its bytes.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // Databases, caches and built-in skills of Codex's.
        let is_codexs = [
            ".tmp",
            "tmp",
            "skills",
            "shell_snapshots",
            "log",
            "logs",
            "cache",
            "installation_id",
            ".sandbox_migration",
            "version.json",
            "models_cache.json",
        ];
        if name.contains(".sqlite") || is_codexs.contains(&name.as_str()) {
            continue;
        }
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push((path.clone(), fs::read(&path).unwrap())),
        }
    }
    found.sort();
    found
}

#[test]
#[ignore = "needs the real Codex; set F5_GUARD_TEST_CODEX"]
fn neither_files_nor_provider_nor_servers_nor_notify_of_the_user_are_touched() {
    let machine = Machine::trusted();
    let touched = machine.dir.path().join("touched");
    let script = machine.dir.path().join("touches.sh");
    fs::write(&script, format!("#!/bin/sh\necho \"$0 $*\" >> {}\n", touched.display())).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let (own, script) = (Model::playing([]), script.display().to_string());
    machine.edit(|config| {
        format!(
            "notify = [\"{script}\", \"notify\"]\nmodel_provider = \"mine\"\n{config}\n\
             [model_providers.mine]\nname = \"mine\"\nbase_url = \"{}\"\nwire_api = \"responses\"\n\
             [mcp_servers.one]\ncommand = \"{script}\"\nargs = [\"one\"]\n\
             [mcp_servers.two-2]\ncommand = \"{script}\"\nargs = [\"two\"]\nrequired = true\n",
            own.base_url()
        )
    });
    // Codex sets up its own folders first.
    machine.doctor();
    fs::write(machine.home().join("auth.json"), "{\"OPENAI_API_KEY\":\"sk-mine\"}").unwrap();
    let before = files(machine.dir.path());
    let (code, report) = machine.doctor();
    assert_eq!(code, Some(0), "{report:#}");
    let after = files(machine.dir.path());
    let names = |files: &[(PathBuf, Vec<u8>)]| files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    assert_eq!(names(&after), names(&before));
    assert!(after == before, "a file has changed");
    assert!(!touched.exists(), "{}", fs::read_to_string(&touched).unwrap());
    assert_eq!(own.calls(), 0, "the user's provider was asked");
    assert_eq!(machine.api.inputs(), ["Hello, this is a test prompt."; 2], "nothing else is scanned");
}

#[test]
#[ignore = "needs the real Codex; set F5_GUARD_TEST_CODEX"]
fn a_login_of_another_kind_than_the_forced_one_is_not_deleted() {
    let machine = Machine::trusted();
    machine.edit(|config| format!("forced_login_method = \"chatgpt\"\n{config}"));
    let login = machine.home().join("auth.json");
    fs::write(&login, "{\"OPENAI_API_KEY\":\"sk-mine\"}").unwrap();
    machine.doctor();
    assert!(login.exists());
}

#[test]
#[ignore = "needs the real Codex; set F5_GUARD_TEST_CODEX"]
fn what_is_for_this_machine_goes_to_no_proxy() {
    let mut machine = Machine::trusted();
    let proxy = Model::playing([]);
    let address = proxy.base_url().replace("/v1", "");
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        machine.variables.push((name, Some(address.clone())));
    }
    machine.variables.push(("NO_PROXY", Some("example.com".to_owned())));
    let (code, report) = machine.doctor();
    assert_eq!(report["proof"]["tried"], true, "{report:#}");
    let events = report["proof"]["events"].as_array().unwrap();
    assert!(events.iter().all(|event| event["result"] == "proven"), "{code:?} {report:#}");
    assert_eq!(proxy.calls(), 0);
}

#[test]
#[ignore = "needs the real Codex; set F5_GUARD_TEST_CODEX"]
fn the_mcp_server_of_a_plugin_is_not_started() {
    let machine = Machine::trusted();
    let (market, touched) = (machine.dir.path().join("market"), machine.dir.path().join("touched"));
    let plugin = market.join("plugins/demo");
    for folder in [market.join(".agents/plugins"), plugin.join(".codex-plugin")] {
        fs::create_dir_all(folder).unwrap();
    }
    let script = machine.dir.path().join("server.sh");
    fs::write(&script, format!("#!/bin/sh\necho \"$*\" >> {}\n", touched.display())).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let write = |path: PathBuf, value: Value| fs::write(path, value.to_string()).unwrap();
    write(
        market.join(".agents/plugins/marketplace.json"),
        serde_json::json!({"name": "market", "plugins": [{"name": "demo",
            "source": {"source": "local", "path": "./plugins/demo"},
            "policy": {"installation": "AVAILABLE", "authentication": "ON_INSTALL"}, "category": "Dev"}]}),
    );
    write(
        plugin.join(".codex-plugin/plugin.json"),
        serde_json::json!({"name": "demo", "version": "1.0.0", "description": "d", "mcpServers": "./.mcp.json"}),
    );
    write(
        plugin.join(".mcp.json"),
        serde_json::json!({"mcpServers": {"demo-server": {"command": script, "args": ["plugin"]}}}),
    );
    let market = market.display().to_string();
    for arguments in [&["plugin", "marketplace", "add", &market][..], &["plugin", "add", "demo@market"]] {
        let output =
            machine.run(&real_codex(), &arguments.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let (code, report) = machine.doctor();
    assert_eq!((code, &report["proof"]["tried"]), (Some(0), &Value::from(true)), "{report:#}");
    assert!(!touched.exists(), "the plugin's server was started");
}
