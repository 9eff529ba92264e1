//! How the F5 project's scanners are set, where that decides and a token that is here may read it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::commands::doctor::sanitizer::Sanitizer;
use crate::commands::dump_config::{PageSource, Service, global_token};
use crate::redact::is_uuid;
use crate::secret::Secret;
use crate::settings::{Enforced, Settings};
use crate::supervise::supervise;
use crate::system::Env;
use crate::token;
use crate::transport::Transport;

/// For all requests together.
const TIME: Duration = Duration::from_secs(10);
/// So many scanners of one mode are named.
const NAMED: usize = 8;

/// The modes in words, such as `block: secret; redact: pii_detection`; or why they are not known.
pub fn scanner_modes(settings: &Settings, env: Env<'_>, sanitizer: &Sanitizer) -> Result<String, String> {
    let address = settings.base_url.as_ref().map_err(ToString::to_string)?;
    let hooks_token = settings.api_token.value.clone();
    // A global token opens more than a project, so it goes only where its owner sends it anyway.
    let own = Settings::read(&Enforced::default(), env);
    let is_own = own.base_url.as_ref().is_ok_and(|own| own == address);
    let global = is_own
        .then(|| global_token(address, env, Instant::now() + token::STORE_TIME).ok().flatten())
        .flatten()
        .map(|global| global.token)
        .filter(|global| Some(global) != hooks_token.as_ref());
    let mut why = "no token is set".to_owned();
    for token in hooks_token.iter().chain(&global) {
        match read(settings, token) {
            Ok(body) => return modes(&body, sanitizer).ok_or_else(|| "none is listed".to_owned()),
            Err(cause) => why = sanitizer.text(&cause),
        }
    }
    Err(why)
}

/// The service's answer about the project's scanners.
fn read(settings: &Settings, token: &Secret) -> Result<Value, String> {
    let address = settings.base_url.as_ref().map_err(ToString::to_string)?.clone();
    let transport = Transport::new(&settings.tls, &settings.proxies).map_err(|error| error.to_string())?;
    let service =
        Service::new(transport, address, token, settings.origins()).map_err(|error| error.to_string())?;
    let project = settings.project_id.value.clone();
    let asked = supervise(Instant::now() + TIME, move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        let answer = runtime.block_on(ask(&service, project.as_deref()));
        // Not dropped: that would wait for a name look-up that hangs.
        runtime.shutdown_background();
        Some(answer)
    });
    asked.ok().flatten().unwrap_or_else(|| Err("the service did not answer in time".to_owned()))
}

async fn ask(service: &Service, project: Option<&str>) -> Result<Value, String> {
    let id = match project {
        Some(id) if is_uuid(id) => id.to_owned(),
        // The path takes no other name of a project.
        name => {
            let query = vec![("limit", "100".to_owned())];
            let list = service.get("/backend/v1/projects", &query).await.map_err(|error| error.cause)?;
            id_of(&list, name).ok_or("the project is not among those that the token may see")?
        }
    };
    let path = format!("/backend/v1/projects/{id}/scanners");
    service.get(&path, &Vec::new()).await.map_err(|error| error.cause)
}

/// The id of the project with this friendly id; without one, of the only project that there is.
fn id_of(list: &Value, name: Option<&str>) -> Option<String> {
    let projects = list.get("projects")?.as_array()?;
    let found = match (name, projects.as_slice()) {
        (Some(name), all) => {
            all.iter().find(|project| project.get("friendlyId").and_then(Value::as_str) == Some(name))?
        }
        (None, [only]) => only,
        (None, _) => return None,
    };
    let id = found.get("id")?.as_str()?;
    is_uuid(id).then(|| id.to_owned())
}

/// The enabled scanners by mode, the strictest first.
fn modes(body: &Value, sanitizer: &Sanitizer) -> Option<String> {
    let project = body.get("projectScanners")?;
    let configs = project.get("configs").and_then(Value::as_object);
    let mut by_mode: BTreeMap<u8, Vec<String>> = BTreeMap::new();
    for list in ["scanners", "forcedScanners"] {
        for (id, scanner) in project.get(list).and_then(Value::as_object).into_iter().flatten() {
            let config = configs.and_then(|configs| configs.get(id));
            let is_off = config.and_then(|config| config.get("enabled")) == Some(&Value::Bool(false));
            if is_off && list == "scanners" {
                continue;
            }
            // Of several versions of one the names are alike.
            let scanner = scanner.as_array().and_then(|versions| versions.first()).unwrap_or(scanner);
            let kind = scanner.get("config").and_then(|config| config.get("type"));
            let name = kind.or_else(|| scanner.get("name")).and_then(Value::as_str).unwrap_or("unnamed");
            let said = |field: &str| config.and_then(|config| config.get(field));
            let mode = match (said("mode").and_then(Value::as_str), said("blocking")) {
                (Some("block"), _) | (None, Some(Value::Bool(true))) => 0,
                (Some("redact"), _) => 1,
                (Some("audit"), _) | (None, Some(Value::Bool(false))) => 2,
                _ => 3,
            };
            by_mode.entry(mode).or_default().push(sanitizer.text(name));
        }
    }
    let words = by_mode.into_iter().map(|(mode, mut names)| {
        names.sort();
        names.dedup();
        let more = names.len().saturating_sub(NAMED);
        names.truncate(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let mode = ["block", "redact", "audit"].get(usize::from(mode)).unwrap_or(&"mode not said");
        format!("{mode}: {}{more}", names.join(", "))
    });
    let words: Vec<String> = words.collect();
    (!words.is_empty()).then(|| words.join("; "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scanners_are_named_by_mode_and_those_that_are_off_are_not() {
        let scanner = |kind: &str| json!({"name": format!("{kind} of the team"), "config": {"type": kind}});
        let body = json!({"projectScanners": {
            "scanners": {"a": scanner("secret"), "b": scanner("pii_detection"), "c": scanner("topics"), "d": {"name": "own"},
                "e": scanner("legal")},
            "forcedScanners": {"f": [scanner("regex"), scanner("regex")]},
            "configs": {"a": {"mode": "block"}, "b": {"mode": "redact"}, "c": {"mode": "block", "enabled": false},
                "d": {"mode": null, "blocking": false}, "f": {"mode": "audit"}},
        }});
        let shown = modes(&body, &Sanitizer::new([]));
        assert_eq!(
            shown.as_deref(),
            Some("block: secret; redact: pii_detection; audit: own, regex; mode not said: legal")
        );
        assert_eq!(modes(&json!({"projectScanners": {}}), &Sanitizer::new([])), None);
        assert_eq!(modes(&json!([]), &Sanitizer::new([])), None);
    }

    #[test]
    fn a_project_is_found_by_its_friendly_id_or_as_the_only_one() {
        let (one, two) = ("018f2f24-eca0-70a6-9447-726525cb22b4", "018f2f24-eca0-70a6-9447-726525cb22b5");
        let both = json!({"projects": [{"id": one, "friendlyId": "a"}, {"id": two, "friendlyId": "b"}], "next": null});
        assert_eq!(id_of(&both, Some("b")).as_deref(), Some(two));
        assert_eq!((id_of(&both, Some("c")), id_of(&both, None)), (None, None));
        assert_eq!(id_of(&json!({"projects": [{"id": one}]}), None).as_deref(), Some(one));
        assert_eq!(id_of(&json!({"projects": [{"id": "../x"}]}), None), None, "it becomes part of a path");
    }
}
