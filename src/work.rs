//! Counts the work done by the crate, in bytes examined, and the calls of the slow path of the
//! frame decoders. Tests and fuzz targets compare the work with the number of bytes received, and
//! tests assert which input takes the fast path. Other builds compile it to nothing.

#[cfg(all(feature = "std", any(test, fuzzing, hybi_verify)))]
mod counter {
    use core::cell::Cell;

    std::thread_local! {
        static WORK: Cell<u64> = const { Cell::new(0) };
        static SLOW_PATH_CALLS: Cell<u64> = const { Cell::new(0) };
    }

    #[cfg(any(fuzzing, hybi_verify))]
    std::thread_local! {
        static IS_VERIFYING: Cell<bool> = const { Cell::new(false) };
    }

    pub(crate) fn record(bytes: usize) {
        WORK.set(WORK.get() + bytes as u64);
    }

    /// Records a call of the slow path of a frame decoder.
    pub(crate) fn record_slow_path() {
        SLOW_PATH_CALLS.set(SLOW_PATH_CALLS.get() + 1);
    }

    /// Runs a part of the check of a fast path, which does not count.
    #[cfg(any(fuzzing, hybi_verify))]
    pub(crate) fn uncounted<T>(run: impl FnOnce() -> T) -> T {
        let (work, slow_path_calls) = (WORK.get(), SLOW_PATH_CALLS.get());
        IS_VERIFYING.set(true);
        let result = run();
        IS_VERIFYING.set(false);
        WORK.set(work);
        SLOW_PATH_CALLS.set(slow_path_calls);
        result
    }

    /// Returns whether this thread checks a fast path, so that allocators do not count it either.
    #[cfg(hybi_verify)]
    pub fn is_verifying() -> bool {
        IS_VERIFYING.try_with(Cell::get).unwrap_or_default()
    }

    /// Returns the work done by this thread since the last call.
    pub fn take() -> u64 {
        WORK.take()
    }

    /// Returns how often this thread called the slow path since the last call.
    #[cfg(all(test, not(hybi_slow_path)))]
    pub(crate) fn take_slow_path_calls() -> u64 {
        SLOW_PATH_CALLS.take()
    }
}

#[cfg(not(all(feature = "std", any(test, fuzzing, hybi_verify))))]
mod counter {
    #[inline(always)]
    pub(crate) fn record(_bytes: usize) {}

    #[inline(always)]
    pub(crate) fn record_slow_path() {}
}

#[cfg(all(feature = "std", hybi_verify))]
pub use counter::is_verifying;
#[cfg(all(feature = "std", any(test, fuzzing, hybi_verify)))]
pub use counter::take;
#[cfg(all(feature = "std", test, not(hybi_slow_path)))]
pub(crate) use counter::take_slow_path_calls;
#[cfg(all(feature = "std", any(fuzzing, hybi_verify)))]
pub(crate) use counter::uncounted;
pub(crate) use counter::{record, record_slow_path};

#[cfg(all(feature = "std", test))]
mod tests {
    use super::take;
    use crate::{
        AcceptOptions, ClientRequest, Config, Connection, Dialect, Entropy, Event, Handshake,
    };
    use alloc::vec::Vec;

    /// Returns the work done to receive `bytes` in chunks of `size`.
    fn work(conn: &mut Connection, bytes: &[u8], size: usize) -> u64 {
        take();
        let mut bytes = bytes.to_vec();
        for read in bytes.chunks_mut(size) {
            let mut input = crate::Input::new(read, core::time::Duration::ZERO);
            while let Some(event) = conn.receive(&mut input) {
                if let Event::Request(_) = event {
                    conn.accept(&AcceptOptions::new()).unwrap();
                }
            }
        }
        take()
    }

    fn established(config: &Config) -> Connection {
        Connection::established_server(config.clone(), &Handshake::new(Dialect::Hixie76))
    }

    fn assert_linear(bytes: &[u8], config: &Config) {
        for size in [1, 2, 3, 7, 1024, bytes.len()] {
            let work = work(&mut established(config), bytes, size);
            let bound = 4 * bytes.len() as u64 + 64;
            assert!(work <= bound, "work of {work} for {} bytes", bytes.len());
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "processes megabytes")]
    fn work_per_byte_of_a_message_depends_on_neither_length_nor_split_fr_15() {
        let message =
            |mib: usize| [&[0][..], &"a".repeat(mib << 20).into_bytes(), &[0xFF]].concat();
        let cost = |mib: usize| {
            let bytes = message(mib);
            work(&mut established(&Config::new()), &bytes, 1) as f64 / bytes.len() as f64
        };
        let (one, sixteen) = (cost(1), cost(16));
        assert!(
            (sixteen / one - 1.0).abs() < 0.01,
            "{one} at 1 MiB, {sixteen} at 16 MiB"
        );
        assert!(sixteen <= 4.0);
    }

    #[test]
    #[cfg_attr(miri, ignore = "processes megabytes")]
    fn work_per_byte_of_a_masked_message_depends_on_neither_length_nor_split_hy_6() {
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
                Connection::established_server(config, &Handshake::new(Dialect::Rfc6455));
            let work = work(&mut conn, &bytes, size) as f64;
            assert!(conn.closed().is_none());
            work / bytes.len() as f64
        };
        for fragments in [1, 8] {
            let (one, eight) = (cost(1, fragments, 1), cost(8, fragments, 1));
            assert!(
                (eight / one - 1.0).abs() < 0.01,
                "{one} at 1 MiB, {eight} at 8 MiB"
            );
            assert!(eight <= 4.0 && cost(1, fragments, 1000) <= 4.0);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "processes megabytes")]
    fn work_is_linear_for_invalid_utf8_and_skipped_frames_fr_15() {
        let config = Config::new();
        let invalid: Vec<u8> = (0..20_000).map(|i| [0xE2, 0x82, b'a'][i % 3]).collect();
        assert_linear(&[&[0][..], &invalid, &[0xFF]].concat(), &config);
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
    #[cfg_attr(miri, ignore = "processes megabytes")]
    fn work_per_byte_of_a_head_depends_on_neither_length_nor_split_rq_19() {
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
                let work = work(&mut Connection::server(config.clone()), &bytes, size);
                assert!(
                    work <= 4 * bytes.len() as u64 + 64,
                    "work of {work} for {} bytes",
                    bytes.len()
                );
            }
        }
        let text = |byte: u8| [byte; 16 * 1024];
        for long in [
            [&b"GET /"[..], &[b'a'; 60_000]].concat(),
            [b"GET http://", &text(b'a')[..], b" HTTP/1.1\r\n"].concat(),
            [b"GET http://", &text(b'a')[..], b"? HTTP/1.1\r\n"].concat(),
            [b"GET / HTTP/1.1\r\nConnection: ", &text(b',')[..], b"\r\n"].concat(),
            [b"GET / HTTP/1.1\r\nX:", &text(b'\t')[..], b"\r\n"].concat(),
            [b"GET / HTTP/1.1\r\n", &text(b'_')[..], b":\r\n"].concat(),
            [b"GET / HTTP/1.1\r\n", &text(b'_')[..], b"\r\n"].concat(),
        ] {
            for size in [1, 2, 1024, 1 << 20] {
                let work = work(&mut Connection::server(config.clone()), &long, size);
                assert!(work <= 4 * long.len() as u64 + 64, "{work}, {size}");
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "processes megabytes")]
    fn work_is_linear_for_interim_responses_hy_11() {
        let config = Config::new().max_head_len(1 << 20).max_headers(1 << 20);
        let request = ClientRequest::new("ws://a/").unwrap();
        let interim = |fields: usize| {
            let fields = b"X-Filler: some text that is ignored\r\n".repeat(fields);
            [b"HTTP/1.1 103 Early Hints\r\n", &fields[..], b"\r\n"].concat()
        };
        for size in [1, 2, 7, 1024, 1 << 20] {
            for fields in [0, 1, 20, 200] {
                let bytes = interim(fields).repeat(8);
                let mut conn =
                    Connection::client(config.clone(), &request, Entropy::from_bytes([0; 32]));
                let work = work(&mut conn, &bytes, size);
                assert!(
                    work <= 4 * bytes.len() as u64 + 64,
                    "work of {work} at {fields}"
                );
                assert!(conn.closed().is_none());
            }
        }
    }
}
