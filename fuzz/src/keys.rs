//! Key numbers.

use hybi::{AcceptOptions, Config, Connection, Dialect, Event, ProtocolError, Request};

use super::client::target;
use super::dialect::{KEY1, KEY2};
use super::http::split;
use super::key_response::key_number;

/// 32 bytes of entropy for the keys that a client makes, then any key.
pub fn keys(input: &[u8]) {
    let (front, key) = input.split_at(input.len().min(32));
    let mut entropy = [0; 32];
    entropy[..front.len()].copy_from_slice(front);
    made_keys(entropy);
    any_key(key);
}

/// Of a request, since its number is looked at from without only under `cfg(fuzzing)`.
fn any_key(key: &[u8]) {
    let number = key_number(key);
    #[cfg(fuzzing)]
    assert_eq!(hybi::fuzzing::key_part(key), number);
    let fields: [(&str, &[u8]); 6] = [
        ("Upgrade", b"WebSocket"),
        ("Connection", b"Upgrade"),
        ("Host", b"a"),
        ("Origin", b"b"),
        (KEY1, key),
        (KEY2, b"1 0"),
    ];
    match Request::from_parts("/", fields) {
        Ok(_) => assert!(number.is_ok()),
        Err(ProtocolError::InvalidKeyNumber { name, kind }) => {
            assert_eq!((name, Err(kind)), (KEY1, number))
        }
        Err(error) => assert!(key.iter().any(u8::is_ascii_control), "{error:?}"),
    }
}

/// The keys that a client makes have the form that the draft gives them, and a server takes them.
fn made_keys(entropy: [u8; 32]) {
    let target = target(Dialect::Hixie76, false, false);
    let mut client = Connection::client(&Config::new(), &target, entropy);
    let mut request = client.transmit().to_vec();
    let (fields, key3) = split(&request);
    assert_eq!(key3.len(), 8);
    for wanted in [KEY1, KEY2] {
        let key = fields.iter().find(|(name, _)| name == wanted);
        check_made(key.expect("both keys are sent").1);
    }
    let mut server = Connection::server(&Config::new());
    let mut input = &mut request[..];
    let event = server.receive(&mut input);
    assert!(matches!(event, Some(Event::Request(_))), "{event:?}");
    server
        .accept(&AcceptOptions::new())
        .expect("nothing is added");
    let event = server.receive(&mut input);
    assert!(matches!(event, Some(Event::Open(_))), "{event:?}");
    let mut reply = server.transmit().to_vec();
    let event = client.receive(&mut &mut reply[..]);
    assert!(matches!(event, Some(Event::Open(_))), "{event:?}");
}

/// KEY-9
fn check_made(key: &[u8]) {
    let count = |is: fn(&u8) -> bool| key.iter().filter(|byte| is(byte)).count();
    let spaces = count(|byte| *byte == b' ');
    let noise = count(|byte| matches!(byte, 0x21..=0x2F | 0x3A..=0x7E));
    let digits = count(u8::is_ascii_digit);
    assert!((1..=12).contains(&spaces), "{key:?}");
    assert!((1..=12).contains(&noise), "{key:?}");
    assert_eq!(spaces + noise + digits, key.len());
    assert!(!key.starts_with(b" ") && !key.ends_with(b" "), "{key:?}");
    let written: Vec<u8> = key.iter().copied().filter(u8::is_ascii_digit).collect();
    assert!(written == b"0" || !written.starts_with(b"0"), "{key:?}");
    key_number(key).expect("a key that is made is good");
}
