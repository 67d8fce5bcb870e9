//! A client.

use std::sync::OnceLock;

use arbitrary::Arbitrary;
use hybi::{ClientRequest, Closed, Config, Connection, Dialect, Entropy};
use testkit::{Role, accept_value, is_valid_key};

use crate::dialect::{
    ALL, HYBI_ORIGIN, KEY, KEY1, KEY2, PROTOCOL, PROTOCOL_75, VERSION, VERSIONS, is_hybi,
};
use crate::http::{challenge_response, check_rejection, final_response, split_head, trim};
use crate::options::{Digit, LimitOptions, SplitOptions};
use crate::redaction::check_same_debug;
use crate::session::{Behaviour, ENTROPY, Session};

/// What a client is configured with, and what it receives.
#[derive(Arbitrary, Debug)]
pub struct ClientInput<'a> {
    /// Hixie-75 instead of Hixie-76, subprotocols, TLS, strict UTF-8, strict frames, echoes, a close
    /// frame after the first message, no automatic pongs.
    pub switches: Digit,
    pub limits: LimitOptions,
    /// In the low two bits: 0, the wire is the response; 1, a valid response precedes the wire; 2,
    /// the same, with `byte` at `offset`; 3, the key's response is inserted after the first head of
    /// the wire that has status 101, or as its first header field. Plus 4, 8 or 12 for HyBi-7,
    /// HyBi-8 or RFC 6455, 16 to write no output before the input ends, 32 for the exact checks of
    /// browsers, and 64 for no automatic close.
    pub response: Digit,
    pub offset: Digit,
    pub byte: Digit,
    pub splits: SplitOptions,
    pub separator: u8,
    pub wire: &'a [u8],
}

/// Checks a client's events and output.
pub fn client(input: ClientInput<'_>) {
    let [
        hixie75,
        protocol,
        tls,
        strict_utf8,
        strict_frames,
        echo,
        close,
        no_pongs,
    ] = input.switches.switches();
    let limits = input.limits.limits();
    let response = input.response.value();
    let is_strict = response & 32 != 0;
    let no_auto_close = response & 64 != 0;
    let config = limits
        .config
        .strict_utf8(strict_utf8)
        .strict_frames(strict_frames)
        .strict_reply(is_strict)
        .auto_pong(!no_pongs)
        .auto_close(!no_auto_close);
    let (offset, byte) = (input.offset.value(), input.byte.value());
    let splits = input.splits.splits();
    let wire = input.wire;
    let behaviour = Behaviour {
        role: Role::Client,
        answer: 0,
        echo,
        close,
        close_early: false,
        no_auto_close,
        write_at_end: response & 16 != 0,
        no_pongs,
        high_water: limits.high_water,
        timeouts: limits.timeouts,
    };
    let dialect = match response >> 2 & 3 {
        0 if hixie75 => Dialect::Hixie75,
        0 => Dialect::Hixie76,
        1 => Dialect::HyBi7,
        2 => Dialect::HyBi8,
        _ => Dialect::Rfc6455,
    };
    let Handshake {
        client_request,
        request,
        expected,
    } = handshake(dialect, protocol, tls);
    let conn = || Connection::client(config.clone(), client_request, Entropy::from_bytes(ENTROPY));
    let mut bytes = match response % 4 {
        0 => wire.to_vec(),
        3 => {
            let find = |part: &[u8], from: usize| {
                let bytes = &wire[from..];
                let at = bytes.windows(part.len()).position(|w| w == part)?;
                Some(from + at)
            };
            let delimiter = expected.key_response_after;
            let head = find(delimiter, find(STATUS_LINE, 0).unwrap_or(0));
            let head_len = head.map_or(wire.len(), |at| at + delimiter.len());
            let (head, trailing) = wire.split_at(head_len);
            [head, &expected.key_response, trailing].concat()
        }
        _ => [&expected.bytes, wire].concat(),
    };
    if response % 4 == 2 {
        let at = offset % bytes.len();
        bytes[at] = byte as u8;
    }
    let unsplit = Session::run(conn(), behaviour, splits.unsplit(), &bytes);
    let split = Session::run(conn(), behaviour, splits, &bytes);
    assert_eq!(
        split.transcript, unsplit.transcript,
        "{config:?} {behaviour:?} {splits:?}"
    );
    split.check_freed(bytes.len());

    // H76-33: only the request before the connection is open, and only frames after that.
    let frames = unsplit.transcript.sent.strip_prefix(&request[..]);
    let frames = frames.expect("the request comes first");
    assert_eq!(frames, unsplit.expected_frames);
    if unsplit.was_open() {
        let reply = final_response(&bytes);
        assert_eq!((reply.status, reply.version), (101, 1));
        let reported = unsplit.response_fields.iter();
        let reported = reported.map(|(name, value)| (name.clone(), &value[..]));
        assert!(reported.eq(reply.fields));
        let reply = &bytes[reply.start..];
        expected.check(reply, &unsplit.response_fields, is_strict);
    } else {
        if let Some(Closed::Rejected(rejection)) = unsplit.closed() {
            assert_ne!(rejection.status(), 101);
            let head_end = check_rejection(rejection, &bytes);
            // The body is left.
            assert_eq!(unsplit.transcript.consumed, head_end);
        }
        let config = config
            .strict_utf8(false)
            .strict_frames(false)
            .strict_reply(false);
        let is_limited = config.auto_pong(true).auto_close(true) != Config::new();
        assert!(
            response % 4 != 1 || is_limited,
            "a valid response is rejected: {:?}",
            unsplit.transcript
        );
    }
}

/// The start of each response that is accepted.
const STATUS_LINE: &[u8] = b"HTTP/1.1 101";

/// A request and the response that it has to get.
struct Handshake {
    client_request: ClientRequest,
    request: Vec<u8>,
    expected: ExpectedResponse,
}

/// Built once for each combination, since the entropy is always the same.
fn handshake(dialect: Dialect, protocol: bool, tls: bool) -> &'static Handshake {
    static CACHE: [OnceLock<Handshake>; 4 * ALL.len()] = [const { OnceLock::new() }; 4 * ALL.len()];
    let at = ALL.iter().position(|one| *one == dialect);
    let at = at.expect("ALL has each dialect") * 4 + usize::from(protocol) * 2 + usize::from(tls);
    CACHE[at].get_or_init(|| {
        let client_request = client_request(dialect, protocol, tls);
        let conn = Connection::client(Config::new(), &client_request, Entropy::from_bytes(ENTROPY));
        let request = conn.transmit().to_vec();
        check_redaction(conn, &client_request);
        let expected = ExpectedResponse::new(&request, &client_request, dialect);
        Handshake {
            client_request,
            request,
            expected,
        }
    })
}

/// Asserts that neither the entropy nor the keys made of it are shown.
fn check_redaction(mut conn: Connection, client_request: &ClientRequest) {
    let mut other = Connection::client(Config::new(), client_request, Entropy::from_bytes([8; 32]));
    for conn in [&mut conn, &mut other] {
        // The length of the output is shown, and that of Hixie-76 keys varies.
        conn.advance(conn.transmit().len());
    }
    check_same_debug(&conn, &other);
}

pub(crate) fn client_request(dialect: Dialect, protocol: bool, tls: bool) -> ClientRequest {
    let url = if tls {
        "wss://example.com:8443/demo?a=1"
    } else {
        "ws://Example.com/"
    };
    let mut client_request = ClientRequest::new(url)
        .expect("a valid URL")
        .with_dialect(dialect);
    if tls && is_hybi(dialect) {
        client_request = client_request
            .with_origin("https://Example.org")
            .expect("a valid origin");
    }
    if protocol {
        for name in ["sample", "second"] {
            client_request = client_request
                .with_protocol(name)
                .expect("a valid subprotocol");
        }
    }
    client_request
}

/// The response that a client has to get, computed from its request.
struct ExpectedResponse {
    head: Vec<u8>,
    /// The length of the prefix of `head` that the exact checks of browsers compare. H75-2
    strict_len: usize,
    /// The challenge response, or the `Sec-WebSocket-Accept` line.
    key_response: Vec<u8>,
    /// The delimiter after which `key_response` belongs.
    key_response_after: &'static [u8],
    /// The head and the challenge response.
    bytes: Vec<u8>,
    /// Required fields, each with its valid values.
    fields: Vec<(String, Vec<String>)>,
    /// The field that the exact checks of browsers do not allow. H75-6, H76-36
    strictly_absent: Option<&'static str>,
    /// From HyBi-7 on, white space and case matter less.
    is_hybi: bool,
    /// The subprotocols that may be chosen, from HyBi-7 on.
    protocols: Vec<String>,
}

impl ExpectedResponse {
    fn new(request: &[u8], client_request: &ClientRequest, dialect: Dialect) -> Self {
        if is_hybi(dialect) {
            Self::hybi(request, dialect)
        } else {
            Self::hixie(request, client_request)
        }
    }

    /// HY-1 to HY-4
    fn hybi(request: &[u8], dialect: Dialect) -> Self {
        let (fields, trailing) = split_head(request);
        assert_eq!(trailing, b"");
        let get = |wanted: &str| {
            let found = fields.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        };
        let origin = match dialect {
            Dialect::Rfc6455 => "Origin",
            _ => HYBI_ORIGIN,
        };
        let requested = get(PROTOCOL);
        let mut expected_names = vec!["Upgrade", "Connection", "Host"];
        expected_names.extend(get(origin).map(|_| origin));
        expected_names.extend(requested.as_ref().map(|_| PROTOCOL));
        expected_names.extend([VERSION, KEY]);
        let names: Vec<_> = fields.iter().map(|(name, _)| &name[..]).collect();
        assert_eq!(names, expected_names);
        let version = VERSIONS.iter().find(|(one, _)| *one == dialect);
        assert_eq!(
            get(VERSION).as_deref(),
            version.map(|(_, version)| *version)
        );
        let key = get(KEY).expect("checked above");
        assert!(is_valid_key(key.as_bytes()));

        let protocols = requested.as_deref().unwrap_or_default().split(", ");
        let protocols: Vec<_> = protocols.map(str::to_owned).collect();
        let accept = accept_value(key.as_bytes());
        let key_response = format!("Sec-WebSocket-Accept: {accept}\r\n");
        let mut head = format!(
            "HTTP/1.1 101 Switching Protocols\r\n\
             Upgrade: websocket\r\n\
             Connection: Upgrade\r\n\
             {key_response}"
        );
        if requested.is_some() {
            let last = protocols.last().expect("at least one");
            head += &format!("{PROTOCOL}: {last}\r\n");
        }
        head += "\r\n";
        Self {
            head: head.clone().into(),
            strict_len: "HTTP/1.1 101 ".len(),
            key_response: key_response.into(),
            key_response_after: b"\r\n",
            bytes: head.into(),
            fields: vec![("Sec-WebSocket-Accept".to_owned(), vec![accept])],
            strictly_absent: None,
            is_hybi: true,
            protocols: if requested.is_some() {
                protocols
            } else {
                Vec::new()
            },
        }
    }

    fn hixie(request: &[u8], client_request: &ClientRequest) -> Self {
        let (fields, _) = split_head(request);
        let line = request.split(|byte| *byte == b' ').nth(1);
        let resource = String::from_utf8_lossy(line.expect("a request line"));
        let get = |wanted: &str| {
            let found = fields.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        };
        let [host, origin] = ["Host", "Origin"].map(|name| get(name).expect("always sent"));
        let is_hixie75 = get(KEY1).is_none();
        let (reason, prefix) = if is_hixie75 {
            ("Web Socket", "")
        } else {
            ("WebSocket", "Sec-")
        };
        let protocol_name = if is_hixie75 { PROTOCOL_75 } else { PROTOCOL };
        let requested = get(protocol_name);

        let mut expected_names = vec!["Upgrade", "Connection", "Host", "Origin"];
        if requested.is_some() {
            expected_names.push(protocol_name);
        }
        if !is_hixie75 {
            expected_names.extend([KEY1, KEY2]);
        }
        let names: Vec<_> = fields.iter().map(|(name, _)| &name[..]).collect();
        assert_eq!(names, expected_names);

        let scheme = if client_request.is_tls() { "wss" } else { "ws" };
        let location = format!("{scheme}://{host}{resource}");
        let (host, port) = (client_request.host(), client_request.port());
        let with_port = format!("{scheme}://{host}:{port}{resource}");
        let mut head = format!(
            "HTTP/1.1 101 {reason} Protocol Handshake\r\n\
             Upgrade: WebSocket\r\n\
             Connection: Upgrade\r\n"
        );
        let strict_len = if is_hixie75 {
            head.len()
        } else {
            "HTTP/1.1 101 ".len()
        };
        head += &format!(
            "{prefix}WebSocket-Origin: {origin}\r\n\
             {prefix}WebSocket-Location: {location}\r\n"
        );
        let mut expected_fields = vec![
            (format!("{prefix}WebSocket-Origin"), vec![origin]),
            (
                format!("{prefix}WebSocket-Location"),
                vec![location, with_port],
            ),
        ];
        if let Some(protocol) = &requested {
            head += &format!("{prefix}WebSocket-Protocol: {protocol}\r\n");
            expected_fields.push((
                format!("{prefix}WebSocket-Protocol"),
                vec![protocol.clone()],
            ));
        }
        head += "\r\n";
        let key_response = if is_hixie75 {
            Vec::new()
        } else {
            challenge_response(request).to_vec()
        };
        Self {
            bytes: [head.as_bytes(), &key_response].concat(),
            head: head.into(),
            strict_len,
            key_response,
            key_response_after: b"\r\n\r\n",
            fields: expected_fields,
            strictly_absent: requested.is_none().then_some(protocol_name),
            is_hybi: false,
            protocols: Vec::new(),
        }
    }

    /// Checks a response that the client accepted, and the fields that it reported.
    fn check(&self, response: &[u8], reported: &[(String, Vec<u8>)], strict: bool) {
        assert!(response.starts_with(STATUS_LINE));
        assert!(!strict || response.starts_with(&self.head[..self.strict_len]));
        let (fields, trailing) = split_head(response);
        let trimmed = fields.iter().map(|(name, value)| (name, trim(value)));
        assert!(trimmed.eq(reported.iter().map(|(name, value)| (name, &value[..]))));
        for (name, valid_values) in &self.fields {
            let mut found = fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
            let (_, value) = found.next().expect("a required field");
            let value = if self.is_hybi { trim(value) } else { value };
            assert!(valid_values.iter().any(|valid| valid.as_bytes() == value));
            assert!(found.next().is_none(), "{name} is repeated");
        }
        if !self.is_hybi {
            assert!(trailing.starts_with(&self.key_response));
            // H75-6, H76-36, H76-37
            for (name, expected) in [("Upgrade", "WebSocket"), ("Connection", "Upgrade")] {
                let mut found = fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
                let (_, value) = found.next().expect("a required field");
                assert!(value.eq_ignore_ascii_case(expected.as_bytes()));
                assert!(!strict || name == "Connection" || *value == expected.as_bytes());
                assert!(found.next().is_none(), "{name} is repeated");
            }
            let is_forbidden = |(n, _): &(String, &[u8])| {
                self.strictly_absent
                    .is_some_and(|name| n.eq_ignore_ascii_case(name))
            };
            assert!(!strict || !fields.iter().any(is_forbidden));
            return;
        }
        let values = |name: &str| -> Vec<String> {
            let found = fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
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
