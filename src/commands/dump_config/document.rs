//! The document: the keys of the Python dump, and what it did not tell (what was redacted, what is missing).

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::collection::Collection;
use super::intern::Shared;
use super::source::Failure;
use crate::redact::{Counts, MARKER, Place, Redactor};

/// What is known before anything is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Seconds since 1970.
    pub generated_at_unix: u64,
    /// Where it was read from, without user info.
    pub base_url: String,
    /// The variable that the token came from.
    pub token_env: String,
    /// The projects that were asked for by name, id or friendly id.
    pub highlight_projects: Vec<String>,
}

impl Header {
    /// The header with whatever secrets its texts hold taken out.
    pub fn new(
        generated_at_unix: u64,
        base_url: &str,
        token_env: &str,
        highlight: &[String],
        redactor: &Redactor,
    ) -> Self {
        let base_url = redactor.redact_text(base_url).0.replace(&format!("{MARKER}@"), "");
        let highlight_projects = highlight.iter().map(|name| {
            let (name, _) = redactor.redact(Value::String(name.clone()), Place::Identity);
            name.as_str().unwrap_or_default().to_owned()
        });
        Self {
            generated_at_unix,
            base_url,
            token_env: token_env.to_owned(),
            highlight_projects: highlight_projects.collect(),
        }
    }
}

/// How a project relates to a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// Added to the project.
    Added,
    /// Available to the project.
    Accessible,
    /// Switched on in the project.
    Enabled,
}

impl Relation {
    pub(super) const ALL: [Self; 3] = [Self::Added, Self::Accessible, Self::Enabled];
    pub(super) const LAST: Self = Self::Enabled;

    /// The service's filter for it.
    pub(super) const fn filter(self) -> &'static str {
        match self {
            Self::Added => "addedToProjectId",
            Self::Accessible => "accessibleToProjectId",
            Self::Enabled => "enabledForProjectId",
        }
    }

    /// The key in the document.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Added => "providers_added_to_project",
            Self::Accessible => "providers_accessible_to_project",
            Self::Enabled => "providers_enabled_for_project",
        }
    }
}

/// A project and its providers.
#[derive(Debug, Clone)]
pub struct Relationship {
    pub project: Shared,
    added: Vec<Shared>,
    accessible: Vec<Shared>,
    enabled: Vec<Shared>,
    /// Which of the three are incomplete.
    missing: Vec<Relation>,
}

impl Relationship {
    pub(super) fn new(project: Shared) -> Self {
        Self { project, added: Vec::new(), accessible: Vec::new(), enabled: Vec::new(), missing: Vec::new() }
    }

    pub(super) fn set(&mut self, relation: Relation, providers: Vec<Shared>, complete: bool) {
        match relation {
            Relation::Added => self.added = providers,
            Relation::Accessible => self.accessible = providers,
            Relation::Enabled => self.enabled = providers,
        }
        if !complete {
            self.missing.push(relation);
        }
    }

    /// The providers in this relation, as far as they could be read.
    pub fn providers(&self, relation: Relation) -> &[Shared] {
        match relation {
            Relation::Added => &self.added,
            Relation::Accessible => &self.accessible,
            Relation::Enabled => &self.enabled,
        }
    }

    /// Whether all of them could be read.
    pub fn is_complete(&self, relation: Relation) -> bool {
        !self.missing.contains(&relation)
    }
}

/// Everything that was read.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    pub providers: Collection,
    pub projects: Collection,
    pub tokens: Collection,
    pub relationships: Vec<Relationship>,
    /// What is missing, and why.
    pub failures: Vec<Failure>,
    /// What was redacted, each distinct object counted once.
    pub counts: Counts,
}

/// How much could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Everything.
    Complete,
    /// Something, and something is missing.
    Partial,
    /// Not a single page: there is nothing to write.
    Nothing,
}

impl Outcome {
    /// The exit code that tells scripts.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Complete => 0,
            Self::Nothing => 1,
            Self::Partial => 2,
        }
    }
}

impl Contents {
    /// How much could be read.
    pub fn outcome(&self) -> Outcome {
        let pages =
            [&self.providers, &self.projects, &self.tokens].map(|collection| collection.raw_pages.len());
        match (pages, self.failures.is_empty()) {
            ([0, 0, 0], _) => Outcome::Nothing,
            (_, true) => Outcome::Complete,
            (_, false) => Outcome::Partial,
        }
    }
}

/// The whole document, ready to be serialised.
#[derive(Debug, Clone)]
pub struct Document {
    pub header: Header,
    pub contents: Contents,
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { header, contents } = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("generatedAtUnix", &header.generated_at_unix)?;
        map.serialize_entry("generatedBy", concat!("f5-guard ", env!("CARGO_PKG_VERSION")))?;
        map.serialize_entry("baseUrl", &header.base_url)?;
        map.serialize_entry("tokenEnv", &header.token_env)?;
        map.serialize_entry("highlightProjects", &header.highlight_projects)?;
        map.serialize_entry("complete", &(contents.outcome() == Outcome::Complete))?;
        map.serialize_entry("failures", &contents.failures)?;
        map.serialize_entry("redactions", &contents.counts)?;
        map.serialize_entry("providers", &contents.providers)?;
        map.serialize_entry("projects", &contents.projects)?;
        map.serialize_entry("tokens", &contents.tokens)?;
        map.serialize_entry("project_provider_relationships", &contents.relationships)?;
        map.serialize_entry("summary", &Summary(contents))?;
        map.end()
    }
}

impl Serialize for Relationship {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("project", &Extract(&self.project, &["type", "deploymentStatus", "friendlyId"]))?;
        for relation in Relation::ALL {
            map.serialize_entry(relation.key(), self.providers(relation))?;
        }
        if !self.missing.is_empty() {
            let keys: Vec<_> = self.missing.iter().map(|relation| relation.key()).collect();
            map.serialize_entry("incomplete", &keys)?;
        }
        map.end()
    }
}

struct Summary<'a>(&'a Contents);

impl Serialize for Summary<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(contents) = self;
        let provider = &["type", "tag", "capabilities", "projectId", "availability", "systemProviderId"];
        // The last two are of older servers; scripts may ask for them.
        let project = &["friendlyId", "type", "deploymentStatus", "providerIds", "scannerPackageIds"];
        let token = &["machine", "projectId", "roleId", "createdAt", "expiresAt"];
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("providers", &Extracts(&contents.providers.items, provider))?;
        map.serialize_entry("projects", &Extracts(&contents.projects.items, project))?;
        map.serialize_entry("tokens", &Extracts(&contents.tokens.items, token))?;
        map.serialize_entry("project_provider_relationships", &contents.relationships)?;
        map.end()
    }
}

/// An object's id and name and some of its fields, `null` where it has none.
struct Extract<'a>(&'a Shared, &'a [&'static str]);

impl Serialize for Extract<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", self.0.field("id"))?;
        map.serialize_entry("name", self.0.display_name())?;
        for name in self.1 {
            map.serialize_entry(name, self.0.field(name))?;
        }
        map.end()
    }
}

struct Extracts<'a>(&'a [Shared], &'a [&'static str]);

impl Serialize for Extracts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for object in self.0 {
            list.serialize_element(&Extract(object, self.1))?;
        }
        list.end()
    }
}
