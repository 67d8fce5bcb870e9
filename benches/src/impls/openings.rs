//! Opening handshakes, and the peers that perform them.

use std::hint::black_box;
use std::io::{Read, Write};

use sockudo_ws::handshake;
use soketto::handshake::Server;
use soketto::handshake::server::Response;

use super::ready;
use crate::wire::Wire;

/// As a current browser sends it.
pub const RFC_6455: &[u8] = b"GET /chat HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: keep-alive, Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Origin: http://example.com\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

/// The accept value for the key above.
pub const RFC_6455_ACCEPT: &[u8] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The example of draft-hixie-thewebsocketprotocol-76, with its 8 bytes.
pub const HIXIE_76: &[u8] = b"GET /demo HTTP/1.1\r\n\
    Host: example.com\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n\
    Sec-WebSocket-Protocol: sample\r\n\
    Upgrade: WebSocket\r\n\
    Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\n\
    Origin: http://example.com\r\n\r\n\
    ^n:ds[4U";

pub const HIXIE_76_ANSWER: &[u8] = b"8jKS'y:G*Co,Wxa-";

pub const HIXIE_75: &[u8] = b"GET /demo HTTP/1.1\r\n\
    Upgrade: WebSocket\r\n\
    Connection: Upgrade\r\n\
    Host: example.com\r\n\
    Origin: http://example.com\r\n\
    WebSocket-Protocol: sample\r\n\r\n";

pub const HIXIE_75_LOCATION: &[u8] = b"WebSocket-Location: ws://example.com/demo\r\n";

/// The request of RFC 6455 with additional header fields, `size` bytes long.
pub fn long(size: usize) -> Vec<u8> {
    let end = b"\r\n";
    let mut head = RFC_6455.strip_suffix(end).expect("a blank line").to_vec();
    while head.len() + end.len() < size {
        let left = size - head.len() - end.len();
        let name = b"X-Filler: ";
        let least = name.len() + end.len();
        // The rest after this line is either empty or long enough for another line.
        let line = if left < 160 { left } else { 120 };
        head.extend_from_slice(name);
        head.extend(std::iter::repeat_n(b'x', line - least));
        head.extend_from_slice(end);
    }
    head.extend_from_slice(end);
    assert_eq!(head.len(), size);
    head
}

/// tungstenite's `accept` of a socket.
pub fn tungstenite(wire: &mut Wire) {
    black_box(tungstenite::accept(wire).expect("a valid request"));
}

/// soketto's server, which parses, checks and responds.
pub fn soketto(wire: &mut Wire) {
    ready(async {
        let mut server = Server::new(wire);
        let key = server
            .receive_request()
            .await
            .expect("a valid request")
            .key();
        let response = Response::Accept {
            key,
            protocol: None,
        };
        server.send_response(&response).await.expect("memory");
    });
}

/// sockudo-ws' functions for the opening handshake: parse, check and respond.
pub fn sockudo(wire: &mut Wire, buf: &mut [u8]) {
    let n = wire.read(buf).expect("memory");
    let request = handshake::parse_request(&buf[..n]).expect("a valid request");
    let (request, _) = request.expect("a whole request");
    let accept = handshake::generate_accept_key(request.key);
    let response = handshake::build_response(&accept, None, None);
    wire.write_all(&response).expect("memory");
}

/// httparse on the head alone: no header field is checked, and there is no response.
pub fn httparse(wire: &mut Wire, buf: &mut [u8]) {
    let n = wire.read(buf).expect("memory");
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut request = httparse::Request::new(&mut headers);
    let parsed = request.parse(&buf[..n]).expect("a valid head");
    assert!(parsed.is_complete());
    black_box(request);
}
