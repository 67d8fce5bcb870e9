//! Every MUST of docs/wire.md is cited by a test, and every rule that is cited exists.
//!
//! A citation is a rule's id in a comment or a string (`FR-10`), or at the start of a function's
//! name (`fr_10_replaces_bad_utf8`; `fr_10_fr_11_round_trip` cites two). Ids of RFC 6455 have its
//! section in them, and are cited in comments and strings only. This file is not read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fs, io};

/// What ids begin with.
const FAMILIES: [&str; 9] = ["RQ", "H75", "H76", "KEY", "FR", "CL", "PX", "HY", SECTIONED];

/// The family whose numbers have a section before them, as in `5.5.1-2`.
const SECTIONED: &str = "RFC";

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
        for id in citations(tests_in(&path, &text)) {
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
    let mut unknown = Vec::new();
    let mut check = |path: &str, mut cited: BTreeSet<String>| {
        cited.retain(|id| !rules.contains_key(id.as_str()));
        unknown.extend(cited.into_iter().map(|id| format!("{path}: {id}")));
    };
    check("docs/wire.md", ids(&page));
    for (path, text) in rust_files()? {
        check(&path, &ids(&text) | &names(tests_in(&path, &text)));
    }
    assert!(unknown.is_empty(), "not in docs/wire.md: {unknown:#?}");
    Ok(())
}

/// Each rule's level, from rows such as `| FR-10 | MUST | .. |`.
fn levels(page: &str) -> BTreeMap<&str, &str> {
    let mut levels = BTreeMap::new();
    for row in page
        .lines()
        .filter_map(|line| line.trim().strip_prefix('|'))
    {
        let mut cells = row.split('|').map(str::trim);
        let (Some(id), Some(level)) = (cells.next(), cells.next()) else {
            continue;
        };
        if let Some(found) = ids(id).first() {
            assert_eq!(found, id, "a row begins with an id and nothing else");
            let known = ["MUST", "SHOULD", "quirk"].contains(&level);
            assert!(known, "{id} has the level {level:?}");
            assert_eq!(levels.insert(id, level), None, "{id} is there twice");
        }
    }
    levels
}

fn citations(text: &str) -> BTreeSet<String> {
    &ids(text) | &names(text)
}

/// Ids written out, each a whole word: `H76-30` holds no `H76-3`.
fn ids(text: &str) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for family in FAMILIES {
        for (at, _) in text.match_indices(family) {
            let (before, after) = (&text[..at], &text[at + family.len()..]);
            let Some(after) = after.strip_prefix('-') else {
                continue;
            };
            let section = if family == SECTIONED {
                section(after)
            } else {
                ""
            };
            let number = digits(&after[section.len()..]);
            let id = format!("{family}-{section}{number}");
            let behind = &after[section.len() + number.len()..];
            let named = family != SECTIONED || !section.is_empty();
            let whole = !before.ends_with(in_word) && !behind.starts_with(in_word);
            if named && !number.is_empty() && whole {
                ids.insert(id);
            }
        }
    }
    ids
}

/// The digits that a text begins with.
fn digits(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_digit());
    &text[..end.unwrap_or(text.len())]
}

/// The section with its dash that a text begins with, such as `5.5.1-`.
fn section(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (numbers, rest) = text.split_at(end.unwrap_or(text.len()));
    let good = numbers.split('.').all(|number| !number.is_empty());
    if good && rest.starts_with('-') {
        &text[..numbers.len() + 1]
    } else {
        ""
    }
}

/// Ids that functions' names begin with: `fn h76_30_line()` cites `H76-30`, and no `H76-3`.
fn names(text: &str) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for rest in text.split("fn ").skip(1) {
        let end = rest.find(|c| !in_word(c)).unwrap_or(rest.len());
        let mut parts = rest[..end].split('_');
        while let (Some(family), Some(number)) = (parts.next(), parts.next()) {
            let id = format!("{family}-{number}").to_ascii_uppercase();
            if !self::ids(&id).contains(&id) {
                break;
            }
            ids.insert(id);
        }
    }
    ids
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// A file of tests whole; of another what follows the line that opens its unit tests.
fn tests_in<'t>(path: &str, text: &'t str) -> &'t str {
    if path.starts_with("tests/") || path.ends_with("/tests.rs") {
        return text;
    }
    text.split_once("\nmod tests {")
        .map_or("", |(_, tests)| tests)
}

/// Folders that tests in tests/ are made of.
const TESTS: [&str; 2] = ["tests/common", "tests/bad_inputs"];

/// Path and text of each file of src/, tests/ and those folders but this one.
fn rust_files() -> io::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    let mut dirs = vec!["src".to_owned(), "tests".to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(root().join(&dir))? {
            let entry = entry?;
            let path = format!("{dir}/{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                if dir.starts_with("src") || TESTS.contains(&path.as_str()) {
                    dirs.push(path);
                }
            } else if path.ends_with(".rs") && path != "tests/rules.rs" {
                let text = read(&path)?;
                files.push((path, text));
            }
        }
    }
    Ok(files)
}

fn read(path: &str) -> io::Result<String> {
    fs::read_to_string(root().join(path))
        .map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn an_id_is_found_only_whole() {
    let found = |text| Vec::from_iter(citations(text));
    assert_eq!(found("// H76-3, see (FR-10)."), ["FR-10", "H76-3"]);
    assert_eq!(
        found("RQ-1/RQ-2 RQ-3-RQ-4"),
        ["RQ-1", "RQ-2", "RQ-3", "RQ-4"]
    );
    assert_eq!(found("H76-30"), ["H76-30"]);
    assert_eq!(
        found("H76-31: not H76-3x, H76-3_, XH76-3, h76-3, H76 - 3, H76-"),
        ["H76-31"]
    );
    assert_eq!(found("fn h76_3_head_first() {"), ["H76-3"]);
    assert_eq!(found("fn h76_3() {"), ["H76-3"]);
    assert_eq!(found("fn h76_30_line() {"), ["H76-30"]);
    assert_eq!(found("fn fr_10_fr_11_round_trip() {"), ["FR-10", "FR-11"]);
    assert_eq!(
        found("fn h76_3x() {} fn after_fr_1() {} let fr_2_len = 3;"),
        [""; 0]
    );
    assert_eq!(
        found("// RFC-5.5.1-2, RFC-9-1 (RFC-10.3-12)."),
        ["RFC-10.3-12", "RFC-5.5.1-2", "RFC-9-1"]
    );
    assert_eq!(
        found("RFC-5 RFC-5.1 RFC-5.-1 RFC-.5-1 RFC-5..1-2 RFC-5.1-x RFC-5.1-2x RFC 5.1-2"),
        [""; 0]
    );
    assert_eq!(found("fn rfc_5_1_2() {} fn hy_5_rfc_5_1() {}"), ["HY-5"]);
}

#[test]
fn a_rule_is_a_row_with_an_id_and_a_level() {
    let page = "see H76-3\n| id | level |\n|---|---|\n| H76-30 | MUST | not H76-3 | D76 |\n\
                | CL-9 | SHOULD | x | y |\n| S | KEY-3 | bad key | 400 |\n| F1 | 00 ff | text |\n";
    assert_eq!(
        Vec::from_iter(levels(page)),
        [("CL-9", "SHOULD"), ("H76-30", "MUST")]
    );
}

#[test]
fn code_outside_of_unit_tests_cites_nothing() {
    let text = "// FR-1\nfn fr_2_scan() {}\n\n#[cfg(test)]\nmod tests {\n    // FR-3\n}\n";
    assert_eq!(
        Vec::from_iter(citations(tests_in("src/scan.rs", text))),
        ["FR-3"]
    );
    assert_eq!(tests_in("src/scan.rs", "// FR-1\n"), "");
    assert_eq!(tests_in("tests/common/mod.rs", text), text);
}
