//! Which dialect a request is in.

use hybi::{AcceptOptions, Closed, Config, Connection, Dialect, Dialects, Event};

use super::dialect::{
    ALL, DRAFT, HYBI_ORIGIN, KEY, KEY1, KEY2, VERSION, VERSIONS, is_hybi, those_of,
};
use super::http::split;
use super::options::Options;

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

/// What becomes of a request.
#[derive(Debug, PartialEq)]
enum Outcome {
    Accepted(Dialect),
    /// Handed to the application.
    Plain,
    Refused(u16),
}

/// How often the fields are there that decide, or with which values.
struct Seen {
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

/// Options: `Host`, `Upgrade`, `Connection`, `Origin`, `Sec-WebSocket-Origin`, `Key`, `Key1` and
/// `Key2`, each 0 to 2 times; which of `VERSION_VALUES` and of `DRAFT_VALUES`; the dialects that
/// are on, the oldest first; whether plain HTTP is; and which field comes first.
pub fn dialects(input: &[u8]) {
    let mut options = Options(input);
    let mut count = || options.number() % 3;
    let seen = Seen {
        host: count(),
        upgrade: count(),
        connection: count(),
        origin: count(),
        hybi_origin: count(),
        key: count(),
        key1: count(),
        key2: count(),
        version: VERSION_VALUES[options.number() % VERSION_VALUES.len()],
        draft: DRAFT_VALUES[options.number() % DRAFT_VALUES.len()],
    };
    let on = those_of(options.switches());
    let shown = format!("{on:?}");
    for dialect in ALL {
        let is_shown = shown.contains(&format!("{dialect:?}"));
        assert_eq!(is_shown, on.contains(dialect), "{shown}");
    }
    let [plain] = options.switches();
    let config = Config::new().dialects(on).plain_http(plain);

    let mut fields = seen.fields();
    if !fields.is_empty() {
        let first = options.number() % fields.len();
        fields.rotate_left(first);
    }
    let mut head = "GET / HTTP/1.1\r\n".to_owned();
    for (name, value) in fields {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.push_str("\r\n");

    let mut conn = Connection::server(&config);
    let mut bytes = head.into_bytes();
    let mut input = &mut bytes[..];
    let outcome = match conn.receive(&mut input) {
        Some(Event::Request(request)) => match request.dialect() {
            None => Outcome::Plain,
            Some(dialect) => {
                assert!(on.contains(dialect), "{dialect} is off");
                conn.accept(&AcceptOptions::new())
                    .expect("nothing is added");
                assert_eq!(conn.dialect(), Some(dialect));
                Outcome::Accepted(dialect)
            }
        },
        Some(Event::Closed(Closed::Protocol(error))) => {
            assert_eq!(conn.dialect(), None);
            let status = error.status().expect("each has one before the reply");
            if status == 426 {
                assert_eq!(versions_told(conn.transmit()), versions(on));
            }
            Outcome::Refused(status)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(outcome, seen.outcome(on, plain));
}

impl Seen {
    fn fields(&self) -> Vec<(&'static str, &'static str)> {
        let mut fields = Vec::new();
        for (name, value, times) in [
            ("Host", "example.com", self.host),
            ("Upgrade", "WebSocket", self.upgrade),
            ("Connection", "Upgrade", self.connection),
            ("Origin", "http://example.com", self.origin),
            (HYBI_ORIGIN, "http://example.com", self.hybi_origin),
            (KEY, "dGhlIHNhbXBsZSBub25jZQ==", self.key),
            (KEY1, "1 0", self.key1),
            (KEY2, "1 0", self.key2),
        ] {
            fields.extend(std::iter::repeat_n((name, value), times));
        }
        for (name, values) in [(VERSION, self.version), (DRAFT, self.draft)] {
            fields.extend(values.iter().map(|value| (name, *value)));
        }
        fields
    }

    /// Section 2 of the rules, with what has to be there in any case.
    fn outcome(&self, on: Dialects, plain: bool) -> Outcome {
        let dialect = match self.dialect() {
            Ok(dialect) => dialect,
            Err(status) => return Outcome::Refused(status),
        };
        match dialect {
            None if plain && !self.lost_upgrade() => Outcome::Plain,
            Some(dialect) if on.contains(dialect) => Outcome::Accepted(dialect),
            _ => Outcome::Refused(426),
        }
    }

    /// Or the status that it is refused with.
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
        let whole = if is_hybi(dialect) {
            self.key == 1 && self.origin <= 1 && self.hybi_origin <= 1
        } else {
            self.origin == 1
        };
        if whole { Ok(Some(dialect)) } else { Err(400) }
    }

    fn lost_upgrade(&self) -> bool {
        let keys = self.key + self.key1 + self.key2;
        keys + self.version.len() + self.draft.len() > 0
    }
}

/// HY-9
fn versions(on: Dialects) -> String {
    let on = VERSIONS.iter().filter(|(one, _)| on.contains(*one));
    let on: Vec<_> = on.map(|(_, version)| *version).collect();
    on.join(", ")
}

fn versions_told(reply: &[u8]) -> String {
    let (fields, _) = split(reply);
    let told = fields.iter().find(|(name, _)| name == VERSION);
    told.map_or(String::new(), |(_, v)| String::from_utf8_lossy(v).into())
}
