//! The projects that the user asked for, in a few lines each.

use super::document::{Contents, Relation, Relationship};

/// A provider in a highlight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderLine {
    pub name: String,
    pub id: String,
}

/// What is shown of one project. A count is `None` where its read failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Highlight {
    pub name: String,
    pub id: String,
    pub added: Option<usize>,
    pub accessible: Option<usize>,
    pub enabled: Option<usize>,
    /// The enabled ones, as far as they could be read.
    pub enabled_providers: Vec<ProviderLine>,
}

/// The projects that `wanted` names by name, id or friendly id, in any case; names are not unique, so there may be
/// several. Empty: no project that could be read is called so.
pub fn highlights(contents: &Contents, wanted: &str) -> Vec<Highlight> {
    let wanted = wanted.trim().to_lowercase();
    let is_wanted = |relationship: &&Relationship| {
        ["name", "id", "friendlyId"].iter().any(|key| {
            relationship.project.text(key).is_some_and(|text| text.trim().to_lowercase() == wanted)
        })
    };
    contents.relationships.iter().filter(is_wanted).map(highlight).collect()
}

fn highlight(relationship: &Relationship) -> Highlight {
    let count = |relation| relationship.is_complete(relation).then(|| relationship.providers(relation).len());
    let enabled = relationship.providers(Relation::Enabled).iter();
    Highlight {
        name: relationship.project.display_name().to_owned(),
        id: relationship.project.text("id").unwrap_or_default().to_owned(),
        added: count(Relation::Added),
        accessible: count(Relation::Accessible),
        enabled: count(Relation::Enabled),
        enabled_providers: enabled
            .map(|provider| ProviderLine {
                name: provider.display_name().to_owned(),
                id: provider.text("id").unwrap_or_default().to_owned(),
            })
            .collect(),
    }
}
