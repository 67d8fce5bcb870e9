//! `deadline` is never later than the next event.

use std::time::Duration;

use hybi::{Closed, Config, Connection, Dialect, Event, ProtocolError, Role};
use testkit::input;

#[test]
fn an_error_after_valid_text_is_due_at_once_although_no_input_remains_hy_7() {
    let cases: [(Dialect, &[u8]); 2] = [
        (Dialect::Hixie76, b"\x00a\xC3\x28\xFF"),
        (Dialect::Rfc6455, b"\x81\x03a\xC3\x28"),
    ];
    for (dialect, bytes) in cases {
        let config = Config::new().strict_utf8(true);
        let mut conn = Connection::established(&config, Role::Client, dialect, [9; 32]);
        let mut bytes = bytes.to_vec();
        let mut read = input(&mut bytes);
        let text = conn.receive(&mut read);
        assert!(matches!(text, Some(Event::Text(chunk)) if chunk.as_str() == "a"));
        assert_eq!(read.remaining(), b"");
        assert_eq!(conn.deadline(), Some(Duration::ZERO));
        let error = ProtocolError::InvalidUtf8 { at: 1 };
        match conn.receive(&mut input(&mut [])) {
            Some(Event::Closed(closed)) => assert_eq!(closed, Closed::Protocol(error)),
            other => panic!("{other:?}"),
        };
    }
}
