//! Heads of requests and responses, and what is wrong with them.

use hybi::{ClientRequest, Dialect, HeaderErrorKind, LineErrorKind};

use crate::ProtocolError;

/// The example of draft-hixie-thewebsocketprotocol-76.
pub const DRAFT_76_REQUEST: &str = "GET /demo HTTP/1.1\r\n\
    Host: example.com\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n\
    Sec-WebSocket-Protocol: sample\r\n\
    Upgrade: WebSocket\r\n\
    Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\n\
    Origin: http://example.com\r\n\r\n";
pub const DRAFT_76_KEY3: &[u8; 8] = b"^n:ds[4U";
pub const DRAFT_76_RESPONSE: &str = "HTTP/1.1 101 WebSocket Protocol Handshake\r\n\
    Upgrade: WebSocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Origin: http://example.com\r\n\
    Sec-WebSocket-Location: ws://example.com/demo\r\n\
    Sec-WebSocket-Protocol: sample\r\n\r\n";
pub const DRAFT_76_CHALLENGE_RESPONSE: &[u8; 16] = b"8jKS'y:G*Co,Wxa-";

/// The example of draft-hixie-thewebsocketprotocol-75.
pub const DRAFT_75_REQUEST: &str = "GET /demo HTTP/1.1\r\n\
    Upgrade: WebSocket\r\n\
    Connection: Upgrade\r\n\
    Host: example.com\r\n\
    Origin: http://example.com\r\n\
    WebSocket-Protocol: sample\r\n\r\n";
pub const DRAFT_75_RESPONSE: &str = "HTTP/1.1 101 Web Socket Protocol Handshake\r\n\
    Upgrade: WebSocket\r\n\
    Connection: Upgrade\r\n\
    WebSocket-Origin: http://example.com\r\n\
    WebSocket-Location: ws://example.com/demo\r\n\
    WebSocket-Protocol: sample\r\n\r\n";

/// The request of RFC 6455, 1.3.
pub const RFC6455_REQUEST: &str = "GET /chat HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Origin: http://example.com\r\n\
    Sec-WebSocket-Protocol: chat, superchat\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

/// The response to `RFC6455_REQUEST` without a subprotocol.
pub const RFC6455_RESPONSE: &str = "HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// Values of `Sec-WebSocket-Extensions` that are not lists of extensions (RFC 6455, section 9.1).
pub const MALFORMED_EXTENSIONS: [&str; 11] = [
    ";",
    ";=,\"x",
    "a b",
    "a;",
    "a; =b",
    "a; b=",
    "a; b=\"",
    "a; b=\"c d\"",
    "a=b",
    "a; b=c=d",
    "(a)",
];

/// `Sec-WebSocket-Version` of a 426 response if every dialect is enabled (HY-9).
pub const VERSIONS: &str = "13, 8, 7";

/// Returns the complete response to an invalid request. A 426 lists `versions` (PX-3, HY-12).
pub fn error_response(status: u16, versions: &str) -> String {
    let (reason, fields) = match status {
        400 => ("Bad Request", ""),
        405 => ("Method Not Allowed", "Allow: GET\r\n"),
        426 => ("Upgrade Required", "Upgrade: websocket\r\n"),
        431 => ("Request Header Fields Too Large", ""),
        505 => ("HTTP Version Not Supported", ""),
        _ => panic!("unexpected status {status}"),
    };
    let list = match (status, versions) {
        (426, versions) if !versions.is_empty() => format!("Sec-WebSocket-Version: {versions}\r\n"),
        _ => String::new(),
    };
    let connection = if status == 426 {
        "close, Upgrade"
    } else {
        "close"
    };
    let body = format!("{status} {reason}\n");
    let len = body.len();
    format!(
        "HTTP/1.1 {status} {reason}\r\n\
         Connection: {connection}\r\n\
         {fields}{list}\
         Content-Type: text/plain\r\n\
         Content-Length: {len}\r\n\r\n\
         {body}"
    )
}

/// Returns a client's request to the address of the Hixie drafts.
pub fn client_request(dialect: Dialect) -> ClientRequest {
    let request = ClientRequest::new("ws://example.com/demo").unwrap();
    request.with_dialect(dialect)
}

pub fn line_error(at: u32, kind: LineErrorKind) -> ProtocolError {
    ProtocolError::InvalidLine { at, kind }
}

pub fn header_error(name: &'static str, at: u32, kind: HeaderErrorKind) -> ProtocolError {
    ProtocolError::InvalidHeader { name, at, kind }
}
