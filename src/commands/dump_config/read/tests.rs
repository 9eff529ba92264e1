use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};

use f5_stand_in::config_api::{ConfigApi, Cursors, Fault, Fixture, Size};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::commands::dump_config::document::{Document, Header, Outcome};
use crate::commands::dump_config::highlight::highlights;
use crate::redact::{MARKER, Place, Redactor};

const TOKEN: &str = "global-token-of-the-test";
const SMALL: Size = Size { providers: 6, projects: 5, tokens: 3, machine_tokens: 4 };

/// The stand-in without a network between. Yields before each answer, so that reads really overlap.
struct Direct<'a> {
    api: &'a ConfigApi,
    under_way: Cell<usize>,
    most_under_way: Cell<usize>,
    requests: RefCell<Vec<String>>,
}

impl<'a> Direct<'a> {
    fn new(api: &'a ConfigApi) -> Self {
        Self { api, under_way: Cell::new(0), most_under_way: Cell::new(0), requests: RefCell::default() }
    }
}

impl PageSource for Direct<'_> {
    async fn get(&self, path: &str, query: &Query) -> Result<Value, FetchError> {
        self.under_way.set(self.under_way.get() + 1);
        self.most_under_way.set(self.most_under_way.get().max(self.under_way.get()));
        tokio::task::yield_now().await;
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        self.requests.borrow_mut().push(format!("{path}?{query}"));
        let answer = self.api.respond(path, &query, Some(TOKEN));
        self.under_way.set(self.under_way.get() - 1);
        match answer.status {
            200 => Ok(serde_json::from_str(&answer.body).unwrap()),
            status => Err(FetchError { status: Some(status), cause: answer.body }),
        }
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn api(size: Size) -> ConfigApi {
    ConfigApi::new(Fixture::generate(size, 7), TOKEN)
}

fn contents(api: &ConfigApi) -> Contents {
    block_on(read(&Direct::new(api), &Redactor::default(), |_| {}))
}

fn document(contents: Contents) -> Value {
    let header =
        Header::new(1_700_000_000, "https://h.test", "F5_GLOBAL_API_TOKEN", &[], &Redactor::default());
    serde_json::to_value(Document { header, contents }).unwrap()
}

/// The document as a reader gets it, with the JSON escapes undone.
fn every_text(value: &Value, texts: &mut HashSet<String>) {
    match value {
        Value::String(text) => _ = texts.insert(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| every_text(item, texts)),
        Value::Object(fields) => fields.iter().for_each(|(key, value)| {
            texts.insert(key.clone());
            every_text(value, texts);
        }),
        _ => {}
    }
}

fn ids(items: &Value) -> Vec<&str> {
    items.as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

#[test]
fn the_document_has_the_keys_of_the_python_dump() {
    let document = document(contents(&api(SMALL)));
    let keys: Vec<&str> = document.as_object().unwrap().keys().map(String::as_str).collect();
    for key in [
        "generatedAtUnix",
        "baseUrl",
        "tokenEnv",
        "highlightProjects",
        "providers",
        "projects",
        "tokens",
        "project_provider_relationships",
        "summary",
    ] {
        assert!(keys.contains(&key), "{key} is missing in {keys:?}");
    }
    for collection in ["providers", "projects", "tokens"] {
        let items = &document[collection]["items"];
        assert_eq!(document[collection]["count"], items.as_array().unwrap().len(), "{collection}");
        assert_eq!(document[collection]["raw_pages"][0][collection][0], items[0], "{collection}");
        assert_eq!(document["summary"][collection][0]["name"], items[0]["name"], "{collection}");
    }
    let relationship = &document["project_provider_relationships"][0];
    assert_eq!(relationship["project"]["id"], document["projects"]["items"][0]["id"]);
    for key in
        ["providers_added_to_project", "providers_accessible_to_project", "providers_enabled_for_project"]
    {
        assert!(relationship[key].is_array(), "{key}");
    }
    assert_eq!(document["summary"]["project_provider_relationships"][0], *relationship);
}

#[test]
fn projects_carry_the_providers_that_the_service_filters_for_them() {
    let api = api(SMALL);
    let document = document(contents(&api));
    for relationship in document["project_provider_relationships"].as_array().unwrap() {
        let id = relationship["project"]["id"].as_str().unwrap();
        let expected = |relation: &HashMap<String, Vec<usize>>| -> Vec<String> {
            relation[id]
                .iter()
                .map(|&i| api.fixture.providers[i]["id"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(ids(&relationship["providers_added_to_project"]), expected(&api.fixture.added));
        assert_eq!(ids(&relationship["providers_accessible_to_project"]), expected(&api.fixture.accessible));
        assert_eq!(ids(&relationship["providers_enabled_for_project"]), expected(&api.fixture.enabled));
    }
}

#[test]
fn peoples_and_machine_tokens_are_both_read() {
    let document = document(contents(&api(SMALL)));
    let machine = |wanted: bool| {
        let items = document["tokens"]["items"].as_array().unwrap().iter();
        items.filter(|token| token["machine"] == wanted).count()
    };
    assert_eq!((machine(false), machine(true)), (3, 4));
}

#[test]
fn tokens_that_come_twice_are_kept_once() {
    struct IgnoresTheFilter;
    impl PageSource for IgnoresTheFilter {
        async fn get(&self, path: &str, _: &Query) -> Result<Value, FetchError> {
            let items = if path.ends_with("tokens") { json!([{"id": "a", "name": "b"}]) } else { json!([]) };
            Ok(json!({path.rsplit('/').next().unwrap(): items, "next": null}))
        }
    }
    let contents = block_on(read(&IgnoresTheFilter, &Redactor::default(), |_| {}));
    assert_eq!(contents.tokens.items.len(), 1);
}

#[test]
fn no_more_than_eight_reads_are_under_way_and_no_fewer_when_there_is_enough_to_do() {
    let api = api(Size { projects: 40, ..SMALL });
    let source = Direct::new(&api);
    block_on(read(&source, &Redactor::default(), |_| {}));
    assert_eq!(source.most_under_way.get(), CONCURRENCY);
}

#[test]
fn one_refused_read_is_told_and_everything_else_is_there() {
    let mut api = api(SMALL);
    let project = api.fixture.projects[2]["id"].as_str().unwrap().to_owned();
    api.faults.push(Fault::new(format!("enabledForProjectId={project}"), 403, usize::MAX));
    let contents = contents(&api);
    assert_eq!(contents.outcome(), Outcome::Partial);
    assert_eq!(contents.outcome().exit_code(), 2);
    let document = document(contents);
    assert_eq!(
        document["failures"],
        json!([{"path": format!("/backend/v1/providers?enabledForProjectId={project}"), "status": 403, "cause": "no"}])
    );
    assert_eq!(document["complete"], false);
    let relationships = &document["project_provider_relationships"];
    assert_eq!(relationships[2]["incomplete"], json!(["providers_enabled_for_project"]));
    assert_eq!(relationships[2]["providers_added_to_project"].as_array().unwrap().len(), 3);
    assert_eq!(relationships[3].get("incomplete"), None);
    assert_eq!(relationships[3]["providers_enabled_for_project"].as_array().unwrap().len(), 2);
}

#[test]
fn the_pages_before_a_failed_one_are_kept() {
    let mut api = api(Size { projects: 250, ..SMALL });
    api.faults.push(Fault::new("projects?limit=100&cursor=at%2B200", 500, usize::MAX));
    let contents = contents(&api);
    assert_eq!(contents.projects.items.len(), 200);
    assert_eq!(contents.relationships.len(), 200);
    assert_eq!(contents.failures.len(), 1);
}

#[test]
fn nothing_is_written_when_nothing_can_be_read() {
    let mut api = api(SMALL);
    api.faults.push(Fault::new("/", 401, usize::MAX));
    let contents = contents(&api);
    assert_eq!(contents.outcome(), Outcome::Nothing);
    assert_eq!(contents.outcome().exit_code(), 1);
    assert_eq!(contents.failures.len(), 4);
}

#[test]
fn a_service_that_goes_away_is_not_asked_thousands_of_times() {
    let mut api = api(Size { projects: 300, ..SMALL });
    api.faults.push(Fault::new("ProjectId=", 503, usize::MAX));
    let source = Direct::new(&api);
    let contents = block_on(read(&source, &Redactor::default(), |_| {}));
    let asked = source.requests.borrow().iter().filter(|request| request.contains("ProjectId=")).count();
    assert!((16..16 + CONCURRENCY).contains(&asked), "{asked}");
    let last = contents.failures.last().unwrap();
    assert!(last.cause.contains(&format!("{} further reads", 900 - asked)), "{last}");
    assert_eq!(contents.outcome(), Outcome::Partial);
    assert!(!contents.relationships[299].is_complete(Relation::Added));
}

#[test]
fn a_refusal_of_every_project_is_no_reason_to_stop_asking() {
    let mut api = api(Size { projects: 30, ..SMALL });
    api.faults.push(Fault::new("enabledForProjectId=", 403, usize::MAX));
    let contents = contents(&api);
    assert_eq!(contents.failures.len(), 30);
    assert!(contents.relationships.iter().all(|project| project.is_complete(Relation::Added)));
}

#[test]
fn an_answer_without_the_list_is_a_failure() {
    struct Odd;
    impl PageSource for Odd {
        async fn get(&self, _: &str, _: &Query) -> Result<Value, FetchError> {
            Ok(json!({"message": "hello"}))
        }
    }
    let contents = block_on(read(&Odd, &Redactor::default(), |_| {}));
    assert_eq!(contents.failures.len(), 4);
    assert_eq!(contents.failures[0].cause, "The answer holds no list called providers.");
    assert_eq!(contents.outcome(), Outcome::Nothing);
}

#[test]
fn endless_new_cursors_come_to_an_end() {
    struct Endless(Cell<usize>);
    impl PageSource for Endless {
        async fn get(&self, path: &str, _: &Query) -> Result<Value, FetchError> {
            self.0.set(self.0.get() + 1);
            let key = path.rsplit('/').next().unwrap();
            let next = (key == "providers").then(|| format!("c{}", self.0.get()));
            Ok(json!({key: [], "next": next}))
        }
    }
    let contents = block_on(read(&Endless(Cell::new(0)), &Redactor::default(), |_| {}));
    assert!(contents.failures[0].cause.contains("more than 10000 pages"), "{}", contents.failures[0]);
}

#[test]
fn the_cause_of_a_failure_is_redacted_like_everything_else() {
    let mut api = api(SMALL);
    let body = format!("token {TOKEN} of alice@corp.example is not allowed");
    api.faults.push(Fault::new("/backend/v1/tokens", 403, usize::MAX).with_body(body));
    let redactor = Redactor::new([TOKEN.to_owned()]);
    let contents = block_on(read(&Direct::new(&api), &redactor, |_| {}));
    assert_eq!(contents.failures[0].cause, format!("token {MARKER} of {MARKER} is not allowed"));
}

#[test]
fn progress_counts_requests_and_projects() {
    let api = api(SMALL);
    let source = Direct::new(&api);
    let mut last = None;
    let mut calls = 0;
    block_on(read(&source, &Redactor::default(), |progress| {
        calls += 1;
        assert_eq!(progress.requests, calls);
        last = progress.projects;
    }));
    assert_eq!(calls, 4 + 3 * 5);
    assert!(matches!(last, Some((_, 5))), "{last:?}");
}

#[test]
fn a_project_is_found_by_name_id_and_friendly_id_in_any_case() {
    let contents = contents(&api(SMALL));
    let project = contents.projects.items[1].clone();
    for key in ["name", "id", "friendlyId"] {
        let wanted = project.text(key).unwrap().to_uppercase();
        let found = highlights(&contents, &wanted);
        assert_eq!(found.len(), 1, "{wanted}");
        assert_eq!(found[0].id, project.text("id").unwrap());
        assert_eq!((found[0].added, found[0].accessible, found[0].enabled), (Some(3), Some(6), Some(2)));
        assert_eq!(found[0].enabled_providers.len(), 2);
    }
    assert_eq!(highlights(&contents, "nobody"), []);
}

#[test]
fn a_count_that_could_not_be_read_is_not_told_as_zero() {
    let mut api = api(SMALL);
    let project = api.fixture.projects[0]["id"].as_str().unwrap().to_owned();
    api.faults.push(Fault::new(format!("addedToProjectId={project}"), 403, usize::MAX));
    assert_eq!(highlights(&contents(&api), &project)[0].added, None);
}

#[test]
fn the_base_url_is_told_without_user_info() {
    let header = Header::new(
        0,
        "https://bob:hunter2@h.test/x",
        "CALYPSOAI_TOKEN",
        &["Payments".into()],
        &Redactor::default(),
    );
    assert_eq!(header.base_url, "https://h.test/x");
    assert_eq!(header.highlight_projects, ["Payments"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_planted_secret_is_in_the_document_and_every_name_and_id_is(seed in any::<u64>(), providers in 1usize..14, projects in 0usize..8) {
        let size = Size { providers, projects, tokens: 3, machine_tokens: 3 };
        let api = ConfigApi::new(Fixture::generate(size, seed), TOKEN);
        let contents = block_on(read(&Direct::new(&api), &Redactor::default(), |_| {}));
        prop_assert!(contents.counts.total() as usize >= size.tokens);
        let document = document(contents);
        let mut texts = HashSet::new();
        every_text(&document, &mut texts);
        let all: String = texts.iter().map(|text| format!("{text}\n")).collect();
        for secret in &api.fixture.secrets {
            prop_assert!(!all.contains(secret.as_str()), "{secret} in {:?}", texts.iter().find(|t| t.contains(secret.as_str())));
        }
        for readable in &api.fixture.readable {
            prop_assert!(texts.contains(readable), "{readable} is missing");
        }
    }

    #[test]
    fn every_page_is_read_once_whatever_the_cursors_look_like(
        projects in 0usize..320,
        cursors in prop::sample::select(vec![Cursors::Plain, Cursors::Url, Cursors::Path, Cursors::Repeating]),
    ) {
        let bare = (0..projects).map(|number| json!({"id": format!("p{number}")})).collect();
        let mut api = ConfigApi::new(Fixture { projects: bare, ..Fixture::default() }, TOKEN);
        api.cursors = cursors;
        let source = Direct::new(&api);
        let interner = RefCell::new(Interner::new(Redactor::default()));
        let endpoint = Endpoint::new("/backend/v1/projects", "projects", Place::Any);
        let (collection, error) = block_on(read_all(&source, &interner, &endpoint));
        prop_assert_eq!(error, None);
        let read: Vec<&str> = collection.items.iter().filter_map(|project| project.text("id")).collect();
        let expected: Vec<&str> = api.fixture.projects.iter().filter_map(|project| project["id"].as_str()).collect();
        prop_assert_eq!(read, expected);
        // A last page that names itself costs one more read at the most.
        let pages = source.requests.borrow().len();
        let needed = projects.div_ceil(100).max(1);
        prop_assert!(pages == needed || (cursors == Cursors::Repeating && pages <= needed + 1), "{pages} of {needed}");
    }
}
