//! Inputs of real products that other implementations have rejected, one test for each kind.

use hybi::{Closed, Config, Connection, Dialect, Event, ProtocolError, Role};
use testkit::*;

/// Feeds fragments of these lengths, the last of which is final, until the connection ends.
///
/// Returns the number of frames and the payload bytes that were accepted.
fn receive_fragments(
    role: Role,
    lengths: impl Iterator<Item = usize>,
) -> Result<(u64, usize), (u64, Closed)> {
    let mut conn = Connection::established(&Config::new(), role, Dialect::Rfc6455, [0; 32]);
    let (mut frames, mut received) = (0, 0);
    let mut lengths = lengths.peekable();
    while let Some(length) = lengths.next() {
        let opcode = if frames == 0 { BINARY & 0x0F } else { 0 };
        let fin = if lengths.peek().is_none() { 0x80 } else { 0 };
        let mut bytes = frame(other(role), fin | opcode, vec![b'a'; length]);
        let mut input = &mut bytes[..];
        while let Some(event) = conn.receive(&mut input) {
            match event {
                Event::Binary(chunk) => {
                    received += chunk.as_bytes().len();
                    assert_eq!(chunk.is_final(), fin != 0);
                }
                Event::Closed(closed) => return Err((frames, closed)),
                event => panic!("{event:?}"),
            }
        }
        frames += 1;
    }
    Ok((frames, received))
}

/// Autobahn 0.8.2, cases 9.3.1 and 9.4.1: 4 MiB in 65,536 fragments of 64 bytes and an empty one.
#[test]
fn default_of_max_fragments_hy_7() {
    use std::iter::{once, repeat_n};
    const MIB: usize = 1 << 20;
    let pairs = |pair: [usize; 2]| pair.into_iter().cycle();
    for role in ROLES {
        for fragment_len in [16, 64, 126] {
            let count = 4 * MIB / fragment_len;
            let fragments = repeat_n(fragment_len, count).chain(once(0));
            let accepted = (count as u64 + 1, count * fragment_len);
            assert_eq!(receive_fragments(role, fragments), Ok(accepted));
        }
        let every_other_is_empty = pairs([32, 0]).take(8 * MIB / 32);
        let accepted = ((8 * MIB / 32) as u64, 4 * MIB);
        assert_eq!(receive_fragments(role, every_other_is_empty), Ok(accepted));

        let too_many = |frames: u64| {
            let limit = 65_536;
            let error = ProtocolError::TooManyFragments { limit };
            Err((frames, Closed::Protocol(error)))
        };
        let empty = repeat_n(0, 2_000_000);
        assert_eq!(receive_fragments(role, empty), too_many(65_536));
        let of_1_byte = repeat_n(1, 2_000_000);
        assert_eq!(
            receive_fragments(role, of_1_byte),
            too_many(65_536 * 16 / 15)
        );
        // What was received before them allows no endless number of empty ones.
        let after_payload = once(MIB).chain(repeat_n(0, 2_000_000));
        assert_eq!(receive_fragments(role, after_payload), too_many(131_072));
        let after_small_ones = pairs([0, 15]).take(2_000_000);
        assert!(receive_fragments(role, after_small_ones).is_err());
    }
}
