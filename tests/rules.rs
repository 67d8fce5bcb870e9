//! Every MUST of docs/wire.md is cited by a test, and every cited rule exists.
//!
//! A citation is a rule id in a comment or a string (`FR-10`), or at the start or the end of a
//! function name (`invalid_utf8_is_replaced_fr_10`; `round_trip_fr_10_fr_11` cites two). The ids of
//! RFC 6455 contain a section number and are cited in comments and strings only. This file is
//! skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fs, io};

/// Prefixes of rule ids. RFC's have a section number before the rule number, as in `RFC-5.5.1-2`.
const FAMILIES: [&str; 11] = [
    "RQ", "H75", "H76", "KEY", "FR", "CL", "PX", "HY", "RFC", "DF", "H2",
];

/// Folders of files with rules and tests, besides the folders in src/.
const DIRS: [&str; 5] = [
    "src",
    "tests",
    "tests/bad_inputs",
    "testkit/src",
    "examples/tests",
];

#[test]
fn every_must_is_cited_by_a_test() -> io::Result<()> {
    let page = read("docs/wire.md")?;
    let mut musts = levels(&page);
    musts.retain(|_, level| *level == "MUST");
    for family in FAMILIES {
        let any = musts.keys().any(|id| id.starts_with(family));
        assert!(any, "{family} has no MUST in docs/wire.md");
    }
    for (path, text) in rust_files()? {
        let tests = tests_in(&path, &text);
        for id in &ids(tests) | &ids_in_names(tests) {
            musts.remove(id.as_str());
        }
    }
    assert!(musts.is_empty(), "no test cites {:?}", musts.keys());
    Ok(())
}

#[test]
fn every_cited_rule_exists() -> io::Result<()> {
    let page = read("docs/wire.md")?;
    let rules = levels(&page);
    let mut cited = vec![("docs/wire.md".to_owned(), ids(&page))];
    for (path, text) in rust_files()? {
        let ids = &ids(&text) | &ids_in_names(tests_in(&path, &text));
        cited.push((path, ids));
    }
    for (path, ids) in cited {
        let unknown = ids.iter().find(|id| !rules.contains_key(id.as_str()));
        assert_eq!(unknown, None, "cited in {path}, not a row in docs/wire.md");
    }
    Ok(())
}

/// Returns the level of each rule, from rows such as `| FR-10 | MUST | .. |`.
fn levels(page: &str) -> BTreeMap<&str, &str> {
    let mut levels = BTreeMap::new();
    for row in page
        .lines()
        .filter_map(|line| line.trim().strip_prefix('|'))
    {
        let mut cells = row.split('|').map(str::trim);
        if let (Some(id), Some(level)) = (cells.next(), cells.next()) {
            if is_id(id) {
                let known = ["MUST", "SHOULD", "quirk"].contains(&level);
                assert!(known, "{id} has the unknown level {level:?}");
                assert_eq!(levels.insert(id, level), None, "{id} has two rows");
            } else {
                assert_eq!(ids(id), [].into(), "the first cell of a row is a single id");
            }
        }
    }
    levels
}

fn is_id(word: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    word.rsplit_once('-').is_some_and(|(family, number)| {
        let section = family.strip_prefix("RFC-");
        let is_section = section.is_some_and(|section| section.split('.').all(is_number));
        let is_family = FAMILIES.contains(&family) && family != "RFC";
        is_number(number) && (is_family || is_section)
    })
}

/// Returns the ids in `text` that are whole words: `H76-30` does not contain `H76-3`.
fn ids(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_alphanumeric() && !"_-.".contains(c));
    let words = words.map(|word| word.trim_end_matches('.'));
    words
        .filter(|word| is_id(word))
        .map(str::to_owned)
        .collect()
}

/// Ids at the start or the end of function names: `fn h76_30_line()` cites `H76-30`, not `H76-3`.
fn ids_in_names(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for rest in text.split("fn ").skip(1) {
        let name = rest
            .split(|c: char| c != '_' && !c.is_alphanumeric())
            .next();
        let words: Vec<&str> = name.unwrap_or_default().split('_').collect();
        let id = |pair: &[&str]| Some(pair.join("-").to_ascii_uppercase()).filter(|id| is_id(id));
        found.extend(words.chunks_exact(2).map_while(id));
        found.extend(words.rchunks_exact(2).map_while(id));
    }
    found
}

/// Returns all of a file of tests, or the unit tests of a source file.
fn tests_in<'t>(path: &str, text: &'t str) -> &'t str {
    if !path.starts_with("src/") || path.ends_with("/tests.rs") {
        return text;
    }
    text.split_once("\nmod tests {")
        .map_or("", |(_, tests)| tests)
}

/// Returns the path and text of each Rust file, except this one.
fn rust_files() -> io::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    let mut dirs = DIRS.map(str::to_owned).to_vec();
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(root().join(&dir))? {
            let entry = entry?;
            let path = format!("{dir}/{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() && dir.starts_with("src") {
                dirs.push(path);
            } else if path.ends_with(".rs") && path != file!() {
                files.push((path.clone(), read(&path)?));
            }
        }
    }
    Ok(files)
}

fn read(path: &str) -> io::Result<String> {
    fs::read_to_string(root().join(path))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn only_whole_words_are_ids() {
    let found = |text| Vec::from_iter(&ids(text) | &ids_in_names(text)).join(" ");
    let comment = "RQ-1/RQ-2 (FR-3). not FR-4x, FR-5_, XFR-6, fr-7, FR - 8, FR-";
    assert_eq!(found(comment), "FR-3 RQ-1 RQ-2");
    let rfc =
        "RFC-5.5.1-2, RFC-9-1. not RFC-5 RFC-5.1 RFC-5.-1 RFC-.5-1 RFC-5..1-2 RFC-5.1-2x RFC 5-2";
    assert_eq!(found(rfc), "RFC-5.5.1-2 RFC-9-1");
    let names = "fn h76_30_line() fn round_trip_fr_1_fr_2() fn hy_5_rfc_5_1()";
    assert_eq!(found(names), "FR-1 FR-2 H76-30 HY-5");
    let others = "fn h76_3x() fn after_fr_1_opens() fn opens_xfr_1() let fr_2_len fn rfc_5_1_2()";
    assert_eq!(found(others), "");
    let source = "// FR-1\nfn fr_2_scan() {}\n\n#[cfg(test)]\nmod tests {\n    // FR-3\n}\n";
    assert_eq!(found(tests_in("src/scan.rs", source)), "FR-3");
    assert_eq!(tests_in("src/scan.rs", "// FR-1\n"), "");
}
