//! `THIRD-PARTY-LICENSES.md` lists the crates that are built into the program: no more, no less, in these versions.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use toml_edit::{DocumentMut, Item, Table, TableLike};

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn parse(name: &str) -> DocumentMut {
    read(name).parse().unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn names(table: Option<&Item>) -> impl Iterator<Item = String> + '_ {
    let table = table.and_then(Item::as_table_like);
    table.into_iter().flat_map(|table| table.iter().map(|(name, _)| name.to_owned()))
}

/// What `Cargo.toml` asks for, for every system, tests aside.
fn direct_dependencies(manifest: &DocumentMut) -> BTreeSet<String> {
    let targets = manifest.get("target").and_then(Item::as_table_like);
    let of_targets = targets.into_iter().flat_map(TableLike::iter);
    let of_targets = of_targets.flat_map(|(_, target)| names(target.get("dependencies")));
    names(manifest.get("dependencies")).chain(of_targets).collect()
}

/// Name and version. `Cargo.lock` leaves the version out where there is only one.
type Crate = (String, String);

fn locked(lock: &DocumentMut) -> BTreeMap<Crate, Vec<String>> {
    let packages = lock.get("package").and_then(Item::as_array_of_tables).expect("a list of packages");
    let word = |package: &Table, key: &str| {
        package.get(key).and_then(Item::as_str).expect("each package has both").to_owned()
    };
    let dependencies = |package: &Table| {
        let list = package.get("dependencies").and_then(Item::as_array);
        list.into_iter().flatten().filter_map(|value| value.as_str().map(str::to_owned)).collect()
    };
    packages
        .iter()
        .map(|package| ((word(package, "name"), word(package, "version")), dependencies(package)))
        .collect()
}

/// Everything that is built into the program. The lock file holds no test dependencies of others.
fn built_in() -> BTreeSet<Crate> {
    let locked = locked(&parse("Cargo.lock"));
    let find = |reference: &str| {
        let (name, version) = reference.split_once(' ').map_or((reference, None), |(n, v)| (n, Some(v)));
        let is_it = |(n, v): &&Crate| n == name && version.is_none_or(|version| v == version);
        locked.keys().find(is_it).unwrap_or_else(|| panic!("{reference} is not locked")).clone()
    };
    let direct = direct_dependencies(&parse("Cargo.toml"));
    let own = ("f5-guard".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    let is_direct =
        |reference: &&String| reference.split(' ').next().is_some_and(|name| direct.contains(name));
    let mut waiting: Vec<Crate> =
        locked[&own].iter().filter(is_direct).map(|reference| find(reference)).collect();
    let mut reached = BTreeSet::new();
    while let Some(package) = waiting.pop() {
        if reached.insert(package.clone()) {
            waiting.extend(locked[&package].iter().map(|reference| find(reference)));
        }
    }
    reached
}

fn listed() -> BTreeSet<Crate> {
    let text = read("THIRD-PARTY-LICENSES.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| "));
    let cells = rows.map(|row| row.split(" | ").collect::<Vec<_>>());
    cells
        .filter(|cells| cells.first() != Some(&"crate"))
        .map(|cells| (cells[0].to_owned(), cells[1].to_owned()))
        .collect()
}

#[test]
fn the_licences_of_all_crates_in_the_program_are_listed() {
    let (built_in, listed) = (built_in(), listed());
    let missing: Vec<_> = built_in.difference(&listed).collect();
    let stale: Vec<_> = listed.difference(&built_in).collect();
    assert!(built_in.len() > 100, "{}", built_in.len());
    assert!(
        missing.is_empty() && stale.is_empty(),
        "run .github/third-party: missing {missing:?}, stale {stale:?}"
    );
}
