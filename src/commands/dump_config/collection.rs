//! All pages of one collection.

use std::cell::RefCell;
use std::collections::HashSet;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::cursor;
use super::intern::{Interner, Shared};
use super::source::{FetchError, PageSource, Query};
use crate::redact::Place;

/// The largest page that the service gives.
const PAGE_SIZE: usize = 100;
/// A million objects: a service that goes on inventing cursors has to end somewhere.
const MAX_PAGES: usize = 10_000;

/// What was read of one collection, in the form of the Python dump.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Collection {
    /// The number of items.
    pub count: usize,
    /// The objects of all pages.
    pub items: Vec<Shared>,
    /// The pages with everything else that they held.
    pub raw_pages: Vec<RawPage>,
    /// The ids of the items.
    #[serde(skip)]
    ids: HashSet<String>,
}

/// One page: its fields, of which one is the list of items.
#[derive(Debug, Clone)]
pub struct RawPage {
    key: &'static str,
    items: Vec<Shared>,
    rest: Shared,
}

impl Serialize for RawPage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut page = serializer.serialize_map(None)?;
        page.serialize_entry(self.key, &self.items)?;
        for (name, value) in self.rest.fields() {
            page.serialize_entry(name, value)?;
        }
        page.end()
    }
}

/// Which collection, and what its objects are.
#[derive(Debug, Clone)]
pub struct Endpoint {
    pub path: &'static str,
    /// The name of the list in each page.
    pub key: &'static str,
    pub filter: Option<(&'static str, String)>,
    pub place: Place,
}

impl Endpoint {
    pub const fn new(path: &'static str, key: &'static str, place: Place) -> Self {
        Self { path, key, filter: None, place }
    }

    pub fn filtered(self, name: &'static str, value: impl Into<String>) -> Self {
        Self { filter: Some((name, value.into())), ..self }
    }

    /// How a failure names this read.
    pub fn label(&self) -> String {
        match &self.filter {
            Some((name, value)) => format!("{}?{name}={value}", self.path),
            None => self.path.to_owned(),
        }
    }
}

/// Reads all pages. What was read before an error stays, next to the error.
pub async fn read_all(
    source: &impl PageSource,
    interner: &RefCell<Interner>,
    endpoint: &Endpoint,
) -> (Collection, Option<FetchError>) {
    let mut collection = Collection::default();
    let mut seen = HashSet::new();
    let mut cursor: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let mut query: Query = endpoint.filter.iter().map(|(name, value)| (*name, value.clone())).collect();
        query.push(("limit", PAGE_SIZE.to_string()));
        query.extend(cursor.iter().map(|cursor| ("cursor", cursor.clone())));
        let page = match source.get(endpoint.path, &query).await {
            Ok(page) => page,
            Err(error) => return (collection, Some(error)),
        };
        cursor = cursor::next(&page);
        if let Err(cause) = collection.add(page, endpoint, &mut interner.borrow_mut()) {
            return (collection, Some(FetchError { status: Some(200), cause }));
        }
        match &cursor {
            // A cursor that was there before would only bring the same pages again.
            Some(next) if seen.insert(next.clone()) => {}
            _ => return (collection, None),
        }
    }
    let cause = format!("There are more than {MAX_PAGES} pages; the rest was not read.");
    (collection, Some(FetchError { status: None, cause }))
}

impl Collection {
    fn add(&mut self, page: Value, endpoint: &Endpoint, interner: &mut Interner) -> Result<(), String> {
        let (items, rest) = match page {
            Value::Array(items) => (items, Map::new()),
            Value::Object(mut fields) => match fields.shift_remove(endpoint.key) {
                Some(Value::Array(items)) => (items, fields),
                _ => return Err(format!("The answer holds no list called {}.", endpoint.key)),
            },
            _ => return Err("The answer is neither an object nor a list.".to_owned()),
        };
        let items: Vec<Shared> =
            items.into_iter().map(|item| interner.intern(item, endpoint.place)).collect();
        let rest = interner.intern(Value::Object(rest), Place::Any);
        self.raw_pages.push(RawPage { key: endpoint.key, items: items.clone(), rest });
        self.extend(items);
        Ok(())
    }

    /// Adds another read of the same kind.
    pub fn merge(&mut self, other: Self) {
        self.extend(other.items);
        self.raw_pages.extend(other.raw_pages);
    }

    /// Adds objects, those that are there already by their id left out: pages overlap when something changes between
    /// two reads or when the last page names itself as the next, and an older server may ignore the filter that tells
    /// two reads apart. Anything but an object stays visible in its page; scripts do not expect it among the items.
    fn extend(&mut self, items: Vec<Shared>) {
        for item in items.into_iter().filter(Shared::is_object) {
            if item.text("id").is_none_or(|id| self.ids.insert(id.to_owned())) {
                self.items.push(item);
            }
        }
        self.count = self.items.len();
    }
}
