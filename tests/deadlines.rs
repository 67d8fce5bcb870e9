//! `deadline` is never later than the next event.

use std::time::Duration;

use hybi::{Config, Dialect, Event, Input};
use testkit::*;

#[test]
fn an_error_after_valid_text_is_due_at_once_although_no_input_remains_hy_7() {
    let cases: [(Dialect, &[u8]); 2] = [
        (Dialect::Hixie76, b"\x00a\xC3\x28\xFF"),
        (Dialect::Rfc6455, b"\x81\x03a\xC3\x28"),
    ];
    for (dialect, bytes) in cases {
        let config = Config::new().strict_utf8(true);
        let mut conn = established(&config, Role::Client, dialect);
        let mut bytes = bytes.to_vec();
        let mut read = input(&mut bytes);
        let text = conn.receive(&mut read);
        assert!(matches!(text, Some(Event::Text(chunk)) if chunk.as_str() == "a"));
        assert_eq!(read.remaining(), b"");
        assert_eq!(conn.deadline(), Some(Duration::ZERO));
        let error = ProtocolError::InvalidUtf8 { at: 1 };
        match conn.receive(&mut input(&mut [])) {
            Some(Event::Closed(closed)) => {
                assert_eq!(Observed::from(closed), protocol_error(error))
            }
            other => panic!("{other:?}"),
        };
    }
}

#[test]
fn the_ping_of_keep_alive_starts_the_timeout_of_writes_at_once() {
    const SECOND: Duration = Duration::from_secs(1);
    let config = Config::new().keepalive(SECOND, 9 * SECOND);
    let mut conn = open(
        &config.write_timeout(3 * SECOND),
        Role::Server,
        Dialect::Rfc6455,
    )
    .conn;
    for (now, deadline) in [(0, 1), (1, 4)] {
        let event = conn
            .receive(&mut Input::new(&mut [], now * SECOND))
            .is_some();
        assert_eq!((event, conn.deadline()), (false, Some(deadline * SECOND)));
    }
    assert_eq!(conn.transmit(), b"\x89\x00");
}
