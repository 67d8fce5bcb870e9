//! Every MUST of docs/wire.md is cited by a test, and every cited rule exists.
//!
//! A citation is a rule id in a comment or a string (`FR-10`), or at the start or the end of a
//! function name (`invalid_utf8_is_replaced_fr_10`; `round_trip_fr_10_fr_11` cites two). The ids of
//! RFC 6455 contain a section number and are cited in comments and strings only. This file is
//! skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fs, io};

/// Prefixes of rule ids.
const FAMILIES: [&str; 9] = ["RQ", "H75", "H76", "KEY", "FR", "CL", "PX", "HY", SECTIONED];

/// The family with a section number before the rule number, as in `5.5.1-2`.
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
        check(&path, &ids(&text) | &ids_in_names(tests_in(&path, &text)));
    }
    assert!(unknown.is_empty(), "not in docs/wire.md: {unknown:#?}");
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
        let (Some(id), Some(level)) = (cells.next(), cells.next()) else {
            continue;
        };
        if let Some(found) = ids(id).first() {
            assert_eq!(found, id, "the first cell of a row is a single id");
            let known = ["MUST", "SHOULD", "quirk"].contains(&level);
            assert!(known, "{id} has the unknown level {level:?}");
            assert_eq!(levels.insert(id, level), None, "{id} has two rows");
        }
    }
    levels
}

fn citations(text: &str) -> BTreeSet<String> {
    &ids(text) | &ids_in_names(text)
}

/// Returns the ids in `text` that are whole words: `H76-30` does not contain `H76-3`.
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
            let suffix = &after[section.len() + number.len()..];
            let has_section = family != SECTIONED || !section.is_empty();
            let is_whole_word = !before.ends_with(in_word) && !suffix.starts_with(in_word);
            if has_section && !number.is_empty() && is_whole_word {
                ids.insert(id);
            }
        }
    }
    ids
}

/// Returns the leading digits of `text`.
fn digits(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_digit());
    &text[..end.unwrap_or(text.len())]
}

/// Returns the leading section number and dash of `text`, such as `5.5.1-`.
fn section(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (numbers, rest) = text.split_at(end.unwrap_or(text.len()));
    let is_valid = numbers.split('.').all(|number| !number.is_empty());
    if is_valid && rest.starts_with('-') {
        &text[..numbers.len() + 1]
    } else {
        ""
    }
}

/// Ids at the start or the end of function names: `fn h76_30_line()` cites `H76-30`, not `H76-3`.
fn ids_in_names(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for rest in text.split("fn ").skip(1) {
        let end = rest.find(|c| !in_word(c)).unwrap_or(rest.len());
        let words: Vec<&str> = rest[..end].split('_').collect();
        let id = |pair: &[&str]| {
            let id = pair.join("-").to_ascii_uppercase();
            ids(&id).contains(&id).then_some(id)
        };
        found.extend(words.chunks_exact(2).map_while(id));
        found.extend(words.rchunks_exact(2).map_while(id));
    }
    found
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Returns all of a test file, or the unit tests of a source file.
fn tests_in<'t>(path: &str, text: &'t str) -> &'t str {
    if path.starts_with("tests/") || path.starts_with("testkit/") || path.ends_with("/tests.rs") {
        return text;
    }
    text.split_once("\nmod tests {")
        .map_or("", |(_, tests)| tests)
}

/// Folders with modules of the tests in tests/.
const MODULE_DIRS: [&str; 1] = ["tests/bad_inputs"];

/// Returns the path and text of each Rust file in src/, testkit/, tests/ and `MODULE_DIRS`, except
/// this one.
fn rust_files() -> io::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    let mut dirs = ["src", "testkit/src", "tests", "examples/tests"]
        .map(str::to_owned)
        .to_vec();
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(root().join(&dir))? {
            let entry = entry?;
            let path = format!("{dir}/{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                if dir.starts_with("src") || MODULE_DIRS.contains(&path.as_str()) {
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
fn only_whole_words_are_ids() {
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
    assert_eq!(found("fn head_first_h76_3() {"), ["H76-3"]);
    assert_eq!(found("fn round_trip_fr_10_fr_11() {"), ["FR-10", "FR-11"]);
    assert_eq!(
        found("fn h76_3x() {} fn after_fr_1_opens() {} fn opens_xfr_1() {} let fr_2_len = 3;"),
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
fn rules_are_rows_with_an_id_and_a_level() {
    let page = "see H76-3\n| id | level |\n|---|---|\n| H76-30 | MUST | not H76-3 | D76 |\n\
                | CL-9 | SHOULD | x | y |\n| S | KEY-3 | bad key | 400 |\n| F1 | 00 ff | text |\n";
    assert_eq!(
        Vec::from_iter(levels(page)),
        [("CL-9", "SHOULD"), ("H76-30", "MUST")]
    );
}

#[test]
fn only_tests_cite_rules() {
    let text = "// FR-1\nfn fr_2_scan() {}\n\n#[cfg(test)]\nmod tests {\n    // FR-3\n}\n";
    assert_eq!(
        Vec::from_iter(citations(tests_in("src/scan.rs", text))),
        ["FR-3"]
    );
    assert_eq!(tests_in("src/scan.rs", "// FR-1\n"), "");
    assert_eq!(tests_in("testkit/src/frames.rs", text), text);
}
