//! How much work the machine does, counted in bytes looked at. Tests and fuzz targets hold it
//! against the bytes fed; elsewhere it compiles to nothing.

#[cfg(all(feature = "std", any(test, fuzzing)))]
mod counter {
    use core::cell::Cell;

    std::thread_local! {
        static STEPS: Cell<u64> = const { Cell::new(0) };
    }

    pub(crate) fn record(bytes: usize) {
        STEPS.set(STEPS.get() + bytes as u64);
    }

    /// The steps of this thread since the last call.
    pub fn take() -> u64 {
        STEPS.take()
    }
}

#[cfg(not(all(feature = "std", any(test, fuzzing))))]
mod counter {
    #[inline(always)]
    pub(crate) fn record(_bytes: usize) {}
}

pub(crate) use counter::record;
#[cfg(all(feature = "std", any(test, fuzzing)))]
pub use counter::take;

#[cfg(all(feature = "std", test))]
mod tests {
    use super::take;
    use crate::{AcceptOptions, Config, Connection, Dialect, Event, Role};
    use alloc::vec::Vec;

    /// Feeds `bytes` in pieces of `size`, and says how many steps that took.
    fn steps(conn: &mut Connection, bytes: &[u8], size: usize) -> u64 {
        take();
        let mut bytes = bytes.to_vec();
        for piece in bytes.chunks_mut(size) {
            let mut input = piece;
            while let Some(event) = conn.receive(&mut input) {
                if let Event::Request(_) = event {
                    conn.accept(&AcceptOptions::new()).unwrap();
                }
            }
        }
        take()
    }

    fn established(config: &Config) -> Connection {
        Connection::established(config, Role::Server, Dialect::Hixie76, [0; 32])
    }

    fn assert_linear(bytes: &[u8], config: &Config) {
        for size in [1, 2, 3, 7, 1024, bytes.len()] {
            let steps = steps(&mut established(config), bytes, size);
            let bound = 4 * bytes.len() as u64 + 64;
            assert!(steps <= bound, "{steps} steps for {} bytes", bytes.len());
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "counts work in megabytes")]
    fn fr_15_a_message_costs_the_same_per_byte_however_long_and_however_cut() {
        let message =
            |mib: usize| [&[0][..], &"a".repeat(mib << 20).into_bytes(), &[0xFF]].concat();
        let cost = |mib: usize| {
            let bytes = message(mib);
            steps(&mut established(&Config::new()), &bytes, 1) as f64 / bytes.len() as f64
        };
        let (one, sixteen) = (cost(1), cost(16));
        assert!(
            (sixteen / one - 1.0).abs() < 0.01,
            "{one} against {sixteen}"
        );
        assert!(sixteen <= 4.0);
    }

    #[test]
    #[cfg_attr(miri, ignore = "counts work in megabytes")]
    fn hy_6_masked_messages_cost_the_same_per_byte_however_long_and_however_cut() {
        let message = |mib: usize, fragments: usize| {
            let payload = "a".repeat((mib << 20) / fragments).into_bytes();
            let frame = |at: usize| {
                let first = u8::from(at == 0) | if at + 1 == fragments { 0x80 } else { 0 };
                let length = (payload.len() as u64).to_be_bytes();
                [&[first, 0xFF][..], &length, &[0; 4], &payload].concat()
            };
            (0..fragments).flat_map(frame).collect::<Vec<u8>>()
        };
        let cost = |mib: usize, fragments: usize, size: usize| {
            let config = Config::new();
            let bytes = message(mib, fragments);
            let mut conn =
                Connection::established(&config, Role::Server, Dialect::Rfc6455, [0; 32]);
            let steps = steps(&mut conn, &bytes, size) as f64;
            assert!(conn.closed().is_none());
            steps / bytes.len() as f64
        };
        for fragments in [1, 8] {
            let (one, eight) = (cost(1, fragments, 1), cost(8, fragments, 1));
            assert!((eight / one - 1.0).abs() < 0.01, "{one} against {eight}");
            assert!(eight <= 4.0 && cost(1, fragments, 1000) <= 4.0);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "counts work in megabytes")]
    fn fr_15_damaged_text_and_skipped_frames_cost_no_more() {
        let config = Config::new();
        let damaged: Vec<u8> = (0..20_000).map(|i| [0xE2, 0x82, b'a'][i % 3]).collect();
        assert_linear(&[&[0][..], &damaged, &[0xFF]].concat(), &config);
        assert_linear(&[&[0][..], &[0x80; 20_000], &[0xFF]].concat(), &config);
        assert_linear(&[&[0x01][..], &[0x00; 20_000], &[0xFF]].concat(), &config);
        assert_linear(
            &[&[0x80, 0x81, 0x9C, 0x20][..], &[0xFF; 20_000]].concat(),
            &config,
        );
        assert_linear(&b"\x00\xff".repeat(5_000), &config);
        assert_linear(&b"\x80\x00".repeat(5_000), &config);
    }

    #[test]
    #[cfg_attr(miri, ignore = "counts work in megabytes")]
    fn rq_19_a_head_costs_the_same_per_byte_however_long_and_however_cut() {
        let config = Config::new()
            .max_head_len(1 << 20)
            .max_header_line_len(1 << 20)
            .max_headers(1 << 20);
        let head = |fields: usize| {
            let mut head = b"GET / HTTP/1.1\r\nHost: a\r\n".to_vec();
            head.extend_from_slice(&b"X-Filler: some text that is ignored\r\n".repeat(fields));
            head
        };
        for size in [1, 2, 1024, 1 << 20] {
            for fields in [20, 200, 2_000] {
                let bytes = head(fields);
                let steps = steps(&mut Connection::server(&config), &bytes, size);
                assert!(
                    steps <= 4 * bytes.len() as u64 + 64,
                    "{steps} for {}",
                    bytes.len()
                );
            }
        }
        let long = [&b"GET /"[..], &[b'a'; 60_000]].concat();
        let steps = steps(&mut Connection::server(&config), &long, 1);
        assert!(steps <= 4 * long.len() as u64);
    }
}
