//! Detection of the dialect of a request.

use arbitrary::Arbitrary;
use hybi::{AcceptOptions, Closed, Config, Connection, Dialect, Dialects, Event};
use testkit::input;

use crate::dialect::{
    ALL, DRAFT, HYBI_ORIGIN, KEY, KEY1, KEY2, VERSION, VERSIONS, dialect_set, is_hybi,
};
use crate::http::split_head;
use crate::options::Digit;

const VERSION_VALUES: [&[&str]; 9] = [
    &[],
    &["13"],
    &["8"],
    &["7"],
    &["12"],
    &["013"],
    &["13", "13"],
    &["8", "13"],
    &["13, 8"],
];
const DRAFT_VALUES: [&[&str]; 4] = [&[], &["0"], &["1"], &["0", "0"]];

/// How a request is answered.
#[derive(Debug, PartialEq)]
enum Outcome {
    Accepted(Dialect),
    /// Reported to the application as plain HTTP.
    Plain,
    /// Rejected with this status.
    Rejected(u16),
}

/// How often each field that decides occurs, or with which values.
struct RequestFields {
    host: usize,
    upgrade: usize,
    connection: usize,
    origin: usize,
    hybi_origin: usize,
    key: usize,
    key1: usize,
    key2: usize,
    version: &'static [&'static str],
    draft: &'static [&'static str],
}

/// The header fields of a request, and what the server is configured with.
#[derive(Arbitrary, Debug)]
pub struct DialectsInput {
    /// How often `Host`, `Upgrade`, `Connection`, `Origin`, `Sec-WebSocket-Origin`, `Key`, `Key1`
    /// and `Key2` occur: 0 to 2 times each.
    pub counts: [Digit; 8],
    /// An index into `VERSION_VALUES`.
    pub version: Digit,
    /// An index into `DRAFT_VALUES`.
    pub draft: Digit,
    /// The enabled dialects, the oldest first.
    pub enabled: Digit,
    pub plain_http: Digit,
    /// The index of the field that comes first.
    pub first: Digit,
}

/// Checks which dialect a server detects.
pub fn dialects(choices: DialectsInput) {
    let counts = choices.counts.map(|count| count.value() % 3);
    let [
        host,
        upgrade,
        connection,
        origin,
        hybi_origin,
        key,
        key1,
        key2,
    ] = counts;
    let fields = RequestFields {
        host,
        upgrade,
        connection,
        origin,
        hybi_origin,
        key,
        key1,
        key2,
        version: VERSION_VALUES[choices.version.value() % VERSION_VALUES.len()],
        draft: DRAFT_VALUES[choices.draft.value() % DRAFT_VALUES.len()],
    };
    let enabled = dialect_set(choices.enabled.switches());
    check_set(enabled);
    let shown = format!("{enabled:?}");
    for dialect in ALL {
        let is_shown = shown.contains(&format!("{dialect:?}"));
        assert_eq!(is_shown, enabled.contains(dialect), "{shown}");
    }
    let [plain_http] = choices.plain_http.switches();
    let config = Config::new().dialects(enabled).plain_http(plain_http);

    let mut lines = fields.lines();
    if !lines.is_empty() {
        let first = choices.first.value() % lines.len();
        lines.rotate_left(first);
    }
    let mut head = "GET / HTTP/1.1\r\n".to_owned();
    for (name, value) in lines {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.push_str("\r\n");

    let mut conn = Connection::server(config.clone());
    let mut bytes = head.into_bytes();
    let outcome = match conn.receive(&mut input(&mut bytes)) {
        Some(Event::Request(request)) => match request.dialect() {
            None => Outcome::Plain,
            Some(dialect) => {
                assert!(enabled.contains(dialect), "{dialect} is not enabled");
                conn.accept(&AcceptOptions::new()).expect("no options");
                assert_eq!(conn.dialect(), Some(dialect));
                Outcome::Accepted(dialect)
            }
        },
        Some(Event::Closed(Closed::Protocol(error))) => {
            assert_eq!(conn.dialect(), None);
            let status = error.status().expect("errors in requests have one");
            if status == 426 {
                assert_eq!(advertised_versions(conn.transmit()), versions(enabled));
            }
            Outcome::Rejected(status)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(outcome, fields.expected_outcome(enabled, plain_http));
}

/// The set is iterated from both ends, and each name is parsed as the dialect that it names.
fn check_set(set: Dialects) {
    let oldest_first: Vec<_> = set.iter().rev().collect();
    assert!(set.iter().eq(oldest_first.iter().rev().copied()));
    assert_eq!(oldest_first.iter().copied().collect::<Dialects>(), set);
    for dialect in oldest_first {
        let name = dialect.to_string();
        assert_eq!(name.parse(), Ok(dialect));
        let error = (name.clone() + "0")
            .parse::<Dialect>()
            .expect_err("no dialect");
        assert!(error.to_string().contains(&name));
        let is_hybi = is_hybi(dialect);
        assert_eq!(
            (dialect.has_ping(), dialect.has_binary()),
            (is_hybi, is_hybi)
        );
        assert_eq!(dialect.has_close(), dialect != Dialect::Hixie75);
    }
}

impl RequestFields {
    fn lines(&self) -> Vec<(&'static str, &'static str)> {
        let mut lines = Vec::new();
        for (name, value, count) in [
            ("Host", "example.com", self.host),
            ("Upgrade", "WebSocket", self.upgrade),
            ("Connection", "Upgrade", self.connection),
            ("Origin", "http://example.com", self.origin),
            (HYBI_ORIGIN, "http://example.com", self.hybi_origin),
            (KEY, "dGhlIHNhbXBsZSBub25jZQ==", self.key),
            (KEY1, "1 0", self.key1),
            (KEY2, "1 0", self.key2),
        ] {
            lines.extend(std::iter::repeat_n((name, value), count));
        }
        for (name, values) in [(VERSION, self.version), (DRAFT, self.draft)] {
            lines.extend(values.iter().map(|value| (name, *value)));
        }
        lines
    }

    /// Section 2 of docs/wire.md, and the fields that every request needs.
    fn expected_outcome(&self, enabled: Dialects, plain_http: bool) -> Outcome {
        let dialect = match self.dialect() {
            Ok(dialect) => dialect,
            Err(status) => return Outcome::Rejected(status),
        };
        match dialect {
            None if plain_http && !self.has_handshake_fields() => Outcome::Plain,
            Some(dialect) if enabled.contains(dialect) => Outcome::Accepted(dialect),
            _ => Outcome::Rejected(426),
        }
    }

    /// Returns the dialect, `None` for plain HTTP, or the status of the rejection.
    fn dialect(&self) -> Result<Option<Dialect>, u16> {
        match (self.host, self.upgrade, self.connection) {
            (1, 0, _) if self.origin <= 1 => return Ok(None),
            (1, 1, 1..) => {}
            _ => return Err(400),
        }
        let dialect = match (self.version, self.draft, self.key, self.key1, self.key2) {
            ([version], ..) => {
                let known = VERSIONS.iter().find(|(_, known)| known == version);
                known.ok_or(426_u16)?.0
            }
            ([_, _, ..], ..) | (_, _, 1.., _, _) | (_, [_, _, ..], ..) => return Err(400),
            (_, ["1"], ..) => return Err(426),
            (_, _, _, 1, 1) => Dialect::Hixie76,
            (_, [], _, 0, 0) => Dialect::Hixie75,
            _ => return Err(400),
        };
        let is_complete = if is_hybi(dialect) {
            self.key == 1 && self.origin <= 1 && self.hybi_origin <= 1
        } else {
            self.origin == 1 || self.origin == 0 && dialect == Dialect::Hixie76 // H76-11
        };
        if is_complete {
            Ok(Some(dialect))
        } else {
            Err(400)
        }
    }

    /// Whether fields of a handshake are present, although `Upgrade` is not.
    fn has_handshake_fields(&self) -> bool {
        let keys = self.key + self.key1 + self.key2;
        keys + self.version.len() + self.draft.len() > 0
    }
}

/// HY-9
fn versions(enabled: Dialects) -> String {
    let versions = VERSIONS.iter().filter(|(one, _)| enabled.contains(*one));
    let versions: Vec<_> = versions.map(|(_, version)| *version).collect();
    versions.join(", ")
}

fn advertised_versions(response: &[u8]) -> String {
    let (fields, _) = split_head(response);
    let field = fields.iter().find(|(name, _)| name == VERSION);
    field.map_or(String::new(), |(_, v)| String::from_utf8_lossy(v).into())
}
