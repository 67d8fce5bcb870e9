//! A table of invalid and unusual input, tested at every split and shown by docs/bad-inputs.md.

#[path = "bad_inputs/page.rs"]
mod page;
#[path = "bad_inputs/row.rs"]
mod row;
#[path = "bad_inputs/rows.rs"]
mod rows;

use std::collections::BTreeSet;
use std::{env, fs};

use hybi::Connection;
use testkit::*;

use row::{CallCase, Case, InputCase, Output};
use rows::rows;

/// If this variable is set, the page is regenerated.
const WRITE: &str = "HYBI_WRITE_DOCS";
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/bad-inputs.md");

/// Longer inputs are split only near their ends, where headers are.
const LONG: usize = 600;

#[test]
fn the_rows_are_numbered_in_order() {
    let numbers: Vec<usize> = rows().iter().map(|row| row.number).collect();
    assert_eq!(numbers, (1..=73).collect::<Vec<_>>());
    assert!(rows().iter().all(|row| !row.cases.is_empty()));
}

#[test]
fn every_protocol_error_has_a_row() {
    let errors = include_str!("../src/error.rs");
    let (_, body) = errors.split_once("pub enum ProtocolError {\n").unwrap();
    let (body, _) = body.split_once("\n}\n").unwrap();
    let names = body.lines().filter_map(|line| line.strip_prefix("    "));
    let names = names.filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()));
    let names: BTreeSet<&str> = names
        .map(|line| line.split([' ', ',']).next().unwrap())
        .collect();
    assert!(names.len() > 20, "{names:?}");
    let events: String = named_cases()
        .filter_map(|(_, case)| match case {
            Case::Input(case) => Some(format!("{:?}\n", case.events)),
            Case::Call(_) => None,
        })
        .collect();
    // They need the feature `deflate`: tests/compression.rs has the inputs.
    let only_compressed = ["InflatedTooLong", "InvalidDeflate"];
    for name in names
        .into_iter()
        .filter(|name| !only_compressed.contains(name))
    {
        let has_row = [" ", ")"].map(|end| events.contains(&format!("ProtocolError({name}{end}")));
        assert!(has_row.contains(&true), "{name}");
    }
}

#[test]
fn each_bad_input_at_every_split_rq_20() {
    for (name, case) in named_cases() {
        if let Case::Input(case) = case {
            let bytes = case.bytes();
            let is_tested = |at: &usize| bytes.len() <= LONG || *at < 40 || *at > bytes.len() - 40;
            check_input(&name, &case, &[]);
            for at in (0..=bytes.len()).filter(is_tested) {
                check_input(&name, &case, &[at]);
            }
            let everywhere: Vec<usize> = (0..bytes.len()).collect();
            check_input(&name, &case, &everywhere);
        }
    }
}

// RFC-7.1.7-2
#[test]
fn nothing_is_returned_after_closed_fr_16() {
    let valid = [DRAFT_76_REQUEST.as_bytes(), DRAFT_76_KEY3, b"\x00Hello\xff"].concat();
    for (name, case) in named_cases() {
        if let Case::Input(case) = case {
            let mut driver = Driver::new(case.connection());
            driver.feed(&case.bytes());
            if driver.conn.closed().is_some() {
                driver.transcript = Transcript::default();
                driver.feed(&valid);
                driver.eof();
                assert_eq!(
                    driver.transcript,
                    Transcript::default(),
                    "{name}, further input"
                );
                assert!(driver.conn.is_done(), "{name}");
            }
        }
    }
}

#[test]
fn each_rejected_call_returns_its_error_and_changes_nothing() {
    for (name, case) in named_cases() {
        if let Case::Call(case) = case {
            check_call(&name, &case);
        }
    }
}

#[test]
fn the_page_matches_the_rows() {
    let page = page::page(&rows());
    if env::var_os(WRITE).is_some() {
        fs::write(PAGE, &page).unwrap();
    }
    let current = fs::read_to_string(PAGE).unwrap_or_default();
    let same = current
        .lines()
        .zip(page.lines())
        .take_while(|(a, b)| a == b);
    let line = same.count() + 1;
    assert!(
        current == page,
        "docs/bad-inputs.md differs from the rows at line {line}; to regenerate it: \
         {WRITE}=1 cargo test --test bad_inputs"
    );
}

fn named_cases() -> impl Iterator<Item = (String, Case)> {
    rows().into_iter().flat_map(|row| {
        let cases = row.cases.into_iter().enumerate();
        cases.map(move |(i, case)| {
            (
                format!("{}.{}, {}", row.number, i + 1, row.description),
                case,
            )
        })
    })
}

fn check_input(name: &str, case: &InputCase, splits: &[usize]) {
    let conn = case.connection();
    let mut driver = if case.unanswered {
        Driver::with_request_handler(conn, |_, _| {})
    } else {
        Driver::new(conn)
    };
    let (bytes, mut start) = (case.bytes(), 0);
    for end in splits.iter().copied().chain([bytes.len()]) {
        let remaining = driver.feed(&bytes[start..end]);
        // Input after a pending request is fed again.
        start = if case.unanswered {
            end - remaining
        } else {
            end
        };
    }
    if case.unanswered {
        assert_eq!(bytes.len() - start, case.then.bytes().len(), "{name}");
        assert!(!driver.conn.wants_read());
    }
    if case.eof {
        driver.eof();
    }
    let Transcript { events, sent } = &driver.transcript;
    let input = escaped(&bytes[..bytes.len().min(LONG)]);
    assert_eq!(events, &case.events, "{name}, {input} split at {splits:?}");
    match case.output {
        Output::Close(code) if case.setup.role() == Role::Client => {
            let masked = parse_frames(sent).iter().all(|frame| frame.key.is_some());
            assert!(masked, "{name}");
            assert_eq!(close_code(sent), code, "{name}");
        }
        ref output => assert_eq!(escaped(sent), escaped(output.bytes()), "{name}, {input}"),
    }
}

fn check_call(name: &str, case: &CallCase) {
    let mut conn = case.setup.connection(&case.config.0);
    let mut bytes = case.input.bytes();
    let mut input = input(&mut bytes);
    while conn.receive(&mut input).is_some() {}
    conn.advance(conn.transmit().len());
    let before = state(&conn);
    let name = format!("{name}: {}", case.text);
    assert_eq!((case.call)(&mut conn), case.result, "{name}");
    assert_eq!(
        escaped(conn.transmit()),
        escaped(case.sent.bytes()),
        "{name}"
    );
    if case.result.is_err() {
        assert_eq!(state(&conn), before, "{name}");
    }
}

fn state(conn: &Connection) -> String {
    format!("{conn:?}")
}
