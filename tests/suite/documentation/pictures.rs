//! Pictures are where the documents look for them, for light and for dark pages, and in the release archive. What they show
//! is the business of tests/pictures.

use std::collections::BTreeSet;

use super::markdown::{Document, documents, read, root};

/// The values of an attribute.
fn attributes<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!(" {name}=\"");
    text.split(&start).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

/// Each `<picture>` of a document.
fn pictures(document: &Document) -> Vec<&str> {
    let starts = document.text.split("<picture>").skip(1);
    starts.map(|rest| rest.split_once("</picture>").expect("an end").0).collect()
}

#[test]
fn every_picture_is_there_for_light_and_for_dark_pages() {
    let mut shown = BTreeSet::new();
    for document in documents() {
        for picture in pictures(&document) {
            let (dark, light) = (attributes(picture, "srcset"), attributes(picture, "src"));
            let [dark, light] = [dark, light].map(|files| document.beside(files.first().expect("a file")));
            assert_eq!(dark, light.replace("-light.svg", "-dark.svg"), "{}", document.name);
            assert!(light.ends_with("-light.svg"), "{}: {light}", document.name);
            assert!(picture.contains("(prefers-color-scheme: dark)"), "{}: {picture}", document.name);
            let words = attributes(picture, "alt").concat();
            assert!(words.len() > 20, "{}: what can those read who do not see {light}?", document.name);
            shown.extend([dark, light]);
        }
    }
    let files = std::fs::read_dir(root().join("docs/images")).expect("the pictures");
    let files = files.map(|file| file.expect("a picture").file_name().into_string().expect("a name"));
    assert_eq!(shown, files.map(|name| format!("docs/images/{name}")).collect(), "all are shown, all exist");
}

#[test]
fn the_archive_has_the_pictures() {
    assert!(read(".github/package").contains("cp -R docs/images \"$root/docs/\""));
}
