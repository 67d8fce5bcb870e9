//! Generates docs/bad-inputs.md from the rows.

use std::fmt::Write;

use hybi::Closed;

use super::row::{Base, CallCase, Case, InputCase, Output, Pattern, Row, Setup};
use testkit::*;

/// The error responses that the page shows in full.
const STATUSES: [u16; 5] = [400, 405, 426, 431, 505];

/// The responses to valid requests.
const ACCEPTED: [(&str, &str); 2] = [("R76", DRAFT_76_RESPONSE), ("R13", RFC6455_RESPONSE)];

const TOP: &str = "\
# Bad inputs

The events and the output of a connection for invalid and unusual input. `cargo test --test bad_inputs` checks each row
with the input whole, split at every byte (long inputs: near their ends), and byte by byte, and checks that this page is up
to date. In the repository, the rows are in `tests/bad_inputs/rows.rs`, and `HYBI_WRITE_DOCS=1 cargo test --test bad_inputs`
regenerates the page.

Offsets count from the first byte of the head or of the frame. An input is a valid head with edits, or bytes in hex.
`.setter(..)` is a `Config` that differs from the default. No event follows `Closed`, and a rejected call changes nothing.
";

const RESPONSE: &str = "
Response is the response of a server to a client's request for `ws://example.com/demo` with `AcceptOptions::new()`, without
the 16 bytes of the Hixie-76 challenge response.
";

pub(crate) fn page(rows: &[Row]) -> String {
    let mut page = String::from(TOP);
    page += "\n## Heads\n";
    for base in Base::REQUESTS {
        code_block(&mut page, base.name(), base.request());
    }
    page += RESPONSE;
    page += "\n## Responses\n";
    for (name, response) in ACCEPTED {
        code_block(&mut page, &format!("101 for {name}"), response);
    }
    for status in STATUSES {
        code_block(
            &mut page,
            &status.to_string(),
            &error_response(status, VERSIONS),
        );
    }
    page += "\n## Rows\n\n| # | input | events | output |\n| --- | --- | --- | --- |\n";
    for row in rows {
        writeln!(page, "| {} | **{}** | | |", row.number, row.description).unwrap();
        for (i, case) in row.cases.iter().enumerate() {
            let number = format!("{}.{}", row.number, i + 1);
            let [input, events, output] = match case {
                Case::Input(case) => input_cells(case),
                Case::Call(case) => call_cells(case),
            };
            writeln!(page, "| {number} | {input} | {events} | {output} |").unwrap();
        }
    }
    page
}

/// Appends lines that end with CR LF, as a code block.
fn code_block(page: &mut String, name: &str, lines: &str) {
    let lines = lines.replace("\r\n", "\n");
    write!(page, "\n{name}:\n\n```text\n{lines}```\n").unwrap();
}

fn input_cells(case: &InputCase) -> [String; 3] {
    let mut input = Vec::new();
    if case.base.is_none() || case.base == Some(Base::Response) {
        input.push(setup(case.setup));
    }
    input.extend(config(case.config.1));
    let as_text = matches!(case.setup, Setup::Server | Setup::Client(..));
    if let Some(base) = case.base {
        input.push(base.name().to_owned());
    }
    for (from, to) in &case.edits {
        let to = without_marks(to);
        input.push(if to.bytes().is_empty() {
            format!("without {}", code(&escaped(from)))
        } else {
            format!(
                "{} replaced by {}",
                code(&escaped(from)),
                pattern(&to, true)
            )
        });
    }
    if !case.then.bytes().is_empty() {
        let prefix = if case.base.is_some() { "then " } else { "" };
        input.push(format!("{prefix}{}", pattern(&case.then, as_text)));
    }
    if case.eof {
        input.push("EOF".to_owned());
    }
    if case.unanswered {
        input.push("unanswered".to_owned());
    }
    let mut input = input.join(", ");
    if !case.description.is_empty() {
        input = format!("{}: {input}", case.description);
    }
    let events: Vec<String> = case.events.iter().map(|e| event(e, case)).collect();
    let events = if events.is_empty() {
        "none".to_owned()
    } else {
        events.join("; ")
    };
    [input, events, output(&case.output, case.setup)]
}

fn call_cells(case: &CallCase) -> [String; 3] {
    let mut input = vec![setup(case.setup)];
    input.extend(config(case.config.1));
    if !case.input.bytes().is_empty() {
        let as_text = matches!(case.setup, Setup::Server);
        input.push(format!("after {}", pattern(&case.input, as_text)));
    }
    let is_call = case.text.contains('(');
    input.push(if is_call {
        code(case.text)
    } else {
        case.text.to_owned()
    });
    let events = match &case.result {
        Ok(()) => "`Ok`".to_owned(),
        Err(error) => error.clone(),
    };
    let sent = case.sent.bytes();
    let output = if sent.is_empty() {
        String::new()
    } else {
        pattern(&case.sent, false)
    };
    [input.join(", "), events, output]
}

fn setup(setup: Setup) -> String {
    match setup {
        Setup::Server => "a server".to_owned(),
        Setup::Client(dialect, None) => format!("a client of {dialect}"),
        Setup::Client(dialect, Some(name)) => {
            format!("a client of {dialect} that requests {}", code(name))
        }
        Setup::Open(Role::Server, dialect) => format!("{dialect}, server"),
        Setup::Open(Role::Client, dialect) => format!("{dialect}, client"),
    }
}

/// Removes white space, since `stringify!` does not specify it.
fn config(setters: &str) -> Option<String> {
    let setters: String = setters.split_whitespace().collect();
    (!setters.is_empty()).then(|| code(&setters))
}

fn event(event: &Observed, case: &InputCase) -> String {
    match event {
        Observed::ProtocolError(error) => format!("`{error:?}`: {}", error_message(case)),
        Observed::Closed(closed) => format!("`{closed:?}`: {closed}"),
        Observed::IncompleteText(text) => format!("`{text:?}`, incomplete"),
        Observed::Text(text) => format!("`Text({text:?})`"),
        Observed::Skipped(frame_type, len) => {
            format!("`Skipped`, type {frame_type:02x}, {len} bytes")
        }
        other => code(&format!("{other:?}")),
    }
}

/// Returns the message of the error that a case gives.
fn error_message(case: &InputCase) -> String {
    let mut driver = Driver::new(case.connection());
    driver.feed(&case.bytes());
    match driver.conn.closed() {
        Some(Closed::Protocol(error)) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

fn output(output: &Output, setup: Setup) -> String {
    match output {
        Output::Nothing => String::new(),
        Output::ErrorResponse(status, VERSIONS) => status.to_string(),
        Output::ErrorResponse(status, "") => format!("{status}, without `Sec-WebSocket-Version`"),
        Output::ErrorResponse(status, versions) => {
            format!("{status}, `Sec-WebSocket-Version: {versions}`")
        }
        Output::Bytes(bytes) if matches!(setup, Setup::Server) => accepted(&bytes.bytes()),
        Output::Bytes(bytes) => pattern(bytes, false),
        Output::Close(code) if setup.role() == Role::Client => {
            let [.., high, low] = output.bytes()[..] else {
                unreachable!()
            };
            format!("`88 82 ..`, close code {code} (`{high:02x} {low:02x}`), masked")
        }
        Output::Close(code) => format!("{}, close code {code}", hex(&output.bytes())),
    }
}

/// Describes a 101 response and the bytes after it.
fn accepted(sent: &[u8]) -> String {
    let accepted = ACCEPTED.into_iter().find_map(|(name, response)| {
        let suffix = sent.strip_prefix(response.as_bytes())?;
        Some((name, suffix))
    });
    match accepted {
        Some((name, [])) => format!("101 for {name}"),
        Some((name, suffix)) => format!("101 for {name}, {}", code(&escaped(suffix))),
        None => code(&escaped(sent)),
    }
}

/// Removes the `^` marks; the page shows the offset in the error.
fn without_marks(to: &Pattern) -> Pattern {
    let strings = to.0.iter().map(|(bytes, n)| {
        let bytes = bytes.iter().copied().filter(|byte| *byte != b'^');
        (bytes.collect(), *n)
    });
    Pattern(
        strings
            .filter(|(bytes, _): &(Vec<u8>, _)| !bytes.is_empty())
            .collect(),
    )
}

fn pattern(pattern: &Pattern, as_text: bool) -> String {
    let string = |(bytes, n): &(Vec<u8>, usize)| {
        let string = if as_text {
            code(&escaped(bytes))
        } else {
            hex(bytes)
        };
        if *n == 1 {
            string
        } else {
            format!("{string} {n} times")
        }
    };
    pattern.0.iter().map(string).collect::<Vec<_>>().join(" ")
}

fn hex(bytes: &[u8]) -> String {
    let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    code(&bytes.join(" "))
}

/// Formats `text` as code. Quotes keep leading and trailing white space, which Markdown removes.
fn code(text: &str) -> String {
    let text = text.replace('|', "\\|");
    assert!(!text.contains('`'), "{text}");
    if text.starts_with(' ') || text.ends_with(' ') {
        return format!("`\"{text}\"`");
    }
    format!("`{text}`")
}
