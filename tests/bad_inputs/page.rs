//! docs/bad-inputs.md, made from the rows.

use std::fmt::Write;

use hybi::{Closed, Role};

use super::row::{Base, Called, Case, End, Heard, Parts, Reply, Row};
use crate::common::{DRAFT_76_REPLY, Observed, VERSIONS, escaped, refusal, rfc};

/// The statuses that rows are answered with, each shown whole once.
const STATUSES: [u16; 5] = [400, 405, 426, 431, 505];

/// What good requests are answered with.
const ACCEPTED: [(&str, &str); 2] = [("R76", DRAFT_76_REPLY), ("R13", rfc::REPLY)];

const TOP: &str = "\
# Bad inputs

What a connection says of what is wrong, or odd, and what it writes. The rows are those of `tests/bad_inputs/rows.rs`,
which `cargo test --test bad_inputs` holds against a connection in one piece, at every cut and byte by byte; it also
holds this page against them. `HYBI_WRITE_DOCS=1 cargo test --test bad_inputs` writes the page anew.

Offsets count from the first byte of the head, or of the frame. An input is a good head with edits, or bytes in hex;
`.setter(..)` is a `Config` other than the default. Nothing is heard behind an end, and a call that is refused changes
nothing.
";

const REPLY: &str = "
Reply is what a server says to a client's request for `ws://example.com/demo`, with `Accept::new()`, less the 16 bytes of
Hixie-76.
";

pub fn page(rows: &[Row]) -> String {
    let mut page = String::from(TOP);
    page += "\n## The heads that are edited\n";
    for base in Base::REQUESTS {
        text(&mut page, base.name(), base.request());
    }
    page += REPLY;
    page += "\n## What is written\n";
    for (name, reply) in ACCEPTED {
        text(&mut page, &format!("The 101 of {name}"), reply);
    }
    for status in STATUSES {
        text(&mut page, &status.to_string(), &refusal(status, VERSIONS));
    }
    page += "\n## The rows\n\n| # | input | events | written |\n| --- | --- | --- | --- |\n";
    for row in rows {
        writeln!(page, "| {} | **{}** | | |", row.number, row.what).unwrap();
        for (i, case) in row.cases.iter().enumerate() {
            let number = format!("{}.{}", row.number, i + 1);
            let [input, events, written] = match case {
                Case::Heard(heard) => told(heard),
                Case::Called(called) => asked(called),
            };
            writeln!(page, "| {number} | {input} | {events} | {written} |").unwrap();
        }
    }
    page
}

/// Lines that end in CR LF.
fn text(page: &mut String, name: &str, lines: &str) {
    let lines = lines.replace("\r\n", "\n");
    write!(page, "\n{name}:\n\n```text\n{lines}```\n").unwrap();
}

fn told(heard: &Heard) -> [String; 3] {
    let mut input = Vec::new();
    if heard.base.is_none() || heard.base == Some(Base::Reply) {
        input.push(end(heard.end));
    }
    input.extend(config(heard.config.1));
    let texts = matches!(heard.end, End::Server | End::Client(..));
    if let Some(base) = heard.base {
        input.push(base.name().to_owned());
    }
    for (from, to) in &heard.edits {
        let to = unmarked(to);
        input.push(if to.bytes().is_empty() {
            format!("without {}", code(&escaped(from)))
        } else {
            format!("{} as {}", code(&escaped(from)), parts(&to, true))
        });
    }
    if !heard.then.bytes().is_empty() {
        let behind = if heard.base.is_some() { "then " } else { "" };
        input.push(format!("{behind}{}", parts(&heard.then, texts)));
    }
    if heard.eof {
        input.push("end of file".to_owned());
    }
    if heard.waits {
        input.push("no answer".to_owned());
    }
    let mut input = input.join(", ");
    if !heard.what.is_empty() {
        input = format!("{}: {input}", heard.what);
    }
    let events: Vec<String> = heard.events.iter().map(event).collect();
    let events = if events.is_empty() {
        "nothing".to_owned()
    } else {
        events.join("; ")
    };
    [input, events, written(&heard.reply, heard.end)]
}

fn asked(called: &Called) -> [String; 3] {
    let mut input = vec![end(called.end)];
    input.extend(config(called.config.1));
    if !called.heard.bytes().is_empty() {
        let texts = matches!(called.end, End::Server);
        input.push(format!("behind {}", parts(&called.heard, texts)));
    }
    let is_call = called.says.contains('(');
    input.push(if is_call {
        code(called.says)
    } else {
        called.says.to_owned()
    });
    let events = match called.gets {
        Ok(()) => "`Ok`".to_owned(),
        Err(refused) => format!("`{refused:?}`: {refused}"),
    };
    let sent = called.sent.bytes();
    let written = if sent.is_empty() {
        String::new()
    } else {
        parts(&called.sent, false)
    };
    [input.join(", "), events, written]
}

fn end(end: End) -> String {
    match end {
        End::Server => "a server".to_owned(),
        End::Client(dialect, None) => format!("a client of {dialect}"),
        End::Client(dialect, Some(name)) => {
            format!("a client of {dialect} that asks for {}", code(name))
        }
        End::Open(Role::Server, dialect) => format!("{dialect}, server"),
        End::Open(Role::Client, dialect) => format!("{dialect}, client"),
    }
}

/// How a compiler prints white space between tokens is its own affair.
fn config(says: &str) -> Option<String> {
    let says: String = says.split_whitespace().collect();
    (!says.is_empty()).then(|| code(&says))
}

fn event(events: &Observed) -> String {
    match events {
        Observed::Closed(Closed::Protocol(error)) => format!("`{error:?}`: {error}"),
        Observed::Closed(why) => format!("`{why:?}`: {why}"),
        Observed::Unfinished(text) => format!("`{text:?}`, unfinished"),
        Observed::Text(text) => format!("`Text({text:?})`"),
        Observed::Skipped(kind, length) => format!("`Discarded`, type {kind:02x}, {length} bytes"),
        other => code(&format!("{other:?}")),
    }
}

fn written(reply: &Reply, end: End) -> String {
    match reply {
        Reply::Nothing => String::new(),
        Reply::Refusal(status, VERSIONS) => status.to_string(),
        Reply::Refusal(status, "") => format!("{status}, without a list of versions"),
        Reply::Refusal(status, versions) => format!("{status}, with {} for a list", code(versions)),
        Reply::Bytes(bytes) if matches!(end, End::Server) => accepted(&bytes.bytes()),
        Reply::Bytes(bytes) => parts(bytes, false),
        Reply::Close(code) if end.role() == Role::Client => {
            let [.., high, low] = reply.bytes()[..] else {
                unreachable!()
            };
            format!("`88 82 ..` with {code}, which is `{high:02x} {low:02x}`, masked")
        }
        Reply::Close(code) => format!("{}, which is {code}", hex(&reply.bytes())),
    }
}

/// A 101, and what stands behind it.
fn accepted(sent: &[u8]) -> String {
    let accepted = ACCEPTED.into_iter().find_map(|(name, reply)| {
        let behind = sent.strip_prefix(reply.as_bytes())?;
        Some((name, behind))
    });
    match accepted {
        Some((name, [])) => format!("the 101 of {name}"),
        Some((name, behind)) => format!("the 101 of {name}, {}", code(&escaped(behind))),
        None => code(&escaped(sent)),
    }
}

/// A base is edited with marks; the page tells the place in the error.
fn unmarked(to: &Parts) -> Parts {
    let parts = to.0.iter().map(|(part, n)| {
        let part = part.iter().copied().filter(|byte| *byte != b'^');
        (part.collect(), *n)
    });
    Parts(
        parts
            .filter(|(part, _): &(Vec<u8>, _)| !part.is_empty())
            .collect(),
    )
}

fn parts(parts: &Parts, texts: bool) -> String {
    let part = |(part, n): &(Vec<u8>, usize)| {
        let part = if texts {
            code(&escaped(part))
        } else {
            hex(part)
        };
        if *n == 1 {
            part
        } else {
            format!("{part} {n} times")
        }
    };
    parts.0.iter().map(part).collect::<Vec<_>>().join(" ")
}

fn hex(bytes: &[u8]) -> String {
    let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    code(&bytes.join(" "))
}

/// As code in a cell; an edge of white space needs a mark, or Markdown takes it off.
fn code(text: &str) -> String {
    let text = text.replace('|', "\\|");
    assert!(!text.contains('`'), "{text}");
    if text.starts_with(' ') || text.ends_with(' ') {
        return format!("`\"{text}\"`");
    }
    format!("`{text}`")
}
