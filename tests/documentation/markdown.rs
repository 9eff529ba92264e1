//! As much Markdown as the documents use.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// One of the repository's documents.
pub struct Document {
    pub name: String,
    pub text: String,
}

/// A fenced block and the language behind its fence.
pub struct Block<'a> {
    pub language: &'a str,
    pub text: String,
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The documents that are written by hand.
pub fn documents() -> Vec<Document> {
    let entries = std::fs::read_dir(root()).expect("the repository can be listed");
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let names = names.filter(|name| name.ends_with(".md") && name != "THIRD-PARTY-LICENSES.md");
    let documents: Vec<Document> = names.map(|name| Document::read(&name)).collect();
    assert!(documents.len() >= 6, "{}", documents.len());
    documents
}

impl Document {
    pub fn read(name: &str) -> Self {
        let text =
            std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        Self { name: name.to_owned(), text: text.replace("\r\n", "\n") }
    }

    pub fn blocks(&self) -> Vec<Block<'_>> {
        let mut blocks: Vec<Block<'_>> = Vec::new();
        let mut inside = false;
        for line in self.text.lines() {
            match (line.strip_prefix("```"), inside) {
                (Some(language), false) => {
                    blocks.push(Block { language, text: String::new() });
                    inside = true;
                }
                (Some(_), true) => inside = false,
                (None, true) => {
                    if let Some(block) = blocks.last_mut() {
                        block.text += line;
                        block.text.push('\n');
                    }
                }
                (None, false) => {}
            }
        }
        assert!(!inside, "{}: a block without an end", self.name);
        blocks
    }

    /// Everything outside fenced blocks.
    fn prose(&self) -> String {
        let odd = self.text.split("```").step_by(2);
        odd.collect::<Vec<_>>().join("\n")
    }

    /// What stands between backquotes in running text, line breaks as blanks.
    pub fn inline_code(&self) -> Vec<String> {
        let prose = self.prose();
        let paragraphs =
            prose.split("\n\n").flat_map(|paragraph| paragraph.split("\n- ").collect::<Vec<_>>());
        let codes = paragraphs.flat_map(|paragraph| {
            let codes = paragraph.split('`').skip(1).step_by(2);
            codes.map(|code| code.replace('\n', " ")).collect::<Vec<_>>()
        });
        codes.collect()
    }

    /// The targets of all links.
    pub fn links(&self) -> Vec<String> {
        let prose = self.prose();
        let targets = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next().map(str::to_owned));
        targets.collect()
    }

    fn headings(&self) -> impl Iterator<Item = &str> {
        self.text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim())
    }

    /// The names under which its headings can be linked to.
    pub fn anchors(&self) -> BTreeSet<String> {
        let anchor = |heading: &str| {
            let kept = heading.to_lowercase();
            let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        };
        self.headings().map(anchor).collect()
    }

    /// The text below a second-level heading.
    pub fn section(&self, heading: &str) -> &str {
        let start = format!("\n## {heading}\n");
        let (_, rest) = self.text.split_once(&start).unwrap_or_else(|| panic!("{}: no {heading}", self.name));
        rest.split("\n## ").next().unwrap_or(rest)
    }
}
