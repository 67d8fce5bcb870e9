//! RFC 6455, and the drafts 7 and 8 before it.

mod common;

use common::*;
use hybi::{Close, Closed, Config, Connection, Dialect, Role};

const HEAD: &str = "GET /chat HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Origin: http://example.com\r\n\
    Sec-WebSocket-Protocol: chat, superchat\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

const REPLY: &str = "HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

#[test]
fn hy_2_the_opening_of_the_rfc() {
    let mut server = Teller::new(Connection::server(&Config::new()));
    server.feed(HEAD.as_bytes());
    assert_eq!(
        server.said(),
        [
            Said::Request(Some(Dialect::Rfc6455), "/chat".into()),
            Said::Open(Dialect::Rfc6455)
        ]
    );
    assert_eq!(String::from_utf8(server.sent()).unwrap(), REPLY);
    server.feed(&[
        0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
    ]);
    assert_eq!(server.said(), [Said::Text("Hello".into())]);
}

#[test]
fn hy_6_the_frames_of_the_rfc() {
    let conn = Connection::established(&Config::new(), Role::Client, Dialect::Rfc6455, [0; 32]);
    let mut client = Teller::new(conn);
    client.feed(b"\x81\x05Hello\x01\x03Hel\x89\x05Hello\x80\x02lo\x82\x02ab\x88\x02\x03\xe8");
    assert_eq!(
        client.said(),
        [
            Said::Text("Hello".into()),
            Said::Ping(b"Hello".to_vec()),
            Said::Text("Hello".into()),
            Said::Binary(b"ab".to_vec()),
            Said::Closed(Closed::Clean(Close::with(1000, ""))),
        ]
    );
}
