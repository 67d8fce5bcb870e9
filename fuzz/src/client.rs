//! A client.

use std::sync::OnceLock;

use hybi::{ClientRequest, Config, Connection, Dialect};

use super::dialect::{
    ALL, HYBI_ORIGIN, KEY, KEY1, KEY2, PROTOCOL, PROTOCOL_75, VERSION, VERSIONS, is_hybi,
};
use super::http::{split, trim};
use super::key_response::{accept_value, answer, is_key};
use super::options::Options;
use super::redaction::check_same;
use super::session::{App, ENTROPY, Run};

/// Options: switches, the two of `limits`, the reply (0: all of it is input; 1: the right one
/// comes first; 2: with a byte changed; 3: the right answer behind the first head, or as its first
/// field; with 4, 8 or 12: HyBi-7, HyBi-8 or RFC 6455; 16: nothing is written before the end),
/// where and to what a byte is changed, and those of `cuts`.
pub fn client(input: &[u8]) {
    let mut options = Options(input);
    let [old, protocol, secure, utf8, frames, echoes, closes, quiet] = options.switches();
    let limits = options.limits();
    let config = limits.config.strict_utf8(utf8).strict_frames(frames);
    let config = config.auto_pong(!quiet);
    let (reply, at, to) = (options.number(), options.number(), options.number());
    let cuts = options.cuts();
    let wire = options.wire();
    let app = App {
        answer: 0,
        echoes,
        closes,
        lazy: reply & 16 != 0,
        quiet,
        high_water: limits.high_water,
        timeouts: limits.timeouts,
    };
    let dialect = match reply >> 2 & 3 {
        0 if old => Dialect::Hixie75,
        0 => Dialect::Hixie76,
        1 => Dialect::HyBi7,
        2 => Dialect::HyBi8,
        _ => Dialect::Rfc6455,
    };
    let Opening {
        target,
        request,
        right,
    } = opening(dialect, protocol, secure);
    let conn = || Connection::client(&config, target, ENTROPY);
    let mut bytes = match reply % 4 {
        0 => wire.to_vec(),
        3 => {
            let ends = right.answer_behind;
            let head = wire.windows(ends.len()).position(|end| end == ends);
            let (head, rest) = wire.split_at(head.map_or(wire.len(), |at| at + ends.len()));
            [head, &right.answer, rest].concat()
        }
        _ => [&right.whole, wire].concat(),
    };
    if reply % 4 == 2 {
        let at = at % bytes.len();
        bytes[at] = to as u8;
    }
    let whole = Run::of(conn(), app, cuts.none(), &bytes);
    let cut = Run::of(conn(), app, cuts, &bytes);
    assert_eq!(
        cut.transcript, whole.transcript,
        "{config:?} {app:?} {cuts:?}"
    );
    cut.let_go(bytes.len());

    // H76-33: nothing but the request before it is open, nothing but frames after that.
    let sent = whole.transcript.sent.strip_prefix(&request[..]);
    let sent = sent.expect("the request comes first");
    assert_eq!(sent, whole.frames);
    if whole.is_open() {
        right.check(&bytes, &whole.reply);
    } else {
        let config = config.strict_utf8(false).strict_frames(false);
        let limited = config.auto_pong(true) != Config::new();
        assert!(reply % 4 != 1 || limited, "{:?}", whole.transcript);
    }
}

/// A request and the reply that it has to get.
struct Opening {
    target: ClientRequest,
    request: Vec<u8>,
    right: Expected,
}

/// Made once each: the entropy is always the same, and so is all that comes of it.
fn opening(dialect: Dialect, protocol: bool, secure: bool) -> &'static Opening {
    static MADE: [OnceLock<Opening>; 4 * ALL.len()] = [const { OnceLock::new() }; 4 * ALL.len()];
    let at = ALL.iter().position(|one| *one == dialect);
    let at = at.expect("all are there") * 4 + usize::from(protocol) * 2 + usize::from(secure);
    MADE[at].get_or_init(|| {
        let target = target(dialect, protocol, secure);
        let conn = Connection::client(&Config::new(), &target, ENTROPY);
        let request = conn.transmit().to_vec();
        check_hidden(conn, &target);
        let right = Expected::of(&request, &target, dialect);
        Opening {
            target,
            request,
            right,
        }
    })
}

/// Neither the entropy is shown nor what was made of it.
fn check_hidden(mut conn: Connection, target: &ClientRequest) {
    let mut other = Connection::client(&Config::new(), target, [8; 32]);
    for conn in [&mut conn, &mut other] {
        // Its length is shown, and the keys of Hixie-76 have any.
        conn.advance(conn.transmit().len());
    }
    check_same(&conn, &other);
}

pub fn target(dialect: Dialect, protocol: bool, secure: bool) -> ClientRequest {
    let url = if secure {
        "wss://example.com:8443/demo?a=1"
    } else {
        "ws://Example.com/"
    };
    let mut target = ClientRequest::new(url)
        .expect("a good URL")
        .with_dialect(dialect);
    if secure && is_hybi(dialect) {
        target = target
            .with_origin("https://Example.org")
            .expect("a good one");
    }
    if protocol {
        for name in ["sample", "second"] {
            target = target.with_protocol(name).expect("a good protocol");
        }
    }
    target
}

/// The reply that a client has to get, made from nothing but its request.
struct Expected {
    head: Vec<u8>,
    /// H75-2: so many bytes of it have to be these.
    fixed: usize,
    answer: Vec<u8>,
    /// What `answer` stands behind when the input has the head.
    answer_behind: &'static [u8],
    /// The head, with what stands behind it.
    whole: Vec<u8>,
    /// Each with the values that it may have.
    fields: Vec<(String, Vec<String>)>,
    /// From HyBi-7 on: white space and case matter less.
    hybi: bool,
    /// What may be there.
    protocols: Vec<String>,
}

impl Expected {
    fn of(request: &[u8], target: &ClientRequest, dialect: Dialect) -> Self {
        if is_hybi(dialect) {
            Self::hybi(request, dialect)
        } else {
            Self::hixie(request, target)
        }
    }

    /// HY-1 to HY-4
    fn hybi(request: &[u8], dialect: Dialect) -> Self {
        let (fields, behind) = split(request);
        assert_eq!(behind, b"");
        let get = |wanted: &str| {
            let found = fields.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        };
        let origin = match dialect {
            Dialect::Rfc6455 => "Origin",
            _ => HYBI_ORIGIN,
        };
        let asked = get(PROTOCOL);
        let mut known = vec!["Upgrade", "Connection", "Host"];
        known.extend(get(origin).map(|_| origin));
        known.extend(asked.as_ref().map(|_| PROTOCOL));
        known.extend([VERSION, KEY]);
        let names: Vec<_> = fields.iter().map(|(name, _)| &name[..]).collect();
        assert_eq!(names, known);
        let version = VERSIONS.iter().find(|(one, _)| *one == dialect);
        assert_eq!(
            get(VERSION).as_deref(),
            version.map(|(_, version)| *version)
        );
        let key = get(KEY).expect("checked");
        assert!(is_key(key.as_bytes()));

        let protocols = asked.as_deref().unwrap_or_default().split(", ");
        let protocols: Vec<_> = protocols.map(str::to_owned).collect();
        let accept = accept_value(key.as_bytes());
        let answer = format!("Sec-WebSocket-Accept: {accept}\r\n");
        let mut head = format!(
            "HTTP/1.1 101 Switching Protocols\r\n\
             Upgrade: websocket\r\n\
             Connection: Upgrade\r\n\
             {answer}"
        );
        if asked.is_some() {
            let last = protocols.last().expect("at least one");
            head += &format!("{PROTOCOL}: {last}\r\n");
        }
        head += "\r\n";
        Self {
            head: head.clone().into(),
            fixed: "HTTP/1.1 101".len(),
            answer: answer.into(),
            answer_behind: b"\r\n",
            whole: head.into(),
            fields: vec![("Sec-WebSocket-Accept".to_owned(), vec![accept])],
            hybi: true,
            protocols: if asked.is_some() {
                protocols
            } else {
                Vec::new()
            },
        }
    }

    fn hixie(request: &[u8], target: &ClientRequest) -> Self {
        let (fields, _) = split(request);
        let line = request.split(|byte| *byte == b' ').nth(1);
        let resource = String::from_utf8_lossy(line.expect("a request line"));
        let get = |wanted: &str| {
            let found = fields.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        };
        let [host, origin] = ["Host", "Origin"].map(|name| get(name).expect("always sent"));
        let old = get(KEY1).is_none();
        let (title, prefix) = if old {
            ("Web Socket", "")
        } else {
            ("WebSocket", "Sec-")
        };
        let asked = get(&format!("{prefix}WebSocket-Protocol"));

        let mut known = vec!["Upgrade", "Connection", "Host", "Origin"];
        if asked.is_some() {
            known.push(if old { PROTOCOL_75 } else { PROTOCOL });
        }
        if !old {
            known.extend([KEY1, KEY2]);
        }
        let names: Vec<_> = fields.iter().map(|(name, _)| &name[..]).collect();
        assert_eq!(names, known);

        let scheme = if target.is_tls() { "wss" } else { "ws" };
        let location = format!("{scheme}://{host}{resource}");
        let (host, port) = (target.host(), target.port());
        let with_port = format!("{scheme}://{host}:{port}{resource}");
        let mut head = format!(
            "HTTP/1.1 101 {title} Protocol Handshake\r\n\
             Upgrade: WebSocket\r\n\
             Connection: Upgrade\r\n"
        );
        let fixed = if old { head.len() } else { 0 };
        head += &format!(
            "{prefix}WebSocket-Origin: {origin}\r\n\
             {prefix}WebSocket-Location: {location}\r\n"
        );
        let mut expected = vec![
            (format!("{prefix}WebSocket-Origin"), vec![origin]),
            (
                format!("{prefix}WebSocket-Location"),
                vec![location, with_port],
            ),
        ];
        if let Some(protocol) = asked {
            head += &format!("{prefix}WebSocket-Protocol: {protocol}\r\n");
            expected.push((format!("{prefix}WebSocket-Protocol"), vec![protocol]));
        }
        if !old {
            expected.push(("Upgrade".to_owned(), vec!["WebSocket".to_owned()]));
        }
        head += "\r\n";
        let answer = if old {
            Vec::new()
        } else {
            answer(request).to_vec()
        };
        Self {
            whole: [head.as_bytes(), &answer].concat(),
            head: head.into(),
            fixed,
            answer,
            answer_behind: b"\r\n\r\n",
            fields: expected,
            hybi: false,
            protocols: Vec::new(),
        }
    }

    /// Of a reply that a client took for right.
    fn check(&self, reply: &[u8], told: &[(String, Vec<u8>)]) {
        assert!(reply.starts_with(&self.head[..self.fixed]));
        let (fields, behind) = split(reply);
        let all = fields.iter().map(|(name, value)| (name, trim(value)));
        assert!(all.eq(told.iter().map(|(name, value)| (name, &value[..]))));
        for (name, values) in &self.fields {
            let mut found = fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
            let (_, value) = found.next().expect("it has to be there");
            let value = if self.hybi { trim(value) } else { value };
            assert!(values.iter().any(|one| one.as_bytes() == value));
            assert!(found.next().is_none(), "{name} twice");
        }
        if !self.hybi {
            assert!(behind.starts_with(&self.answer));
            return;
        }
        let values = |wanted: &str| -> Vec<String> {
            let found = fields
                .iter()
                .filter(|(n, _)| n.eq_ignore_ascii_case(wanted));
            let text = |value| String::from_utf8_lossy(trim(value)).to_ascii_lowercase();
            found.map(|(_, value)| text(value)).collect()
        };
        assert_eq!(values("Upgrade"), ["websocket"]);
        let connection = values("Connection").join(",");
        assert!(connection.split(',').any(|one| one.trim() == "upgrade"));
        assert!(values("Sec-WebSocket-Extensions").is_empty());
        let chosen = values(PROTOCOL);
        assert!(chosen.len() <= 1);
        assert!(chosen.iter().all(|one| self.protocols.contains(one)));
    }
}
