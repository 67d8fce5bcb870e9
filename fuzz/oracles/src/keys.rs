//! The keys of Hixie-76.

use arbitrary::Arbitrary;
use hybi::{AcceptOptions, Config, Connection, Dialect, Entropy, Event, ProtocolError, Request};
#[cfg(fuzzing)]
use testkit::KeyErrorKind;
use testkit::{input, key_part};

use crate::client::client_request;
use crate::dialect::{KEY1, KEY2};
use crate::http::split_head;

/// Entropy for the keys that a client generates, and any key.
#[derive(Arbitrary, Debug)]
pub struct KeysInput<'a> {
    pub entropy: [u8; 32],
    pub key: &'a [u8],
}

/// Checks generated keys, and what a server computes from any key.
pub fn keys(input: KeysInput<'_>) {
    check_generated_keys(input.entropy);
    check_key(input.key);
}

/// Checks a key in a request, since its part is accessible only with `cfg(fuzzing)`.
fn check_key(key: &[u8]) {
    let part = key_part(key);
    #[cfg(fuzzing)]
    assert_eq!(
        hybi::fuzzing::key_part(key).map_err(KeyErrorKind::from),
        part
    );
    let fields: [(&str, &[u8]); 6] = [
        ("Upgrade", b"WebSocket"),
        ("Connection", b"Upgrade"),
        ("Host", b"a"),
        ("Origin", b"b"),
        (KEY1, key),
        (KEY2, b"1 0"),
    ];
    match Request::from_parts("GET", "/", "HTTP/1.1", fields) {
        Ok(_) => assert!(part.is_ok()),
        Err(ProtocolError::InvalidKeyNumber { name, kind, .. }) => {
            assert_eq!((name, Err(kind.into())), (KEY1, part))
        }
        Err(error) => assert!(key.iter().any(u8::is_ascii_control), "{error:?}"),
    }
}

/// Checks that a client's keys have the form that the draft requires, and that a server accepts
/// them.
fn check_generated_keys(entropy: [u8; 32]) {
    let client_request = client_request(Dialect::Hixie76, false, false);
    let mut client =
        Connection::client(Config::new(), &client_request, Entropy::from_bytes(entropy));
    let mut request = client.transmit().to_vec();
    let (fields, key3) = split_head(&request);
    assert_eq!(key3.len(), 8);
    for key_name in [KEY1, KEY2] {
        let key = fields.iter().find(|(name, _)| name == key_name);
        check_form(key.expect("both keys are sent").1);
    }
    let mut server = Connection::server(Config::new());
    let mut read = input(&mut request);
    let event = server.receive(&mut read);
    assert!(matches!(event, Some(Event::Request(_))), "{event:?}");
    server.accept(&AcceptOptions::new()).expect("no options");
    let event = server.receive(&mut read);
    assert!(matches!(event, Some(Event::Open(_))), "{event:?}");
    let mut response = server.transmit().to_vec();
    let mut read = input(&mut response);
    let event = client.receive(&mut read);
    assert!(matches!(event, Some(Event::Open(_))), "{event:?}");
}

/// KEY-9
fn check_form(key: &[u8]) {
    let count = |is: fn(&u8) -> bool| key.iter().filter(|byte| is(byte)).count();
    let spaces = count(|byte| *byte == b' ');
    let noise = count(|byte| matches!(byte, 0x21..=0x2F | 0x3A..=0x7E));
    let digits = count(u8::is_ascii_digit);
    assert!((1..=12).contains(&spaces), "{key:?}");
    assert!((1..=12).contains(&noise), "{key:?}");
    assert_eq!(spaces + noise + digits, key.len());
    assert!(!key.starts_with(b" ") && !key.ends_with(b" "), "{key:?}");
    let number: Vec<u8> = key.iter().copied().filter(u8::is_ascii_digit).collect();
    assert!(number == b"0" || !number.starts_with(b"0"), "{key:?}");
    key_part(key).expect("a generated key is valid");
}
