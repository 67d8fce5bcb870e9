//! Negotiation of compression: tables of offers and responses. The comments name the reports of
//! other implementations.
#![cfg(feature = "deflate")]

use hybi::{
    AcceptOptions, Closed, Compression, Config, Connection, Deflate, Dialect, Entropy, Event,
    Handshake, HeaderErrorKind, ParseCompressionError, Request,
};
use proptest::prelude::*;
use testkit::pair::response_to;
use testkit::strategies::cases;
use testkit::*;

use HeaderErrorKind::{Duplicate, Invalid};

const FIELD: &str = "Sec-WebSocket-Extensions";

/// Windows in bits, `send/receive`; `-` for no context takeover.
fn windows(text: &str) -> Deflate {
    let (send, receive) = text.split_once('/').unwrap();
    let deflate = Deflate::new().send_window(send.parse().ok());
    deflate.receive_window(receive.parse().ok())
}

/// Returns the rows of a table: windows, what is received, and what is expected.
fn rows(table: &str) -> impl Iterator<Item = (Deflate, &str, &str)> {
    let rows = table.lines().map(str::trim).filter(|row| !row.is_empty());
    rows.map(|row| {
        let mut cells = row.split('|').map(str::trim);
        let mut cell = || cells.next().unwrap();
        (windows(cell()), cell(), cell())
    })
}

fn config(deflate: &Deflate) -> Config {
    Config::new().deflate(deflate.clone())
}

/// Returns a head with these fields before its blank line.
fn with_fields(head: &str, values: &[&str]) -> Vec<u8> {
    let fields = values.iter().map(|value| format!("{FIELD}: {value}\r\n"));
    let fields: String = fields.collect();
    replace_once(head, "\r\n\r\n", format!("\r\n{fields}\r\n"))
}

/// Returns the request that an HTTP library has read.
fn from_parts(head: &[u8]) -> Request {
    let text = std::str::from_utf8(head).unwrap();
    let fields = text.lines().filter_map(|line| line.split_once(": "));
    Request::from_parts("GET", "/chat", "HTTP/1.1", fields).unwrap()
}

/// Returns the compression that a server agrees to, after checking all that it says and writes.
#[track_caller]
fn accept(config: &Config, head: &[u8], options: &AcceptOptions) -> Option<Compression> {
    let mut conn = Connection::server(config.clone());
    let mut bytes = head.to_vec();
    let mut input = input(&mut bytes);
    let Some(Event::Request(request)) = conn.receive(&mut input) else {
        panic!("no request in {}", escaped(head));
    };
    assert_eq!(conn.compression(), None);
    conn.accept(options).unwrap();
    let Some(Event::Open(handshake)) = conn.receive(&mut input) else {
        panic!("not open");
    };
    let compression = handshake.compression().copied();
    assert_eq!(conn.compression(), compression.as_ref());
    let fields = compression.map(|compression| format!("{FIELD}: {compression}\r\n"));
    let end = format!("xOo=\r\n{}\r\n", fields.unwrap_or_default());
    let expected = replace_once(RFC6455_RESPONSE, "xOo=\r\n\r\n", end);
    assert_eq!(escaped(conn.transmit()), escaped(&expected));
    if compression.is_some() {
        assert!(request.offers_compression());
    }
    let request = from_parts(head);
    let (mut conn, response) = Connection::upgrade(config.clone(), &request, options).unwrap();
    assert_eq!(escaped(response.as_bytes()), escaped(&expected));
    let fields = response.headers().filter(|(name, _)| *name == FIELD);
    let values: Vec<_> = fields.map(|(_, value)| value.to_vec()).collect();
    let value = compression.map(|compression| compression.to_string().into_bytes());
    assert_eq!(values, Vec::from_iter(value));
    assert_eq!(conn.compression(), compression.as_ref());
    match conn.receive(&mut testkit::input(&mut [])) {
        Some(Event::Open(handshake)) => assert_eq!(handshake.compression(), compression.as_ref()),
        other => panic!("{other:?}"),
    }
    compression
}

/// Returns the value in the response to `offers`, each in a field of its own.
#[track_caller]
fn reply(deflate: &Deflate, offers: &[&str]) -> Option<String> {
    let head = with_fields(RFC6455_REQUEST, offers);
    let compression = accept(&config(deflate), &head, &AcceptOptions::new());
    assert_eq!(
        compression.is_some(),
        from_parts(&head).offers_compression()
    );
    compression.map(|compression| compression.to_string())
}

/// Checks the responses to offers, each without the name of the extension.
#[track_caller]
fn assert_replies(name: &str, table: &str) {
    for (deflate, offer, expected) in rows(table) {
        let offer = format!("{name}{offer}");
        let expected = format!("{name}{expected}");
        assert_eq!(
            reply(&deflate, &[&offer]),
            Some(expected),
            "{deflate:?}, {offer}"
        );
    }
}

/// DF-1, DF-4 to DF-7
#[test]
fn the_response_to_offers_of_browsers_and_libraries() {
    // Chrome, ws and websockets; then Firefox and Safari 15, which cannot be limited, so that they
    // would need a window of 32 KiB.
    let table = "
        10/10 | ; client_max_window_bits | ; server_max_window_bits=10; client_max_window_bits=10
        15/15 | ; client_max_window_bits |
        -/-   | ; client_max_window_bits | ; server_no_context_takeover; client_no_context_takeover
        -/10  | ; client_max_window_bits | ; server_no_context_takeover; client_max_window_bits=10
        9/-   | ; client_max_window_bits | ; client_no_context_takeover; server_max_window_bits=9
        15/-  | ; client_max_window_bits | ; client_no_context_takeover
        10/10 |                          | ; client_no_context_takeover; server_max_window_bits=10
        15/15 |                          |
        -/-   |                          | ; server_no_context_takeover; client_no_context_takeover
    ";
    assert_replies("permessage-deflate", table);
    assert_eq!(windows("10/10"), Deflate::new());
}

/// Java-WebSocket#1496 and websocket-sharp#110: takeover of one direction.
/// websockets#410, websockets#1757, netty/netty#8702, autobahn-python#1018: 8 bits.
#[test]
fn the_response_to_each_parameter_df_4_df_5() {
    let table = "
        15/15 | ; server_no_context_takeover      | ; server_no_context_takeover
        15/15 | ; client_no_context_takeover      | ; client_no_context_takeover
        15/15 | ; server_max_window_bits=15       | ; server_max_window_bits=15
        15/15 | ; server_max_window_bits=12       | ; server_max_window_bits=12
        15/15 | ; server_max_window_bits=8        | ; server_max_window_bits=8
        12/15 | ; server_max_window_bits=15       | ; server_max_window_bits=12
        12/15 | ; server_max_window_bits=9        | ; server_max_window_bits=9
        -/15  | ; server_max_window_bits=12       | ; server_no_context_takeover; server_max_window_bits=12
        15/15 | ; client_max_window_bits=8        | ; client_max_window_bits=8
        15/15 | ; client_max_window_bits=14       | ; client_max_window_bits=14
        15/15 | ; client_max_window_bits=15       |
        15/10 | ; client_max_window_bits=9        | ; client_max_window_bits=9
        15/10 | ; client_max_window_bits=15       | ; client_max_window_bits=10
        15/-  | ; client_max_window_bits=10       | ; client_no_context_takeover
        15/15 | ; server_max_window_bits=\"1\\2\" | ; server_max_window_bits=12
        15/15 | ;\tserver_max_window_bits = \"8\" | ; server_max_window_bits=8
        15/10 | ; client_no_context_takeover; client_max_window_bits=9 | ; client_no_context_takeover
    ";
    assert_replies("permessage-deflate", table);
    let all = "permessage-deflate; client_max_window_bits=15; server_max_window_bits=9; \
               server_no_context_takeover";
    let expected = "permessage-deflate; server_no_context_takeover; server_max_window_bits=9; \
                    client_max_window_bits=10";
    assert_eq!(reply(&Deflate::new(), &[all]).as_deref(), Some(expected));
}

/// Safari 6 to 14, Chrome 19 to 32. No alias of permessage-deflate: cowboy#504, uWebSockets#1157
#[test]
fn the_response_to_x_webkit_deflate_frame_df_8() {
    let name = "x-webkit-deflate-frame";
    // The last cell: what the server may send.
    let table = "
        10/10 |                                          | ; max_window_bits=10   | 10
        15/15 |                                          |                        | 15
        -/-   |                                          | ; no_context_takeover  | none 15
        10/10 | ; max_window_bits=8                      | ; max_window_bits=10   | 8
        10/10 | ; max_window_bits=15                     | ; max_window_bits=10   | 10
        15/15 | ; no_context_takeover; max_window_bits=9 |                        | none 9
        -/12  |                                          | ; max_window_bits=12   | none 15
        12/-  |                                          | ; no_context_takeover  | 12
    ";
    assert_replies(name, table);
    let rows_of_server = table
        .lines()
        .filter_map(|row| Some((row, row.rsplit_once('|')?.1)));
    for (row, expected) in rows_of_server {
        let (deflate, offer, _) = rows(row).next().unwrap();
        let head = with_fields(RFC6455_REQUEST, &[&format!("{name}{offer}")]);
        let agreed = accept(&config(&deflate), &head, &AcceptOptions::new()).unwrap();
        assert_eq!(agreed.name(), name);
        let none = agreed.server_no_context_takeover();
        let server = format!(
            "{}{}",
            if none { "none " } else { "" },
            agreed.server_max_window_bits()
        );
        assert_eq!(server, expected.trim(), "{row}");
    }
}

/// CVE-2026-2229 (undici), nodejs/node#14847: bits outside 8 to 15 ended the process.
#[test]
fn an_offer_with_an_invalid_parameter_is_passed_over_df_2() {
    let offers = "
        permessage-deflate; server_max_window_bits
        permessage-deflate; server_no_context_takeover=true
        permessage-deflate; client_no_context_takeover=\"1\"
        permessage-deflate; server_no_context_takeover; server_no_context_takeover
        permessage-deflate; client_max_window_bits; client_max_window_bits
        permessage-deflate; client_max_window_bits=9; client_max_window_bits=9
        permessage-deflate; max_window_bits=9
        permessage-deflate; no_context_takeover
        permessage-deflate; server_
        permessage-deflate; Server_no_context_takeover
        permessage-deflate; foo
        permessage-deflate; client_max_window_bits; mem_level=9
        PerMessage-Deflate
        permessage-deflat
        permessage-deflatex
        x-webkit-deflate-frame; max_window_bits
        x-webkit-deflate-frame; no_context_takeover=1
        x-webkit-deflate-frame; no_context_takeover; no_context_takeover
        x-webkit-deflate-frame; server_max_window_bits=9
        x-webkit-deflate-frame; client_max_window_bits
        deflate-frame
        deflate-stream
        permessage-bzip2
        permessage-compress; method=deflate
        constructor; __proto__";
    let offers = offers.lines().map(|offer| offer.trim().to_owned());
    let mut invalid: Vec<String> = offers.skip(1).collect();
    let bits = "0 7 16 08 010 1 +9 -9 9.0 x 1o 99 100 256 264 4294967304 0x9 \"16\" \"0\\8\"";
    for name in [
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; client_max_window_bits",
        "x-webkit-deflate-frame; max_window_bits",
    ] {
        invalid.extend(bits.split(' ').map(|bits| format!("{name}={bits}")));
    }
    let valid = "permessage-deflate; server_max_window_bits=9";
    for offer in &invalid {
        let deflate = windows("15/15");
        assert_eq!(reply(&deflate, &[offer]), None, "{offer}");
        let both = format!("{offer}, {valid}");
        assert_eq!(reply(&deflate, &[&both]).as_deref(), Some(valid), "{both}");
        let fields = [offer, "", valid];
        assert_eq!(reply(&deflate, &fields).as_deref(), Some(valid));
    }
}

/// uWebSockets.js#76: an empty field in the response breaks Safari. `accept` compares all bytes.
#[test]
fn the_first_acceptable_offer_of_all_fields_is_accepted_df_1() {
    let deflate = windows("15/15");
    let (first, second) = (
        "permessage-deflate; server_max_window_bits=9",
        "x-webkit-deflate-frame",
    );
    for (fields, expected) in [
        (&[][..], None),
        (&[""], None),
        (&[" , ,"], None),
        (&["foo; a=\"b\"", "bar"], None),
        (&[first, second], Some(first)),
        (&[second, first], Some(second)),
        (&["foo", " ,x; y=z", first, second], Some(first)),
        (&[&*format!("foo,,{second} , {first}")], Some(second)),
        (
            &[&*format!("\t{first}\t;\tclient_no_context_takeover\t")],
            { Some("permessage-deflate; client_no_context_takeover; server_max_window_bits=9") },
        ),
    ] {
        assert_eq!(reply(&deflate, fields).as_deref(), expected, "{fields:?}");
    }
}

/// HY-4, RFC-9.1-1: also beside an offer that is acceptable.
#[test]
fn a_field_with_bad_syntax_is_answered_with_400_df_1() {
    for bad in MALFORMED_EXTENSIONS {
        for fields in [
            &[bad][..],
            &["permessage-deflate", bad],
            &[&*format!("permessage-deflate, {bad}")],
        ] {
            let head = with_fields(RFC6455_REQUEST, fields);
            let config = config(&Deflate::new());
            let transcript = at_every_split(|| Connection::server(config.clone()), &head);
            let line = format!("{FIELD}: {}\r\n", fields.last().unwrap());
            let error = header_error(FIELD, offset_of(&head, line), Invalid);
            assert_eq!(transcript.events, [protocol_error(error)]);
            assert!(transcript.sent.starts_with(b"HTTP/1.1 400 "));
        }
    }
}

/// uWebSockets#1347, gorilla/websocket#731: Safari 15.0 to 15.3 accepts what it cannot decompress.
#[test]
fn compression_is_declined_unless_it_is_enabled_and_for_single_requests_df_1() {
    let head = with_fields(
        RFC6455_REQUEST,
        &["permessage-deflate; client_max_window_bits"],
    );
    assert!(from_parts(&head).offers_compression());
    let enabled = config(&Deflate::new());
    let declined = AcceptOptions::new().no_compression();
    assert_eq!(accept(&enabled, &head, &declined), None);
    assert_eq!(accept(&Config::new(), &head, &AcceptOptions::new()), None);
    assert_eq!(accept(&Config::new(), &head, &declined), None);
    assert!(accept(&enabled, &head, &AcceptOptions::new()).is_some());
}

#[test]
fn compression_is_negotiated_in_rfc_6455_only_df_3() {
    for version in ["7", "8"] {
        let from = "Version: 13";
        let head = with_fields(RFC6455_REQUEST, &["permessage-deflate"]);
        let head = replace_once(head, from, format!("Version: {version}"));
        assert!(!from_parts(&head).offers_compression());
        let config = config(&Deflate::new());
        assert_eq!(accept(&config, &head, &AcceptOptions::new()), None);
    }
    let head = with_fields(DRAFT_76_REQUEST, &["permessage-deflate"]);
    assert!(!from_parts(&head).offers_compression());
    let agreed: Compression = "permessage-deflate".parse().unwrap();
    for dialect in hybi::Dialects::ALL {
        let has_compression = dialect == Dialect::Rfc6455;
        let config = config(&Deflate::new());
        let request = client_request(dialect);
        let entropy = || Entropy::from_bytes([9; 32]);
        let mut client = Connection::client(config.clone(), &request, entropy());
        let request = String::from_utf8_lossy(client.transmit()).into_owned();
        assert_eq!(request.contains(FIELD), has_compression, "{request}");
        if dialect.has_binary() {
            let response = String::from_utf8(response_to(&mut client)).unwrap();
            feed(&mut client, with_fields(&response, &["permessage-deflate"]));
            assert_eq!(client.is_open(), has_compression);
        }
        let handshake = Handshake::new(dialect).with_compression(agreed);
        assert_eq!(handshake.compression().is_some(), has_compression);
        let server = Connection::established_server(config.clone(), &handshake);
        let client = Connection::established_client(config, &handshake, entropy());
        for conn in [server, client] {
            assert_eq!(conn.compression(), handshake.compression());
        }
    }
}

// The client.

fn client(deflate: &Deflate) -> Connection {
    let request = client_request(Dialect::Rfc6455);
    let entropy = Entropy::from_bytes([9; 32]);
    Connection::client(config(deflate), &request, entropy)
}

/// Returns the value of the only field for extensions in a head.
fn extensions_in(head: &[u8]) -> String {
    let text = std::str::from_utf8(head).unwrap();
    let lines = text.lines().filter_map(|line| line.split_once(": "));
    let mut values = lines.filter(|(name, _)| *name == FIELD);
    let (_, value) = values.next().unwrap();
    assert_eq!(values.next(), None);
    value.to_owned()
}

/// Returns what a client accepts in a response with these fields, at every split.
#[track_caller]
fn check(deflate: &Deflate, values: &[&str]) -> Result<Option<Compression>, HeaderErrorKind> {
    let response = response_to(&mut client(deflate));
    let response = std::str::from_utf8(&response).unwrap();
    let head = with_fields(response, values);
    let mut conn = client(deflate);
    let mut bytes = head.clone();
    let result = match conn.receive(&mut input(&mut bytes)) {
        Some(Event::Open(handshake)) => {
            assert_eq!(conn.compression(), handshake.compression());
            Ok(handshake.compression().copied())
        }
        Some(Event::Closed(Closed::Protocol(error))) => {
            assert_eq!(conn.compression(), None);
            let error = ProtocolError::from(error);
            let kind = match error {
                ProtocolError::InvalidHeader { kind, .. } => kind,
                other => panic!("{other:?}"),
            };
            let first_at = response.len() - "\r\n".len();
            let second_at = first_at + format!("{FIELD}: {}\r\n", values[0]).len();
            let at = if kind == Duplicate {
                second_at
            } else {
                first_at
            };
            assert_eq!(error, header_error(FIELD, at as u32, kind));
            Err(kind)
        }
        other => panic!("{other:?}"),
    };
    let transcript = at_every_split(|| client(deflate), &head);
    let is_open = transcript.events == [Observed::Open(Dialect::Rfc6455)];
    assert_eq!(is_open, result.is_ok());
    result
}

#[test]
fn the_offers_of_a_client_df_9() {
    let table = "
        15/15 | | ; client_max_window_bits
        10/15 | | ; client_max_window_bits=10, permessage-deflate; client_max_window_bits
        -/15  | | ; client_no_context_takeover; client_max_window_bits
        10/10 | | ; server_max_window_bits=10; client_max_window_bits=10, permessage-deflate; client_max_window_bits
        15/9  | | ; server_max_window_bits=9; client_max_window_bits, permessage-deflate; client_max_window_bits
        15/-  | | ; server_no_context_takeover; client_max_window_bits, permessage-deflate; client_max_window_bits
    ";
    for (deflate, _, expected) in rows(table) {
        let expected = format!("permessage-deflate{expected}");
        assert_eq!(extensions_in(client(&deflate).transmit()), expected);
    }
    let request = client_request(Dialect::Rfc6455);
    let conn = Connection::client(Config::new(), &request, Entropy::from_bytes([9; 32]));
    assert!(!String::from_utf8_lossy(conn.transmit()).contains(FIELD));
}

#[test]
fn responses_that_a_client_accepts_df_10() {
    // The last cell: the same in the canonical order, if it differs.
    let table = "
        10/10 | |
        10/10 | ; server_max_window_bits=10 |
        10/10 | ; client_max_window_bits=8; server_max_window_bits=8 | ; server_max_window_bits=8; client_max_window_bits=8
        10/10 | ; server_max_window_bits=9; client_max_window_bits=10 |
        10/10 | ; client_no_context_takeover |
        10/10 | ; server_no_context_takeover; server_max_window_bits=10 |
        10/10 | ;\tserver_max_window_bits = \"1\\0\" | ; server_max_window_bits=10
        15/15 | ; server_max_window_bits=15; client_max_window_bits=15 |
        15/15 | ; server_no_context_takeover; client_no_context_takeover |
        -/-   | |
        -/-   | ; server_max_window_bits=15; client_max_window_bits=12 |
    ";
    // ws accepts the second offer if its own window is larger than in the first.
    let larger = "10/10 | ; server_max_window_bits=12; client_max_window_bits=15 |
        10/- | ; server_max_window_bits=15 |";
    for (deflate, value, canonical) in rows(table).chain(rows(larger)) {
        let value = format!("permessage-deflate{value}");
        let expected = match canonical {
            "" => value.clone(),
            _ => format!("permessage-deflate{canonical}"),
        };
        for value in [&value, &format!(", {value} ,")] {
            let compression = check(&deflate, &[value]).unwrap().unwrap();
            assert_eq!(compression.to_string(), expected);
        }
    }
    assert_eq!(check(&Deflate::new(), &[]), Ok(None));
}

#[test]
fn responses_that_a_client_rejects_df_10() {
    let table = "
        15/15 | permessage-deflate; client_max_window_bits=16 | Invalid
        15/15 | permessage-deflate; client_max_window_bits=0 | Invalid
        15/15 | permessage-deflate; server_max_window_bits=16 | Invalid
        15/15 | permessage-deflate; server_max_window_bits=7 | Invalid
        15/15 | permessage-deflate; server_max_window_bits=010 | Invalid
        15/15 | permessage-deflate; server_max_window_bits | Invalid
        15/15 | permessage-deflate; client_max_window_bits | Invalid
        15/15 | permessage-deflate; server_no_context_takeover=1 | Invalid
        15/15 | permessage-deflate; server_no_context_takeover; server_no_context_takeover | Invalid
        15/15 | permessage-deflate; server_max_window_bits=9; server_max_window_bits=9 | Invalid
        15/15 | permessage-deflate, permessage-deflate | Invalid
        15/15 | permessage-deflate, x | Invalid
        15/15 | permessage-deflate; foo | NotRequested
        15/15 | permessage-deflate; max_window_bits=9 | NotRequested
        15/15 | x-webkit-deflate-frame | NotRequested
        15/15 | x-webkit-deflate-frame; max_window_bits=9 | NotRequested
        15/15 | permessage-bzip2 | NotRequested
        15/15 | foo; bar=1 | NotRequested
        15/15 | Permessage-Deflate | NotRequested
        15/15 | | Invalid
        15/15 | , , | Invalid
        15/15 | permessage-deflate; | Invalid
        15/15 | permessage-deflate; server_max_window_bits= | Invalid
        15/15 | permessage-deflate; server_max_window_bits=\"9 | Invalid
        15/15 | permessage-deflate server_max_window_bits=9 | Invalid
    ";
    for (deflate, value, expected) in rows(table) {
        let kind = check(&deflate, &[value]).unwrap_err();
        assert_eq!(format!("{kind:?}"), expected, "{value:?}");
    }
    for fields in [
        ["permessage-deflate", "permessage-deflate"],
        ["permessage-deflate", ""],
        ["", "permessage-deflate"],
    ] {
        assert_eq!(
            check(&Deflate::new(), &fields),
            Err(Duplicate),
            "{fields:?}"
        );
    }
}

// The text form.

/// DF-4 to DF-8
#[test]
fn the_text_says_whether_there_is_a_window_and_its_bits() {
    for (text, server, client) in [
        ("permessage-deflate", (false, 15), (false, 15)),
        (
            "permessage-deflate; server_no_context_takeover; client_max_window_bits=9",
            (true, 15),
            (false, 9),
        ),
        (
            "permessage-deflate; client_no_context_takeover; server_max_window_bits=8",
            (false, 8),
            (true, 15),
        ),
        (
            "x-webkit-deflate-frame; no_context_takeover; max_window_bits=12",
            (true, 8),
            (true, 12),
        ),
    ] {
        let agreed: Compression = text.parse().unwrap();
        let none = agreed.server_no_context_takeover();
        assert_eq!((none, agreed.server_max_window_bits()), server, "{text}");
        let none = agreed.client_no_context_takeover();
        assert_eq!((none, agreed.client_max_window_bits()), client, "{text}");
    }
}

#[test]
fn texts_that_are_not_an_agreed_compression() {
    use ParseCompressionError::{
        InvalidParameter, NotOne, Syntax, UnknownExtension, UnknownParameter,
    };
    for (text, expected, message) in [
        ("permessage-deflate;", Syntax, "RFC 6455"),
        ("\u{e9}", Syntax, "list"),
        ("", NotOne, "one extension"),
        ("permessage-deflate, permessage-deflate", NotOne, "one"),
        ("gzip", UnknownExtension, "x-webkit-deflate-frame"),
        ("permessage-deflate; foo", UnknownParameter, "not define"),
        (
            "permessage-deflate; client_max_window_bits",
            InvalidParameter,
            "8 to 15",
        ),
        (
            "x-webkit-deflate-frame; max_window_bits=7",
            InvalidParameter,
            "8 to 15",
        ),
    ] {
        let error = text.parse::<Compression>().unwrap_err();
        assert_eq!(error, expected, "{text}");
        assert!(error.to_string().contains(message), "{error}");
    }
    // The response does not say what the offer requires of the server: the strictest is assumed.
    let webkit: Compression = "x-webkit-deflate-frame; max_window_bits=12"
        .parse()
        .unwrap();
    assert_eq!(
        (
            webkit.server_max_window_bits(),
            webkit.client_max_window_bits()
        ),
        (8, 12)
    );
    assert!(webkit.server_no_context_takeover() && !webkit.client_no_context_takeover());
}

fn any_windows() -> impl Strategy<Value = Deflate> {
    let window = || prop::option::of(9..=15_u8);
    (window(), window())
        .prop_map(|(send, receive)| Deflate::new().send_window(send).receive_window(receive))
}

/// Offers that are almost valid, in one field or several.
fn any_offers() -> impl Strategy<Value = Vec<String>> {
    let name = || {
        prop::sample::select(
            &[
                "permessage-deflate",
                "permessage-deflate",
                "x-webkit-deflate-frame",
                "foo",
            ][..],
        )
    };
    let parameter = prop::sample::select(
        &[
            "server_no_context_takeover",
            "client_no_context_takeover",
            "server_max_window_bits",
            "client_max_window_bits",
            "max_window_bits",
            "no_context_takeover",
            "x",
        ][..],
    );
    let value = prop_oneof![
        4 => Just(String::new()),
        6 => (8..=15).prop_map(|bits| format!("={bits}")),
        1 => (0..=20).prop_map(|bits| format!("=\"{bits}\"")),
        1 => Just("=08".to_owned()),
    ];
    let parameters = prop::collection::vec((parameter, value), 0..4);
    let offer = (name(), parameters).prop_map(|(name, parameters)| {
        let each = parameters
            .iter()
            .map(|(name, value)| format!("; {name}{value}"));
        name.to_owned() + &String::from_iter(each)
    });
    let field = prop::collection::vec(offer, 0..4).prop_map(|offers| offers.join(", "));
    prop::collection::vec(field, 0..3)
}

proptest! {
    #![proptest_config(cases(96))]

    /// DF-1 to DF-7
    #[test]
    fn a_response_is_allowed_by_one_of_the_offers(deflate in any_windows(), fields in any_offers()) {
        let values: Vec<&str> = fields.iter().map(String::as_str).collect();
        if let Some(reply) = reply(&deflate, &values) {
            let mut offers = fields.iter().flat_map(|field| field.split(", "));
            prop_assert!(offers.any(|offer| is_allowed_reply(offer, &reply)), "{fields:?}: {reply}");
            let parsed: Compression = reply.parse().unwrap();
            prop_assert_eq!(parsed.to_string(), reply);
        }
    }

    /// DF-9, DF-10: also with the fallback alone.
    #[test]
    fn our_client_accepts_what_our_server_agrees_to(ours in any_windows(), theirs in any_windows()) {
        let offers = extensions_in(client(&ours).transmit());
        let fallback = offers.split(", ").nth(1);
        for offers in [&*offers].into_iter().chain(fallback) {
            let agreed = reply(&theirs, &[offers]).unwrap();
            let accepted = check(&ours, &[&agreed]).unwrap().unwrap();
            prop_assert_eq!(accepted, agreed.parse().unwrap());
        }
    }

    #[test]
    fn no_field_of_extensions_panics(field in "[ -~\t]{0,40}", start in "(permessage-deflate;)?") {
        let field = start + &field;
        let head = with_fields(RFC6455_REQUEST, &[&field]);
        let mut conn = Connection::server(config(&Deflate::new()));
        feed(&mut conn, &head);
        let _ = field.parse::<Compression>();
        let response = response_to(&mut client(&Deflate::new()));
        let response = with_fields(std::str::from_utf8(&response).unwrap(), &[&field]);
        feed(&mut client(&Deflate::new()), response);
    }

    /// `ParseCompressionError` or the same text again.
    #[test]
    fn texts_of_compression_round_trip(fields in any_offers()) {
        for text in fields.iter().flat_map(|field| field.split(", ")) {
            if let Ok(compression) = text.parse::<Compression>() {
                let written = compression.to_string();
                prop_assert_eq!(written.parse(), Ok(compression));
            }
        }
    }
}
