//! Reads everything that the dump holds, several requests at a time, and goes on when a read fails.

use std::cell::{Cell, RefCell};

use futures_util::StreamExt;
use futures_util::future::join4;
use futures_util::stream;
use serde_json::Value;

use super::collection::{Collection, Endpoint, read_all};
use super::document::{Contents, Relation, Relationship};
use super::intern::{Interner, Shared};
use super::source::{Failure, FetchError, PageSource, Query};
use crate::redact::{Place, Redactor};

/// How many reads are under way at the same time.
pub const CONCURRENCY: usize = 8;
/// So many failures in a row that concern the whole service end the reading: each would cost its retries again.
const GIVE_UP_AFTER: usize = 16;

const PROVIDERS: &str = "/backend/v1/providers";
const PROJECTS: &str = "/backend/v1/projects";
const TOKENS: &str = "/backend/v1/tokens";

/// How far the reading has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Requests that were answered or have failed.
    pub requests: usize,
    /// Projects whose providers have been read, of how many; `None` while the number is not known yet.
    pub projects: Option<(usize, usize)>,
}

/// Reads providers, projects, tokens, and each project's providers. Never fails as a whole: what could not be read is
/// listed among the failures. `progress` is called after every request.
pub async fn read(source: &impl PageSource, redactor: &Redactor, progress: impl FnMut(Progress)) -> Contents {
    let watched = Watched {
        source,
        progress: RefCell::new(progress),
        state: Cell::new(Progress { requests: 0, projects: None }),
        failures_in_a_row: Cell::new(0),
    };
    let interner = RefCell::new(Interner::new(redactor.clone()));
    let mut failures = Vec::new();
    let mut note = |endpoint: &Endpoint, error: Option<FetchError>| {
        failures.extend(error.map(|error| failure(endpoint, error, &interner)));
    };

    let providers = Endpoint::new(PROVIDERS, "providers", Place::Any);
    let projects = Endpoint::new(PROJECTS, "projects", Place::Any);
    let tokens = Endpoint::new(TOKENS, "tokens", Place::Token);
    // Without this the service leaves the projects' own tokens out.
    let machine_tokens = tokens.clone().filtered("machine", "true");
    let (providers_read, projects_read, tokens_read, machine_tokens_read) = join4(
        read_all(&watched, &interner, &providers),
        read_all(&watched, &interner, &projects),
        read_all(&watched, &interner, &tokens),
        read_all(&watched, &interner, &machine_tokens),
    )
    .await;
    let mut contents = Contents {
        providers: providers_read.0,
        projects: projects_read.0,
        tokens: tokens_read.0,
        ..Contents::default()
    };
    contents.tokens.merge(machine_tokens_read.0);
    note(&providers, providers_read.1);
    note(&projects, projects_read.1);
    note(&tokens, tokens_read.1);
    note(&machine_tokens, machine_tokens_read.1);

    contents.relationships =
        read_relationships(&watched, &interner, &contents.projects.items, &mut failures).await;
    contents.failures = failures;
    contents.counts = interner.into_inner().into_counts();
    contents
}

async fn read_relationships(
    watched: &Watched<'_, impl PageSource, impl FnMut(Progress)>,
    interner: &RefCell<Interner>,
    projects: &[Shared],
    failures: &mut Vec<Failure>,
) -> Vec<Relationship> {
    let mut relationships: Vec<Relationship> = projects
        .iter()
        .filter(|project| project.text("id").is_some())
        .cloned()
        .map(Relationship::new)
        .collect();
    let total = relationships.len();
    watched.set_projects(0, total);
    let reads: Vec<(usize, Relation, String)> = relationships
        .iter()
        .enumerate()
        .flat_map(|(index, relationship)| {
            let id = relationship.project.text("id").unwrap_or_default().to_owned();
            Relation::ALL.map(|relation| (index, relation, id.clone()))
        })
        .collect();
    let mut answers = stream::iter(reads)
        .map(|(index, relation, id)| async move {
            let endpoint = Endpoint::new(PROVIDERS, "providers", Place::Any).filtered(relation.filter(), id);
            // What is not tried any more is reported once for all, not once for each.
            let read = match watched.gave_up() {
                true => None,
                false => Some(read_all(watched, interner, &endpoint).await),
            };
            (index, relation, endpoint, read)
        })
        .buffered(CONCURRENCY);
    let mut untried = 0_usize;
    while let Some((index, relation, endpoint, read)) = answers.next().await {
        let Some(relationship) = relationships.get_mut(index) else { continue };
        let (collection, error) = read.unwrap_or_else(|| {
            untried += 1;
            (Collection::default(), None)
        });
        let tried = !collection.raw_pages.is_empty() && error.is_none();
        relationship.set(relation, collection.items, tried);
        failures.extend(error.map(|error| failure(&endpoint, error, interner)));
        if relation == Relation::LAST {
            watched.set_projects(index + 1, total);
        }
    }
    if untried > 0 {
        let cause = format!(
            "{untried} further reads of projects' providers were not tried after {GIVE_UP_AFTER} failures in a row."
        );
        failures.push(Failure { path: PROVIDERS.to_owned(), status: None, cause: cause.into() });
    }
    relationships
}

fn failure(endpoint: &Endpoint, error: FetchError, interner: &RefCell<Interner>) -> Failure {
    // The cause may quote the server, which may quote anything.
    let cause = interner.borrow_mut().text(&error.cause);
    Failure { path: endpoint.label(), status: error.status, cause: cause.into() }
}

/// A source that reports progress and notices when the service as a whole is out of reach.
struct Watched<'a, S, P> {
    source: &'a S,
    progress: RefCell<P>,
    state: Cell<Progress>,
    failures_in_a_row: Cell<usize>,
}

impl<S, P: FnMut(Progress)> Watched<'_, S, P> {
    fn gave_up(&self) -> bool {
        self.failures_in_a_row.get() >= GIVE_UP_AFTER
    }

    fn set_projects(&self, done: usize, total: usize) {
        self.state.set(Progress { projects: Some((done, total)), ..self.state.get() });
    }
}

impl<S: PageSource, P: FnMut(Progress)> PageSource for Watched<'_, S, P> {
    async fn get(&self, path: &str, query: &Query) -> Result<Value, FetchError> {
        let answer = self.source.get(path, query).await;
        let in_a_row = match &answer {
            Err(error) if error.concerns_the_service() => self.failures_in_a_row.get() + 1,
            _ => 0,
        };
        self.failures_in_a_row.set(in_a_row);
        let state = self.state.get();
        self.state.set(Progress { requests: state.requests + 1, ..state });
        (self.progress.borrow_mut())(self.state.get());
        answer
    }
}

#[cfg(test)]
mod tests;
