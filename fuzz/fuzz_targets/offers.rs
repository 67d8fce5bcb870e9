//! The negotiation of compression: any offers to a server, any response to a client.
#![no_main]

use hybi::{
    AcceptOptions, ClientRequest, Compression, Config, Connection, Deflate, Entropy, Event, Input,
    Request,
};
use libfuzzer_sys::fuzz_target;
use std::time::Duration;
use testkit::{accept_value, is_allowed_reply};

const FIELD: &str = "Sec-WebSocket-Extensions";

fuzz_target!(|data: &[u8]| {
    let &[send_bits, receive_bits, ref value @ ..] = data else {
        return;
    };
    // 8 stands for no context takeover.
    let window = |bits: u8| Some(8 + bits % 8).filter(|bits| *bits > 8);
    let (ours, theirs) = (window(send_bits), window(receive_bits));
    let deflate = Deflate::new().send_window(ours).receive_window(theirs);
    let config = Config::new().deflate(deflate);
    let Ok(value) = std::str::from_utf8(value) else {
        return;
    };
    server(&config, value, ours, theirs);
    client(&config, value);
});

fn server(config: &Config, offers: &str, ours: Option<u8>, theirs: Option<u8>) {
    let fields = [
        ("Host", "example.com"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        (FIELD, offers),
    ];
    let Ok(request) = Request::from_parts("GET", "/", "HTTP/1.1", fields) else {
        return;
    };
    let options = AcceptOptions::new();
    let (conn, response) =
        Connection::upgrade(config.clone(), &request, &options).expect("a valid request");
    let head = std::str::from_utf8(response.as_bytes()).expect("text");
    let field = head
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "));
    assert_eq!(field.is_some(), request.offers_compression());
    let Some(field) = field else {
        return;
    };
    assert!(
        offers
            .split(',')
            .any(|offer| is_allowed_reply(offer, field)),
        "{field}"
    );
    // What the server sends and what it keeps of the client is limited by its configuration too.
    let agreed: Compression = field.parse().expect("a valid response");
    if agreed.name() == "permessage-deflate" {
        assert_eq!(conn.compression(), Some(&agreed));
        assert!(agreed.server_no_context_takeover() || ours.is_some());
        let kept = if agreed.client_no_context_takeover() {
            None
        } else {
            Some(agreed.client_max_window_bits())
        };
        assert!(kept <= theirs);
        if let Some(ours) = ours {
            assert!(agreed.server_max_window_bits() <= ours);
        }
    }
    for parameter in field.split("; ").skip(1) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        assert_eq!(value.is_empty(), !name.ends_with("bits"), "{field}");
    }
}

fn client(config: &Config, response: &str) {
    if response.contains(['\r', '\n']) {
        return;
    }
    let request = ClientRequest::new("ws://example.com/").expect("a valid URL");
    let mut conn = Connection::client(config.clone(), &request, Entropy::from_bytes([3; 32]));
    let head = std::str::from_utf8(conn.transmit()).expect("text");
    let key = head
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    let accept = accept_value(key.expect("a key"));
    let mut bytes = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{FIELD}: {response}\r\n\r\n"
    )
    .into_bytes();
    let mut input = Input::new(&mut bytes, Duration::ZERO);
    match conn.receive(&mut input) {
        Some(Event::Open(handshake)) => {
            let agreed = handshake.compression().expect("an empty field is rejected");
            assert_eq!(agreed.name(), "permessage-deflate");
            assert_eq!(response.parse::<Compression>().as_ref(), Ok(agreed));
            assert_eq!(conn.compression(), Some(agreed));
        }
        Some(Event::Closed(_)) => assert_eq!(conn.compression(), None),
        other => panic!("{other:?}"),
    }
}
