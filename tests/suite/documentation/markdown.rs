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

/// A file of the repository.
pub fn read(path: &str) -> String {
    let text = std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.replace("\r\n", "\n")
}

/// The documents that are written by hand: those in the repository's root and those in `docs`.
pub fn documents() -> Vec<Document> {
    let names = |folder: &str| {
        let entries = std::fs::read_dir(root().join(folder)).expect("the repository can be listed");
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names.filter(|name| name.ends_with(".md") && name != "THIRD-PARTY-LICENSES.md").collect::<Vec<_>>()
    };
    let in_docs = names("docs").into_iter().map(|name| format!("docs/{name}"));
    let documents: Vec<Document> =
        names(".").into_iter().chain(in_docs).map(|n| Document::read(&n)).collect();
    assert!(documents.len() >= 7, "{}", documents.len());
    documents
}

/// The program's source files but for its tests, with their text.
pub fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the sources can be listed") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("tests.rs") {
                let text = std::fs::read_to_string(&path).expect("a source can be read");
                let text = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
                found.push((path, text));
            }
        }
    }
    found
}

impl Document {
    pub fn read(name: &str) -> Self {
        Self { name: name.to_owned(), text: read(name) }
    }

    /// The path in the repository of a file that is named from here.
    pub fn beside(&self, file: &str) -> String {
        let folder = self.name.rsplit_once('/').map_or("", |(folder, _)| folder);
        match file.strip_prefix("../") {
            Some(above) => above.to_owned(),
            None if folder.is_empty() => file.to_owned(),
            None => format!("{folder}/{file}"),
        }
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

    /// The text below a heading of the second or third level, up to the next one that is not below it.
    pub fn section(&self, heading: &str) -> &str {
        let found = ["##", "###"].iter().find_map(|level| {
            let (_, rest) = self.text.split_once(&format!("\n{level} {heading}\n"))?;
            let ends = ["\n## ", "\n### "].iter().take(level.len() - 1).filter_map(|end| rest.find(end));
            rest.get(..ends.min().unwrap_or(rest.len()))
        });
        found.unwrap_or_else(|| panic!("{}: no {heading}", self.name))
    }
}
