//! The order of the sources, against a store in memory.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;

use super::store::fake::Fake;
use super::*;
use crate::settings::Enforced;

const LOCKED: StoreError = StoreError::Locked { fix: "unlock it" };

/// A user with a folder of their own.
struct User {
    home: tempfile::TempDir,
    variables: HashMap<&'static str, OsString>,
    flag: Option<OsString>,
}

impl User {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let variables = ["HOME", "APPDATA"].map(|name| (name, home.path().as_os_str().to_owned())).into();
        Self { home, variables, flag: None }
    }

    fn file(&self, name: &str, text: &str) -> OsString {
        let path = self.home.path().join(name);
        fs::write(&path, text).unwrap();
        #[cfg(unix)]
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        path.into()
    }

    fn save(&self, token: &str) {
        self.save_for(crate::settings::DEFAULT_BASE_URL, token);
    }

    fn save_for(&self, address: &str, token: &str) {
        let address = BaseUrl::parse(address, crate::settings::PlainHttp::LoopbackOnly);
        let entry = Entry::new(Kind::Scan, &address.unwrap());
        let env = |name: &str| self.variables.get(name).cloned();
        SavedTokens::of_this_user(&env).unwrap().set(&entry, &Secret::new(token)).unwrap();
    }

    /// The token and the name of its source; and whether the store was asked.
    fn token(&self, store: &Fake) -> (Result<Option<(String, String)>, TokenError>, bool) {
        let env = |name: &str| self.variables.get(name).cloned();
        let enforced = Enforced { token_file: self.flag.clone(), ..Enforced::default() };
        let mut settings = Settings::read(&enforced, &env);
        let deadline = Instant::now() + Duration::from_secs(60);
        let done = complete_from(&mut settings, &env, deadline, Manner::Silent, store);
        let source = settings.api_token.source.to_string();
        let found = done.map(|()| settings.api_token.value.map(|token| (token.expose().to_owned(), source)));
        (found, !store.asked.lock().unwrap().is_empty())
    }
}

impl User {
    /// The other addresses that have a token; and how often the store was asked for names.
    fn others(&self, store: &Fake) -> (Vec<String>, usize) {
        let env = |name: &str| self.variables.get(name).cloned();
        let mut settings = Settings::read(&Enforced::default(), &env);
        let deadline = Instant::now() + Duration::from_secs(60);
        let _ = complete_from(&mut settings, &env, deadline, Manner::Silent, store);
        (settings.other_services, *store.listed.lock().unwrap())
    }
}

fn holding(token: &str) -> Fake {
    Fake::answering([Ok(Some(Secret::new(token)))])
}

fn found(token: &str, source: &str) -> Result<Option<(String, String)>, TokenError> {
    Ok(Some((token.to_owned(), source.to_owned())))
}

#[test]
fn the_first_source_that_has_a_token_counts() {
    let mut user = User::new();
    assert_eq!(user.token(&holding("t-store")), (found("t-store", "the fake store"), true));
    user.save("t-saved");
    let saved = "the file of `f5-guard login --file`";
    assert_eq!(user.token(&holding("t-store")), (found("t-saved", saved), false));
    let file = user.file("mounted", "t-mounted\n");
    user.variables.insert("F5_GUARDRAILS_API_TOKEN_FILE", file);
    let by = "F5_GUARDRAILS_API_TOKEN_FILE";
    assert_eq!(user.token(&holding("t-store")), (found("t-mounted", by), false));
    user.variables.insert("F5_GUARDRAILS_API_TOKEN", "t-variable".into());
    let by = "F5_GUARDRAILS_API_TOKEN";
    assert_eq!(user.token(&holding("t-store")), (found("t-variable", by), false));
    user.flag = Some(user.file("registered", "t-registered\n"));
    assert_eq!(user.token(&holding("t-store")), (found("t-registered", "--token-file"), false));
}

#[test]
fn empty_variables_count_as_unset() {
    let mut user = User::new();
    user.variables.insert("F5_GUARDRAILS_API_TOKEN", " ".into());
    user.variables.insert("F5_GUARDRAILS_API_TOKEN_FILE", "".into());
    assert_eq!(user.token(&holding("t-store")).0, found("t-store", "the fake store"));
}

#[test]
fn a_registered_file_that_is_unusable_is_an_error_whatever_else_there_is() {
    let mut user = User::new();
    user.variables.insert("F5_GUARDRAILS_API_TOKEN", "t-variable".into());
    user.save("t-saved");
    user.flag = Some(user.home.path().join("missing").into());
    let (answer, asked) = user.token(&holding("t-store"));
    let error = answer.unwrap_err();
    assert!(error.to_string().contains("(--token-file) can't be used: it does not exist"), "{error}");
    assert!(error.fix().contains("administrator"), "{}", error.fix());
    assert!(!asked);
}

#[test]
fn an_unusable_file_of_the_environment_is_an_error_too() {
    let mut user = User::new();
    user.save("t-saved");
    user.variables.insert("F5_GUARDRAILS_API_TOKEN_FILE", user.file("mounted", "\n"));
    let error = user.token(&holding("t-store")).0.unwrap_err();
    assert!(error.to_string().contains("it is empty"), "{error}");
}

#[test]
fn a_machine_without_a_store_has_no_token_and_a_locked_store_is_an_error() {
    let user = User::new();
    let absent = Fake::answering([Err(StoreError::Absent { why: "none".into() })]);
    assert_eq!(user.token(&absent).0, Ok(None));
    let locked = Fake::answering([Err(LOCKED)]);
    let error = user.token(&locked).0.unwrap_err();
    assert_eq!(error.to_string(), "The API token could not be read from the fake store: it is locked.");
    assert_eq!((error.kind(), error.fix().as_str()), ("token_store_locked", "unlock it"));
}

#[test]
fn a_hook_never_lets_the_store_ask() {
    let user = User::new();
    let store = holding("t-store");
    user.token(&store).0.unwrap();
    let asked = store.asked.lock().unwrap();
    assert!(asked.iter().all(|(_, manner)| *manner == Manner::Silent));
    assert_eq!(asked[0].0.account(), "scan https://www.us1.calypsoai.app");
}

#[test]
fn a_token_is_stored_for_the_origin_of_the_service() {
    let origin = |text: &str| {
        let address = BaseUrl::parse(text, crate::settings::PlainHttp::LoopbackOnly).unwrap();
        Entry::new(Kind::Scan, &address).origin
    };
    for text in [
        "https://H.example",
        "https://h.example:443/",
        "https://h.example/backend/v1",
        "https://h.example/f5",
    ] {
        assert_eq!(origin(text), "https://h.example", "{text}");
    }
    assert_eq!(origin("https://h.example:8443"), "https://h.example:8443");
    assert_eq!(origin("http://127.0.0.1:80"), "http://127.0.0.1");
}

#[test]
fn an_entry_is_known_by_its_account() {
    let entry = Entry { kind: Kind::Global, origin: "https://h.example".to_owned() };
    assert_eq!(Kind::entry_of(&entry.account()), Some(entry));
    assert_eq!(Kind::entry_of("other https://h.example"), None);
}

fn named(kind: Kind, origin: &str) -> Entry {
    Entry { kind, origin: origin.to_owned() }
}

#[test]
fn without_a_token_the_addresses_that_have_one_are_known() {
    let user = User::new();
    let mut store = Fake::answering([Ok(None)]);
    store.names = vec![
        named(Kind::Scan, "https://b.example"),
        named(Kind::Global, "https://c.example"),
        named(Kind::Scan, "https://www.us1.calypsoai.app"),
    ];
    user.save_for("http://127.0.0.1:8475/backend/v1", "t-1");
    user.save_for("https://b.example", "t-2");
    let others = ["http://127.0.0.1:8475", "https://b.example"].map(str::to_owned);
    assert_eq!(user.others(&store), (others.to_vec(), 1));
}

#[test]
fn names_are_asked_for_only_where_there_is_no_token_and_no_error() {
    let mut user = User::new();
    for answer in [Ok(Some(Secret::new("t-store"))), Err(LOCKED)] {
        assert_eq!(user.others(&Fake::answering([answer])), (vec![], 0));
    }
    user.variables.insert("F5_GUARDRAILS_API_TOKEN", "t-variable".into());
    assert_eq!(user.others(&Fake::answering([Ok(None)])), (vec![], 0));
}
