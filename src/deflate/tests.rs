//! Compressor and decompressor with each other and with miniz_oxide.

use std::format;
use std::string::String;
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;
use testkit::allocator::{CountingAllocator, measure};
use testkit::reference_inflate;

use super::compress::{Compressor, FLUSH_END, compress_without_history};
use super::history::History;
use super::inflate::{Decompressor, END, Status};
use super::output::Output;
use super::pool::KEPT;
use super::states::{Deflater, Inflater, kept_states};
use crate::work;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const LEVELS: [u8; 3] = [1, 6, 9];
/// "Hello" as in RFC 7692, section 7.2.3.1.
const HELLO: &[u8] = b"\xf2\x48\xcd\xc9\xc9\x07\x00";

#[derive(Clone, Debug, PartialEq)]
struct InvalidDeflate;

/// Inflates a message in steps of at most these many bytes.
fn inflate_in_steps(
    decompressor: &mut Decompressor,
    message: &[u8],
    input_step: usize,
    output_step: usize,
) -> Result<Vec<u8>, InvalidDeflate> {
    let (mut text, mut output) = (Vec::new(), vec![0; output_step]);
    for input in message.chunks(input_step) {
        let mut consumed = 0;
        loop {
            let progress = decompressor.inflate(&input[consumed..], &mut output);
            text.extend(&output[..progress.produced]);
            consumed += progress.consumed;
            match progress.status {
                Status::Done => break assert_eq!(consumed, input.len()),
                Status::OutputFull => assert_eq!(progress.produced, output_step),
                Status::Invalid => return Err(InvalidDeflate),
            }
        }
    }
    loop {
        let progress = decompressor.finish_message(&mut output);
        text.extend(&output[..progress.produced]);
        match progress.status {
            Status::Done => return Ok(text),
            Status::OutputFull => assert_eq!(progress.produced, output_step),
            Status::Invalid => return Err(InvalidDeflate),
        }
    }
}

fn inflate(decompressor: &mut Decompressor, message: &[u8]) -> Result<Vec<u8>, InvalidDeflate> {
    inflate_in_steps(decompressor, message, usize::MAX, 4096)
}

fn compressor(bits: u8, level: u8, takeover: bool) -> Compressor {
    Compressor::new(bits, level, takeover)
}

/// Compresses a message in several steps.
fn flushes(parts: &[&[u8]]) -> Vec<u8> {
    let (mut deflater, mut output) = (Deflater::new(10, 6, &History::new(0)), Vec::new());
    for part in parts {
        assert!(deflater.flush(part, &mut output));
    }
    output.truncate(output.len() - FLUSH_END.len());
    output
}

fn json(number: usize) -> Vec<u8> {
    format!(
        r#"{{"type":"quote","symbol":"SYM{}","bid":{}.{:02},"ask":{}.{:02},"size":{},"venue":"XNYS","time":{}}}"#,
        number * 7 % 13,
        100 + number * 3 % 50,
        number * 37 % 100,
        101 + number * 3 % 50,
        number * 41 % 100,
        number * 97 % 5000,
        1_700_000_000_000 + number as u64 * 1379,
    )
    .into_bytes()
}

/// Bytes that do not compress.
fn noise(length: usize, mut seed: u64) -> Vec<u8> {
    let byte = |_| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 56) as u8
    };
    (0..length).map(byte).collect()
}

/// A block of the fixed codes which repeats the three bytes at `distance`, and an empty block.
fn reference_to(distance: usize) -> Vec<u8> {
    let (mut bytes, mut bit) = (vec![0_u8], 0);
    let mut push = |value: usize, count: u32, is_code: bool| {
        for index in 0..count {
            let shift = if is_code { count - 1 - index } else { index };
            *bytes.last_mut().unwrap() |= ((value >> shift & 1) as u8) << bit;
            bit += 1;
            if bit == 8 {
                bytes.push(0);
                bit = 0;
            }
        }
    };
    push(0b010, 3, false);
    push(1, 7, true); // length 3
    match (distance - 1).checked_ilog2() {
        Some(log) if log > 0 => {
            let (extra, rest) = (log - 1, distance - 1);
            push(2 * log as usize + (rest >> extra & 1), 5, true);
            push(rest & ((1 << extra) - 1), extra, false);
        }
        _ => push(distance - 1, 5, true),
    }
    push(0, 7, true); // end of block
    push(0b000, 3, false);
    if bit == 0 {
        bytes.pop();
    }
    bytes
}

#[test]
fn rfc7692_examples() {
    let hello = Ok(b"Hello".to_vec());
    for (message, text) in [
        (HELLO, hello.clone()),
        (b"\0\x05\0\xfa\xffHello\0", hello.clone()),
        (b"\xf3\x48\xcd\xc9\xc9\x07\0\0", hello.clone()),
        (b"\xf3\x48\xcd\xc9\xc9\x07\0", hello.clone()),
        (
            b"\xf2\x48\x05\0\0\0\xff\xff\xca\xc9\xc9\x07\0",
            hello.clone(),
        ),
        // The empty block at the end is final, as gobwas/ws sends it.
        (b"\xf2\x48\xcd\xc9\xc9\x07\0\0\0\xff\xff\x01", hello),
        (b"\x01", Ok(vec![])),
        (b"\0", Ok(vec![])),
        (b"", Ok(vec![])),
        (b"\x03\0", Ok(vec![])),
        (b"\x03\0\x03\0\0", Ok(vec![])),
        // Within a block, or with the end that the sender had to remove.
        (&HELLO[..5], Err(InvalidDeflate)),
        (b"\0\0\0\xff\xff", Err(InvalidDeflate)),
        (
            b"\xf2\x48\xcd\xc9\xc9\x07\0\0\0\xff\xff",
            Err(InvalidDeflate),
        ),
        (b"\x06", Err(InvalidDeflate)), // reserved type of block
    ] {
        for takeover in [false, true] {
            let mut decompressor = Decompressor::new(15, takeover);
            for _ in 0..2 {
                let found = inflate(&mut decompressor, message);
                assert_eq!(found, text, "{message:02x?} {takeover}");
            }
        }
        assert_eq!(
            reference_inflate(15, &[], message).message,
            text.ok(),
            "{message:02x?}"
        );
    }
    let mut decompressor = Decompressor::new(9, true);
    for message in [HELLO, b"\xf2\0\x11\0\0"] {
        assert_eq!(inflate(&mut decompressor, message), Ok(b"Hello".to_vec()));
    }
    let mut compressor = compressor(9, 6, true);
    let mut output = Vec::new();
    assert!(!compressor.compress(b"Hello", false, &mut output));
    assert!(output.is_empty());
}

#[test]
fn a_block_after_a_final_block_refers_to_the_text_before_it() {
    for takeover in [false, true] {
        let mut decompressor = Decompressor::new(8, takeover);
        let message = [b"\xf3\x48\xcd\xc9\xc9\x07\0", &*reference_to(5)].concat();
        assert_eq!(
            inflate(&mut decompressor, &message),
            Ok(b"HelloHel".to_vec())
        );
    }
}

#[test]
fn round_trips_with_each_window_and_level() {
    for bits in 8..=15 {
        for level in LEVELS {
            for takeover in [false, true] {
                let mut compressor = compressor(bits, level, takeover);
                let mut decompressor = Decompressor::new(bits, takeover);
                let (mut history, mut sizes) = (Vec::new(), (0, 0));
                for number in 0..40 {
                    let message = json(number);
                    let mut output = b"header".to_vec();
                    let is_smaller = compressor.compress(&message, false, &mut output);
                    let compressed = output.strip_prefix(b"header").unwrap();
                    sizes = (sizes.0 + message.len(), sizes.1 + compressed.len());
                    if !is_smaller {
                        assert!(compressed.is_empty());
                        continue;
                    }
                    assert!(compressed.len() < message.len());
                    let name = format!("{bits} bits, level {level}, {takeover}");
                    let text = inflate(&mut decompressor, compressed);
                    assert_eq!(text.as_ref(), Ok(&message), "{name}");
                    let text = reference_inflate(bits, &history, compressed).message;
                    assert_eq!(text.as_ref(), Some(&message), "{name}");
                    if takeover {
                        history.extend(message);
                    }
                }
                let ratio = 100 * sizes.1 / sizes.0;
                let expected = if takeover { 20..55 } else { 60..95 };
                assert!(
                    expected.contains(&ratio),
                    "{bits} {level} {takeover} {ratio}"
                );
            }
        }
    }
}

#[test]
fn a_message_refers_to_no_text_outside_the_window() {
    for bits in 8..=14 {
        for level in 1..=9 {
            // The repetition can be found only outside the window.
            let half = noise((1 << bits) + 1, 1);
            let message = [&*half, &*half].concat();
            let compressed = compress_without_history(&message, bits, level);
            assert_eq!(compressed, None, "{bits} {level}");
            assert!(compress_without_history(&message, 15, level).is_some());
        }
    }
}

#[test]
fn every_split_and_output_size_inflate_to_the_same_text() {
    let fragments = flushes(&[&json(1), &json(2)]);
    let mut noisy = vec![0, 16, 0, 0xef, 0xff];
    noisy.extend(noise(16, 3));
    noisy.push(0);
    let run = compress_without_history(&[b'a'; 3000], 9, 9).unwrap();
    let finals = [
        b"\xf3\x48\xcd\xc9\xc9\x07\0",
        &*reference_to(5),
        b"\0\0\xff\xff\x03\0\x03\0",
        &reference_to(8),
    ];
    // A stored block of four bytes, which are those that follow each message.
    let missing = b"\0\x04\0\xfb\xff".to_vec();
    let final_missing = b"\x01\x04\0\xfb\xff".to_vec();
    for message in [
        HELLO.to_vec(),
        fragments,
        noisy,
        run,
        finals.concat(),
        missing,
        final_missing,
    ] {
        let expected = reference_inflate(15, &[], &message).message.unwrap();
        for output_step in (1..=64).chain([258, expected.len(), 1000]) {
            for input_step in 1..=message.len() {
                let mut decompressor = Decompressor::new(15, false);
                for _ in 0..2 {
                    let text =
                        inflate_in_steps(&mut decompressor, &message, input_step, output_step);
                    assert_eq!(text.as_ref(), Ok(&expected));
                }
            }
        }
    }
}

#[test]
fn short_streams_are_accepted_and_rejected_as_by_miniz_oxide() {
    let limit = if cfg!(debug_assertions) {
        1 << 16
    } else {
        1 << 24
    };
    let mut accepted = 0;
    for length in 0..=3 {
        for number in 0..limit.min(1_u32 << (8 * length)) {
            let message = &number.to_le_bytes()[..length];
            let text = inflate(&mut Decompressor::new(15, true), message);
            assert_eq!(
                text.as_ref().ok(),
                reference_inflate(15, &[], message).message.as_ref(),
                "{message:02x?}"
            );
            accepted += u32::from(text.is_ok());
        }
    }
    assert!(accepted > 100, "{accepted}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_inflate_as_by_miniz_oxide(
        bytes in prop::collection::vec(any::<u8>(), 0..100),
        prefix in 0..60_usize,
        (input_step, output_step) in (1..50_usize, 1..300_usize),
    ) {
        let history = json(1);
        let mut start = Vec::new();
        prop_assert!(compressor(9, 9, true).compress(&history, false, &mut start));
        let mut decompressor = Decompressor::new(15, true);
        prop_assert_eq!(inflate(&mut decompressor, &start), Ok(history.clone()));
        // Compressed text that turns into noise.
        start.truncate(prefix);
        start.extend(bytes);
        let text = inflate_in_steps(&mut decompressor, &start, input_step, output_step);
        prop_assert_eq!(text.ok(), reference_inflate(15, &history, &start).message);
    }

    #[test]
    fn any_messages_round_trip(
        messages in prop::collection::vec((any::<bool>(), 0..2000_usize, any::<u64>()), 1..12),
        (bits, level, takeover) in (8..=15_u8, 1..=9_u8, any::<bool>()),
        (input_step, output_step) in (1..3000_usize, 1..3000_usize),
    ) {
        let mut compressor = compressor(bits, level, takeover);
        let mut decompressor = Decompressor::new(bits, takeover);
        let mut history = Vec::new();
        for (is_prepared, length, seed) in messages {
            let words = noise(length, seed);
            let text = words.iter().flat_map(|byte| if byte % 8 == 0 { vec![*byte] } else { json(usize::from(byte % 32))[8..30].to_vec() });
            let message: Vec<u8> = text.take(length).collect();
            let mut output = Vec::new();
            if is_prepared {
                let Some(prepared) = compress_without_history(&message, bits, level) else { continue };
                output = prepared;
                compressor.add_to_history(&message);
            } else if !compressor.compress(&message, false, &mut output) {
                continue;
            }
            let inflated = inflate_in_steps(&mut decompressor, &output, input_step, output_step);
            prop_assert_eq!(inflated.as_ref(), Ok(&message));
            prop_assert_eq!(reference_inflate(bits, &history, &output).message, Some(message.clone()));
            if takeover {
                history.extend(message);
            }
        }
    }

    #[test]
    fn text_compressed_by_miniz_oxide_inflates(numbers in prop::collection::vec(0..1000_usize, 0..400), level in 0..=10_u8) {
        let text = numbers.iter().flat_map(|number| json(*number)).collect::<Vec<_>>();
        let mut message = miniz_oxide::deflate::compress_to_vec(&text, level);
        let mut decompressor = Decompressor::new(15, true);
        prop_assert_eq!(inflate(&mut decompressor, &message), Ok(text.clone()));
        message.push(0);
        prop_assert_eq!(inflate(&mut decompressor, &message), Ok(text.clone()));
    }

    #[test]
    fn a_history_keeps_the_last_bytes(limit in 0..50_usize, texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..120), 0..10)) {
        let (mut history, mut all) = (History::new(limit), Vec::new());
        for text in texts {
            let ((), usage) = measure(|| history.add(&text));
            prop_assert!(usage.largest <= limit);
            all.extend(text);
            let expected = &all[all.len().saturating_sub(limit)..];
            prop_assert_eq!(&*history.parts().concat(), expected);
            prop_assert_eq!(history.len(), expected.len());
        }
    }
}

#[test]
fn text_of_another_connection_cannot_be_reached() {
    let secret = String::from("the secret of another connection, again and again").repeat(1000);
    let compressed = compress_without_history(secret.as_bytes(), 15, 6).unwrap();
    for takeover in [false, true] {
        for distance in [1, 2, 3, 5, 6, 24, 100, 262, 1000, 4096, 24577, 32768] {
            for known in [&b""[..], b"Hello"] {
                let mut another = Decompressor::new(15, true);
                assert_eq!(
                    inflate(&mut another, &compressed).unwrap(),
                    secret.as_bytes()
                );
                let mut decompressor = Decompressor::new(15, takeover);
                if !known.is_empty() {
                    assert_eq!(inflate(&mut decompressor, HELLO).unwrap(), known);
                }
                let text = inflate(&mut decompressor, &reference_to(distance));
                let is_valid = takeover && distance <= known.len();
                assert_eq!(text.is_ok(), is_valid, "{takeover} {distance} {text:?}");
            }
        }
    }
}

#[test]
fn earlier_messages_can_be_referred_to_within_the_window() {
    for (bits, distances) in [(8, 255..=257), (9, 511..=513), (15, 32767..=32768)] {
        for distance in distances {
            let mut decompressor = Decompressor::new(bits, true);
            let text = noise(40_000, 1);
            let stored = |part: &[u8]| {
                let length = part.len() as u16;
                [
                    &[0][..],
                    &length.to_le_bytes(),
                    &(!length).to_le_bytes(),
                    part,
                    &[0],
                ]
                .concat()
            };
            for part in text.chunks(20_000) {
                assert_eq!(inflate(&mut decompressor, &stored(part)).unwrap(), part);
            }
            let found = inflate(&mut decompressor, &reference_to(distance));
            let start = text.len() - distance;
            let expected = (distance <= 1 << bits).then(|| text[start..start + 3].to_vec());
            assert_eq!(found.ok(), expected, "{bits} {distance}");
        }
    }
}

/// Shared states make no difference to what is sent either.
#[test]
fn output_does_not_depend_on_other_connections() {
    let run = |others: usize| {
        let mut ours = compressor(10, 6, true);
        let mut others: Vec<_> = (0..others).map(|_| compressor(10, 6, true)).collect();
        let mut output = Vec::new();
        for number in 0..20 {
            for (index, other) in others.iter_mut().enumerate() {
                let _ = other.compress(&json(number + index), false, &mut Vec::new());
            }
            assert!(ours.compress(&json(number), false, &mut output) || number == 0);
        }
        output
    };
    let expected = std::thread::spawn(move || run(0)).join().unwrap();
    assert_eq!(run(3), expected);
}

/// zlib-rs 0.6.8 panics with fewer than 9 bits, and when a state whose output space ran out is used
/// again after a reset.
#[test]
fn no_message_makes_the_library_panic() {
    for level in 1..=9 {
        for bits in [8, 9, 12, 15] {
            for length in (0..80)
                .step_by(7)
                .chain([255, 1000, 4097, 16_383, 16_384, 40_000])
            {
                let mixed = [noise(length / 2, length as u64), vec![b'a'; length / 2]].concat();
                for message in [noise(length, 7), mixed] {
                    let compressed = compress_without_history(&message, bits, level);
                    let smaller = compressed.map_or(message.len(), |bytes| bytes.len());
                    assert!(smaller <= message.len());
                }
            }
        }
        assert!(kept_states().0 > 0);
    }
}

#[test]
fn a_state_that_ran_out_of_output_space_is_not_used_again() {
    std::thread::spawn(|| {
        for level in 1..=9 {
            let message = noise(5000, 1);
            let mut deflater = Deflater::new(9, level, &History::new(0));
            assert_eq!(deflater.flush_to(&message, &mut [0; 100]), None);
            assert!(!deflater.flush(&message, &mut Vec::new()));
            drop(deflater);
            assert_eq!(kept_states(), (0, 0));
        }
    })
    .join()
    .unwrap();
}

#[test]
fn a_thread_keeps_few_states() {
    std::thread::spawn(|| {
        let mut peers = Vec::new();
        for number in 0..3 * KEPT {
            let deflater = Deflater::new(9 + number as u8 % 7, 1, &History::new(0));
            let mut decompressor = Decompressor::new(15, false);
            decompressor.inflate(HELLO, &mut [0; 2]);
            peers.push((deflater, decompressor));
        }
        assert_eq!(kept_states(), (0, 0));
        // Connections that end within a message.
        drop(peers);
        assert_eq!(kept_states(), (KEPT, KEPT));
        let (_, usage) = measure(|| compress_without_history(&json(1), 11, 1));
        assert!(usage.largest < 1000, "{usage:?}");
    })
    .join()
    .unwrap();
}

#[test]
fn a_thread_keeps_an_output_of_at_most_64_kib() {
    for (capacity, is_kept) in [(64 * 1024, true), (64 * 1024 + 1, false)] {
        let mut output = Output::new();
        *output.as_mut() = Vec::with_capacity(capacity);
        drop(output);
        let kept = Output::new().as_mut().capacity();
        assert_eq!(kept, if is_kept { capacity } else { 0 });
    }
}

#[test]
fn a_bomb_inflates_in_bounded_steps() {
    // A multiple of the output.
    let length = 16 << 20;
    let bomb = compress_without_history(&vec![0; length], 15, 9).unwrap();
    assert!(bomb.len() < 17_000);
    let mut output = [0; 4096];
    let mut decompressor = Decompressor::new(15, true);
    work::take();
    let ((), usage) = measure(|| {
        let (mut consumed, mut produced) = (0, 0);
        loop {
            let progress = decompressor.inflate(&bomb[consumed..], &mut output);
            consumed += progress.consumed;
            produced += progress.produced;
            if progress.status != Status::OutputFull {
                break;
            }
        }
        let finish = decompressor.finish_message(&mut output);
        assert_eq!((consumed, produced), (bomb.len(), length));
        assert_eq!((finish.produced, finish.status), (0, Status::Done));
    });
    assert!(
        usage.peak < 48_000 + 2 * 32_768 && usage.retained < 48_000 + 32_768,
        "{usage:?}"
    );
    let work = work::take() as usize;
    assert!(work <= bomb.len() + END.len() + length, "{work}");
}

/// A block after a final block needs the history again.
#[test]
fn work_is_bounded_for_many_final_blocks() {
    let text: Vec<_> = (0..400).flat_map(json).collect();
    let text = compress_without_history(&text, 15, 9).unwrap();
    for bits in 8..=15 {
        // As small as a final block can be.
        for (message, expected) in [
            (&b"\x03\0"[..], bits <= 11),
            (b"\0\0\0\xff\xff\x03\0", bits <= 12),
        ] {
            for count in [1, 4, 1000] {
                let mut decompressor = Decompressor::new(bits, true);
                assert!(inflate(&mut decompressor, &text).is_ok());
                let message = message.repeat(count);
                work::take();
                let result = inflate(&mut decompressor, &message);
                assert_eq!(result.is_ok(), expected || count < 5, "{bits} {count}");
                let bound = message.len() * 1026 + (4 << 15);
                assert!(work::take() as usize <= bound);
            }
        }
    }
}

#[test]
fn a_fifth_final_block_with_32_kib_of_history_needs_32_bytes_before_it() {
    let text: Vec<_> = (0..400).flat_map(json).collect();
    assert!(text.len() > 1 << 15);
    let text = compress_without_history(&text, 15, 9).unwrap();
    let stored = |length: u8| {
        let header = [1, length, 0, !length, 0xff];
        [&header[..], &vec![b'a'; length.into()]].concat()
    };
    for (length, is_valid) in [(3, true), (2, false)] {
        let mut decompressor = Decompressor::new(15, true);
        assert!(inflate(&mut decompressor, &text).is_ok());
        let blocks = [length, 3, 3, 3, 0].map(stored).concat();
        let result = inflate(&mut decompressor, &blocks);
        assert_eq!(result.is_ok(), is_valid, "{length}");
    }
}

#[test]
fn a_connection_keeps_two_kilobytes_with_10_bits() {
    let peer = || (compressor(10, 1, true), Decompressor::new(10, true));
    let chat = |(compressor, decompressor): &mut (Compressor, Decompressor)| {
        let mut sizes = Vec::new();
        for number in 0..50 {
            let mut output = Vec::with_capacity(1000);
            if compressor.compress(&json(number), false, &mut output) {
                assert!(inflate(decompressor, &output).is_ok());
            }
            sizes.push(output.len());
        }
        sizes
    };
    chat(&mut peer());
    let (mut used, usage) = measure(|| {
        let mut peer = peer();
        chat(&mut peer);
        peer
    });
    let kept = usage.retained as usize + size_of_val(&used);
    assert!((1700..2100).contains(&kept), "{kept}");
    // And the next message compresses as well as before.
    assert!(chat(&mut used)[0] < 60);

    let mut without = (compressor(15, 1, false), Decompressor::new(15, false));
    assert!(without.0.compress(&json(0), false, &mut Vec::new())); // The state of the thread.
    let ((), usage) = measure(|| {
        for number in 0..10 {
            let message = compress_without_history(&json(number), 15, 1).unwrap();
            let mut output = Vec::new();
            assert!(without.0.compress(&json(number), false, &mut output));
            assert_eq!(message, output);
            assert_eq!(inflate(&mut without.1, &message), Ok(json(number)));
        }
    });
    assert!(
        usage.retained == 0 && size_of_val(&without) <= 160,
        "{usage:?}"
    );
}

#[test]
fn a_flush_ends_as_the_standard_says() {
    let (mut deflater, mut output) = (Deflater::new(9, 1, &History::new(0)), Vec::new());
    assert!(deflater.flush(b"Hello", &mut output));
    assert_eq!(output, [HELLO, &FLUSH_END].concat());
}

/// The documentation of `Deflate` has these numbers.
#[test]
#[cfg(target_pointer_width = "64")]
fn the_memory_of_the_states_of_a_thread_in_kb() {
    let kb = |bytes: isize| (bytes + 500) / 1000;
    for (bits, expected) in [(9, 251), (10, 253), (12, 265), (15, 380)] {
        for level in LEVELS {
            let (_deflater, usage) = measure(|| Deflater::new(bits, level, &History::new(0)));
            assert_eq!(kb(usage.retained), expected, "{bits} bits, level {level}");
        }
    }
    let (_inflater, usage) = measure(|| Inflater::new(&History::new(0)));
    assert_eq!(kb(usage.retained), 48);
}
