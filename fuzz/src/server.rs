//! A server.

use httparse::{EMPTY_HEADER, Status};
use hybi::{Closed, Connection, Dialect, Dialects, HeaderErrorKind, ProtocolError, Role};

use super::dialect::{KEY, PROTOCOL, PROTOCOL_75, VERSION, VERSIONS, is_hybi, those_of};
use super::http::assert_same_fields;
use super::key_response::{accept_value, answer};
use super::options::Options;
use super::session::{AUTHORITY, App, COOKIE, ENTROPY, HTML, Run};

const POLICY: &str = "<cross-domain-policy/>";

/// Options: dialects (1, 2, 8, 16 and 32: Hixie-75, Hixie-76, HyBi-7, HyBi-8 and RFC 6455; 4:
/// opened elsewhere, in the newest of HyBi-7 and later that is on, or else in Hixie-76 with 1),
/// switches, the two of `limits`, the answer to a request (8: nothing is written before the end),
/// and those of `cuts`.
pub fn server(input: &[u8]) {
    let mut options = Options(input);
    let [old, new, established, seven, eight, rfc] = options.switches();
    let [plain, utf8, frames, policy, secure, echoes, closes, quiet] = options.switches();
    let on = those_of([old, new, seven, eight, rfc]);
    let limits = options.limits();
    let mut config = limits
        .config
        .dialects(on)
        .plain_http(plain)
        .strict_utf8(utf8)
        .strict_frames(frames)
        .tls(secure)
        .auto_pong(!quiet);
    if policy {
        config = config.flash_policy(POLICY);
    }
    let answer = options.number();
    let cuts = options.cuts();
    let bytes = options.wire();
    let app = App {
        answer,
        echoes,
        closes,
        lazy: answer & 8 != 0,
        quiet,
        high_water: limits.high_water,
        timeouts: limits.timeouts,
    };
    let newest = VERSIONS.iter().find(|(dialect, _)| on.contains(*dialect));
    let elsewhere = match newest {
        Some((dialect, _)) => *dialect,
        None if old => Dialect::Hixie76,
        None => Dialect::Hixie75,
    };
    let conn = || {
        if established {
            Connection::established(&config, Role::Server, elsewhere, ENTROPY)
        } else {
            Connection::server(&config)
        }
    };
    let whole = Run::of(conn(), app, cuts.none(), bytes);
    whole.check_sent(bytes, if secure { "wss" } else { "ws" }, on);
    let cut = Run::of(conn(), app, cuts, bytes);
    assert_eq!(
        cut.transcript, whole.transcript,
        "{config:?} {app:?} {cuts:?}"
    );
    cut.let_go(bytes.len());
}

impl Run {
    /// What a server sent: a response in which every field is known, what the dialect puts behind
    /// it, and frames.
    fn check_sent(&self, bytes: &[u8], scheme: &str, dialects: Dialects) {
        let sent = self.transcript.sent.strip_suffix(&self.frames[..]);
        let sent = sent.expect("the frames come last");
        let status = match self.closed() {
            _ if self.accepted => Some(101),
            _ if self.established => None,
            Some(Closed::FlashPolicy) => {
                assert_eq!(sent, [POLICY.as_bytes(), b"\0"].concat());
                return;
            }
            Some(Closed::Protocol(error)) => {
                assert_eq!(error.status(), status(error));
                status(error)
            }
            Some(Closed::Rejected(status)) => Some(*status),
            Some(Closed::LocallyClosed) => Some(503),
            _ => None,
        };
        let Some(status) = status else {
            assert_eq!(sent, b"");
            return;
        };
        let mut fields = [EMPTY_HEADER; 16];
        let mut response = httparse::Response::new(&mut fields);
        let Ok(Status::Complete(length)) = response.parse(sent) else {
            panic!("not a response: {:?}", String::from_utf8_lossy(sent));
        };
        let behind = &sent[length..];
        assert_eq!(response.code, Some(status));
        let known = if status == 101 {
            let open76 = self.is_open() && self.conn.dialect() == Some(Dialect::Hixie76);
            let answer = open76.then(|| answer(bytes).to_vec());
            assert_eq!(behind, answer.unwrap_or_default());
            assert_eq!(response.reason, Some(self.reason()));
            self.known_in_accept(scheme)
        } else {
            self.known_in_response(status, behind, dialects)
        };
        let found = response.headers.iter();
        let found = found.map(|field| (field.name.to_owned(), field.value.to_owned()));
        assert_same_fields(found, known);
    }

    fn known_in_accept(&self, scheme: &str) -> Vec<(&'static str, String)> {
        let request = self.request.as_ref().expect("nothing else is accepted");
        let chosen = self.app.answer % 8 == 1;
        let [origin, location, protocol] = match request.dialect() {
            Some(dialect) if is_hybi(dialect) => {
                let key = request.header(KEY).expect("checked");
                let mut known = vec![
                    ("Upgrade", "websocket".to_owned()),
                    ("Connection", "Upgrade".to_owned()),
                    ("Sec-WebSocket-Accept", accept_value(key)),
                ];
                if chosen {
                    let last = request.protocols().last();
                    known.extend(last.map(|last| (PROTOCOL, last.to_owned())));
                    known.push((COOKIE.0, COOKIE.1.to_owned()));
                }
                return known;
            }
            Some(Dialect::Hixie75) => ["WebSocket-Origin", "WebSocket-Location", PROTOCOL_75],
            _ => ["Sec-WebSocket-Origin", "Sec-WebSocket-Location", PROTOCOL],
        };
        let authority = if chosen { AUTHORITY } else { request.host() };
        let mut known = vec![
            ("Upgrade", "WebSocket".to_owned()),
            ("Connection", "Upgrade".to_owned()),
            (origin, request.origin().expect("checked").to_owned()),
            (
                location,
                format!("{scheme}://{authority}{}", request.resource()),
            ),
        ];
        let asked = request.headers();
        let asked = asked.filter(|(name, _)| name.eq_ignore_ascii_case(protocol));
        let asked: Vec<_> = asked
            .map(|(_, value)| String::from_utf8_lossy(value))
            .collect();
        match request.protocols().last() {
            Some(last) if chosen => known.push((protocol, last.to_owned())),
            _ if !asked.is_empty() => known.push((protocol, asked.join(", "))),
            _ => {}
        }
        if chosen {
            known.push((COOKIE.0, COOKIE.1.to_owned()));
        }
        known
    }

    /// H75-2, H76-5, HY-2
    fn reason(&self) -> &'static str {
        match self.conn.dialect() {
            Some(Dialect::Hixie75) => "Web Socket Protocol Handshake",
            Some(Dialect::Hixie76) => "WebSocket Protocol Handshake",
            _ => "Switching Protocols",
        }
    }

    fn known_in_response(
        &self,
        status: u16,
        behind: &[u8],
        dialects: Dialects,
    ) -> Vec<(&'static str, String)> {
        let mut known = vec![("Connection", "close".to_owned())];
        let mut add = |(name, value): (&'static str, &str)| known.push((name, value.to_owned()));
        match status {
            204 => {
                assert_eq!(behind, b"");
                add(COOKIE);
                return known;
            }
            200 => add(HTML),
            _ => add(("Content-Type", "text/plain")),
        }
        match status {
            405 => add(("Allow", "GET")),
            426 => {
                // HY-9
                add(("Upgrade", "websocket"));
                let on = VERSIONS.iter().filter(|(one, _)| dialects.contains(*one));
                let on: Vec<_> = on.map(|(_, version)| *version).collect();
                if !on.is_empty() {
                    add((VERSION, &on.join(", ")));
                }
            }
            _ => {}
        }
        add(("Content-Length", &behind.len().to_string()));
        known
    }
}

/// PX-3
fn status(error: &ProtocolError) -> Option<u16> {
    Some(match error {
        ProtocolError::HeadTooLong { .. }
        | ProtocolError::LineTooLong { .. }
        | ProtocolError::TooManyHeaders { .. } => 431,
        ProtocolError::UnsupportedMethod => 405,
        ProtocolError::UnsupportedHttpVersion { .. } => 505,
        ProtocolError::NotWebSocket | ProtocolError::DialectNotEnabled(_) => 426,
        ProtocolError::InvalidHeader { name, kind, .. } => match *name {
            VERSION | "Sec-WebSocket-Draft" | "Upgrade" if *kind == HeaderErrorKind::Invalid => 426,
            _ => 400,
        },
        ProtocolError::InvalidStartLine { .. }
        | ProtocolError::InvalidLine { .. }
        | ProtocolError::InvalidKeyNumber { .. } => 400,
        _ => return None,
    })
}
