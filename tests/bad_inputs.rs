//! Bad inputs and what becomes of them: one table, held against a connection at every cut of each
//! input, and shown by docs/bad-inputs.md.

mod common;

#[path = "bad_inputs/page.rs"]
mod page;
#[path = "bad_inputs/row.rs"]
mod row;
#[path = "bad_inputs/rows.rs"]
mod rows;

use std::collections::BTreeSet;
use std::{env, fs};

use common::*;
use hybi::{Connection, Role};

use row::{Called, Case, Heard, Reply};
use rows::rows;

/// Set, it has the page written anew.
const WRITE: &str = "HYBI_WRITE_DOCS";
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/bad-inputs.md");

/// Inputs of more bytes than this are cut near their ends only, where headers are.
const LONG: usize = 600;

#[test]
fn the_rows_are_there_by_number() {
    let numbers: Vec<usize> = rows().iter().map(|row| row.number).collect();
    assert_eq!(numbers, (1..=73).collect::<Vec<_>>());
    assert!(rows().iter().all(|row| !row.cases.is_empty()));
}

#[test]
fn every_error_of_a_peer_is_in_a_row() {
    let errors = include_str!("../src/error.rs");
    let (_, body) = errors.split_once("pub enum ProtocolError {\n").unwrap();
    let (body, _) = body.split_once("\n}\n").unwrap();
    let names = body.lines().filter_map(|line| line.strip_prefix("    "));
    let names = names.filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()));
    let names: BTreeSet<&str> = names
        .map(|line| line.split([' ', ',', '(']).next().unwrap())
        .collect();
    assert!(names.len() > 20, "{names:?}");
    let events: String = named()
        .filter_map(|(_, case)| match case {
            Case::Heard(heard) => Some(format!("{:?}\n", heard.events)),
            Case::Called(_) => None,
        })
        .collect();
    for name in names {
        let in_a_row = [" ", ")", "("].map(|end| events.contains(&format!("Protocol({name}{end}")));
        assert!(in_a_row.contains(&true), "{name}");
    }
}

#[test]
fn rq_20_each_bad_input_at_every_cut() {
    for (name, case) in named() {
        if let Case::Heard(heard) = case {
            let bytes = heard.bytes();
            let near_an_end =
                |cut: &usize| bytes.len() <= LONG || *cut < 40 || *cut > bytes.len() - 40;
            at_every_split(&name, &heard, &[]);
            for cut in (0..=bytes.len()).filter(near_an_end) {
                at_every_split(&name, &heard, &[cut]);
            }
            let everywhere: Vec<usize> = (0..bytes.len()).collect();
            at_every_split(&name, &heard, &everywhere);
        }
    }
}

#[test]
fn fr_16_rfc_7_1_7_2_nothing_is_heard_behind_an_end() {
    let good = [DRAFT_76_HEAD.as_bytes(), DRAFT_76_KEY3, b"\x00Hello\xff"].concat();
    for (name, case) in named() {
        if let Case::Heard(heard) = case {
            let mut driver = Driver::new(heard.connection());
            driver.feed(&heard.bytes());
            if driver.conn.closed().is_some() {
                driver.transcript = Transcript::default();
                driver.feed(&good);
                driver.eof();
                assert_eq!(driver.transcript, Transcript::default(), "{name}, and more");
                assert!(driver.conn.is_done(), "{name}");
            }
        }
    }
}

#[test]
fn each_bad_call_gets_its_answer_and_a_refused_one_changes_nothing() {
    for (name, case) in named() {
        if let Case::Called(called) = case {
            asked(&name, &called);
        }
    }
}

#[test]
fn the_page_shows_the_table() {
    let page = page::page(&rows());
    if env::var_os(WRITE).is_some() {
        fs::write(PAGE, &page).unwrap();
    }
    let written = fs::read_to_string(PAGE).unwrap_or_default();
    let same = written
        .lines()
        .zip(page.lines())
        .take_while(|(a, b)| a == b);
    let line = same.count() + 1;
    assert!(
        written == page,
        "docs/bad-inputs.md is not what the rows say, from line {line} on; to write it anew: \
         {WRITE}=1 cargo test --test bad_inputs"
    );
}

fn named() -> impl Iterator<Item = (String, Case)> {
    rows().into_iter().flat_map(|row| {
        let cases = row.cases.into_iter().enumerate();
        cases.map(move |(i, case)| (format!("{}.{}, {}", row.number, i + 1, row.what), case))
    })
}

fn at_every_split(name: &str, heard: &Heard, cuts: &[usize]) {
    let conn = heard.connection();
    let mut driver = if heard.waits {
        Driver::answering(conn, |_, _| {})
    } else {
        Driver::new(conn)
    };
    let (bytes, mut from) = (heard.bytes(), 0);
    for to in cuts.iter().copied().chain([bytes.len()]) {
        let left = driver.feed(&bytes[from..to]);
        // What a waiting request leaves is fed again.
        from = if heard.waits { to - left } else { to };
    }
    if heard.waits {
        assert_eq!(bytes.len() - from, heard.then.bytes().len(), "{name}");
        assert!(!driver.conn.wants_read());
    }
    if heard.eof {
        driver.eof();
    }
    let Transcript { events, sent } = &driver.transcript;
    let start = escaped(&bytes[..bytes.len().min(LONG)]);
    assert_eq!(events, &heard.events, "{name}, {start} cut at {cuts:?}");
    match heard.reply {
        Reply::Close(code) if heard.end.role() == Role::Client => {
            let masked = rfc::frames(sent).iter().all(|frame| frame.key.is_some());
            assert!(masked, "{name}");
            assert_eq!(rfc::close_code(sent), code, "{name}");
        }
        ref reply => assert_eq!(escaped(sent), escaped(reply.bytes()), "{name}, {start}"),
    }
}

fn asked(name: &str, called: &Called) {
    let mut conn = called.end.connection(&called.config.0);
    let mut bytes = called.heard.bytes();
    let mut input = &mut bytes[..];
    while conn.receive(&mut input).is_some() {}
    conn.advance(conn.transmit().len());
    let before = state(&conn);
    let name = format!("{name}: {}", called.says);
    assert_eq!((called.call)(&mut conn), called.gets, "{name}");
    assert_eq!(
        escaped(conn.transmit()),
        escaped(called.sent.bytes()),
        "{name}"
    );
    if called.gets.is_err() {
        assert_eq!(state(&conn), before, "{name}");
    }
}

fn state(conn: &Connection) -> String {
    format!("{conn:?}")
}
