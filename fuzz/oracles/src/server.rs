//! A server.

use arbitrary::Arbitrary;
use httparse::{EMPTY_HEADER, Status};
use hybi::{Closed, Connection, Dialect, Dialects};
use testkit::{ProtocolError, Role, accept_value};

use crate::dialect::{KEY, PROTOCOL, PROTOCOL_75, VERSION, VERSIONS, dialect_set, is_hybi};
use crate::http::{assert_same_fields, challenge_response};
use crate::options::{Digit, LimitOptions, SplitOptions};
use crate::session::{AUTHORITY, Behaviour, COOKIE, HTML, Session, established};

const POLICY: &str = "<cross-domain-policy/>";

/// What a server is configured with, and what it receives.
#[derive(Arbitrary, Debug)]
pub struct ServerInput<'a> {
    /// 1, 2, 8, 16 and 32 enable Hixie-75, Hixie-76, HyBi-7, HyBi-8 and RFC 6455. With 4 another
    /// library did the handshake, in the newest enabled dialect from HyBi-7 on, or else in Hixie-76
    /// with 1, or else in Hixie-75.
    pub dialects: Digit,
    /// Plain HTTP, strict UTF-8, strict frames, a Flash policy, TLS, echoes, a close frame after
    /// the first message, no automatic pongs.
    pub switches: Digit,
    pub limits: LimitOptions,
    /// How a request is answered, plus 8 to write no output before the input ends, 16 for no
    /// automatic close, and 32 to close as soon as the request is accepted.
    pub answer: Digit,
    pub splits: SplitOptions,
    pub separator: u8,
    pub wire: &'a [u8],
}

/// Checks a server's events and output.
pub fn server(input: ServerInput<'_>) {
    let [hixie75, hixie76, is_established, hybi7, hybi8, rfc6455] = input.dialects.switches();
    let [
        plain_http,
        strict_utf8,
        strict_frames,
        flash_policy,
        tls,
        echo,
        close,
        no_pongs,
    ] = input.switches.switches();
    let dialects = dialect_set([hixie75, hixie76, hybi7, hybi8, rfc6455]);
    let limits = input.limits.limits();
    let answer = input.answer.value();
    let no_auto_close = answer & 16 != 0;
    let mut config = limits
        .config
        .dialects(dialects)
        .plain_http(plain_http)
        .strict_utf8(strict_utf8)
        .strict_frames(strict_frames)
        .tls(tls)
        .auto_pong(!no_pongs)
        .auto_close(!no_auto_close);
    if flash_policy {
        config = config.flash_policy(POLICY);
    }
    let splits = input.splits.splits();
    let bytes = input.wire;
    let behaviour = Behaviour {
        role: Role::Server,
        answer,
        echo,
        close,
        close_early: answer & 32 != 0,
        no_auto_close,
        write_at_end: answer & 8 != 0,
        no_pongs,
        high_water: limits.high_water,
        timeouts: limits.timeouts,
    };
    let newest = VERSIONS
        .iter()
        .find(|(dialect, _)| dialects.contains(*dialect));
    let established_dialect = match newest {
        Some((dialect, _)) => *dialect,
        None if hixie75 => Dialect::Hixie76,
        None => Dialect::Hixie75,
    };
    let conn = || {
        if is_established {
            established(&config, Role::Server, established_dialect)
        } else {
            Connection::server(config.clone())
        }
    };
    let unsplit = Session::run(conn(), behaviour, splits.unsplit(), bytes);
    unsplit.check_sent(bytes, if tls { "wss" } else { "ws" }, dialects);
    let split = Session::run(conn(), behaviour, splits, bytes);
    assert_eq!(
        split.transcript, unsplit.transcript,
        "{config:?} {behaviour:?} {splits:?}"
    );
    split.check_freed(bytes.len());
}

impl Session {
    /// Checks a server's output: a response without unexpected fields, its body or challenge
    /// response, and frames.
    fn check_sent(&self, bytes: &[u8], scheme: &str, dialects: Dialects) {
        let sent = self.transcript.sent.strip_suffix(&self.expected_frames[..]);
        let sent = sent.expect("the frames come last");
        let status = match self.closed() {
            _ if self.accepted => Some(101),
            _ if self.established => None,
            Some(Closed::FlashPolicy) => {
                assert_eq!(sent, [POLICY.as_bytes(), b"\0"].concat());
                return;
            }
            Some(Closed::Protocol(error)) => {
                let status = ProtocolError::from(*error).status();
                assert_eq!(error.status(), status);
                status
            }
            Some(Closed::Responded(status)) => Some(*status),
            Some(Closed::LocallyClosed) => Some(503),
            _ => None,
        };
        let Some(status) = status else {
            assert_eq!(sent, b"");
            return;
        };
        let mut fields = [EMPTY_HEADER; 16];
        let mut response = httparse::Response::new(&mut fields);
        let Ok(Status::Complete(head_len)) = response.parse(sent) else {
            panic!("not a response: {:?}", String::from_utf8_lossy(sent));
        };
        let trailing = &sent[head_len..];
        assert_eq!(response.code, Some(status));
        let expected = if status == 101 {
            let is_open76 = self.was_open() && self.conn.dialect() == Some(Dialect::Hixie76);
            let challenge_response = is_open76.then(|| challenge_response(bytes).to_vec());
            assert_eq!(trailing, challenge_response.unwrap_or_default());
            assert_eq!(response.reason, Some(self.reason()));
            self.expected_accept_fields(scheme)
        } else {
            let is_head = self.request.as_ref().is_some_and(|r| r.method() == "HEAD");
            assert!(!is_head || trailing.is_empty());
            // A `HEAD` request, also a rejected one: the length is that of the body of a `GET`.
            let length = (status != 204).then(|| {
                let length = response.headers.iter().find(|f| f.name == "Content-Length");
                String::from_utf8_lossy(length.expect("a length").value).into_owned()
            });
            let length = length.unwrap_or_default();
            let may_be_head = bytes
                .strip_prefix(b"\r\n")
                .unwrap_or(bytes)
                .starts_with(b"HEAD ");
            let is_omitted = may_be_head && trailing.is_empty();
            assert!(is_omitted || status == 204 || length == trailing.len().to_string());
            self.expected_response_fields(status, length, dialects)
        };
        let found = response.headers.iter();
        let found = found.map(|field| (field.name.to_owned(), field.value.to_owned()));
        assert_same_fields(found, expected);
    }

    fn expected_accept_fields(&self, scheme: &str) -> Vec<(&'static str, String)> {
        let request = self.request.as_ref().expect("an accepted request");
        let has_options = self.behaviour.answer % 8 == 1;
        let [origin, location, protocol] = match request.dialect() {
            Some(dialect) if is_hybi(dialect) => {
                let key = request.header(KEY).expect("checked by the server");
                let mut expected = vec![
                    ("Upgrade", "websocket".to_owned()),
                    ("Connection", "Upgrade".to_owned()),
                    ("Sec-WebSocket-Accept", accept_value(key)),
                ];
                if has_options {
                    let last = request.protocols().last();
                    expected.extend(last.map(|last| (PROTOCOL, last.to_owned())));
                    expected.push((COOKIE.0, COOKIE.1.to_owned()));
                }
                return expected;
            }
            Some(Dialect::Hixie75) => ["WebSocket-Origin", "WebSocket-Location", PROTOCOL_75],
            _ => ["Sec-WebSocket-Origin", "Sec-WebSocket-Location", PROTOCOL],
        };
        let authority = if has_options {
            AUTHORITY
        } else {
            request.host().expect("checked by the server")
        };
        let resource = request.resource();
        let mut expected = vec![
            ("Upgrade", "WebSocket".to_owned()),
            ("Connection", "Upgrade".to_owned()),
            (location, format!("{scheme}://{authority}{resource}")),
        ];
        // H75-4, H76-11
        assert!(request.origin().is_some() || request.dialect() == Some(Dialect::Hixie76));
        expected.extend(request.origin().map(|value| (origin, value.to_owned())));
        let requested = request.headers();
        let requested = requested.filter(|(name, _)| name.eq_ignore_ascii_case(protocol));
        let requested: Vec<_> = requested
            .map(|(_, value)| String::from_utf8_lossy(value))
            .filter(|value| !value.is_empty())
            .collect();
        match request.protocols().last() {
            Some(last) if has_options => expected.push((protocol, last.to_owned())),
            _ if !requested.is_empty() => expected.push((protocol, requested.join(", "))),
            _ => {}
        }
        if has_options {
            expected.push((COOKIE.0, COOKIE.1.to_owned()));
        }
        expected
    }

    /// H75-2, H76-5, HY-2
    fn reason(&self) -> &'static str {
        match self.conn.dialect() {
            Some(Dialect::Hixie75) => "Web Socket Protocol Handshake",
            Some(Dialect::Hixie76) => "WebSocket Protocol Handshake",
            _ => "Switching Protocols",
        }
    }

    fn expected_response_fields(
        &self,
        status: u16,
        length: String,
        dialects: Dialects,
    ) -> Vec<(&'static str, String)> {
        // HY-12
        let connection = match status {
            426 => "close, Upgrade",
            _ => "close",
        };
        let mut expected = vec![("Connection", connection.to_owned())];
        let mut add = |(name, value): (&'static str, &str)| expected.push((name, value.to_owned()));
        match status {
            204 => {
                add(COOKIE);
                return expected;
            }
            200 => add(HTML),
            _ => add(("Content-Type", "text/plain")),
        }
        match status {
            405 => add(("Allow", "GET")),
            426 => {
                // HY-9
                add(("Upgrade", "websocket"));
                let enabled = VERSIONS.iter().filter(|(one, _)| dialects.contains(*one));
                let versions: Vec<_> = enabled.map(|(_, version)| *version).collect();
                if !versions.is_empty() {
                    add((VERSION, &versions.join(", ")));
                }
            }
            _ => {}
        }
        add(("Content-Length", &length));
        expected
    }
}
