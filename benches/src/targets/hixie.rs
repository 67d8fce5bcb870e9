//! Receiving as a server in Hixie-76.

use hybi::Dialect;

use super::{BY_REFERENCE, Base, CHUNKS, COPY, Group, HYBI};
use crate::corpus::Kind::{self, Multi, Text};
use crate::entry::Entry;
use crate::frames::Frames;
use crate::impls::floors::copy;
use crate::impls::floors::hixie::{Fused, Receiver, TwoPasses};
use crate::impls::{ours, tungstenite};
use crate::sink::{Sink, Tally};
use crate::wire::Wire;

const READ: usize = 16 * 1024;

const TUNGSTENITE: &str = "tungstenite, RFC 6455";
const IN_PLACE: &str = "hybi, in place";
const RAW: &str = "floor, memchr and simdutf8";
const FUSED: &str = "floor, one pass";

pub(super) fn groups() -> Vec<Group> {
    vec![
        text("text", Text, 16, [2.6, 0.85], [None, Some(0.7)]),
        text("text", Text, 125, [1.7, 0.5], [Some(0.9), Some(0.7)]),
        text("text", Text, 1024, [1.7, 0.6], [Some(0.9), None]),
        text("text", Text, 65_536, [1.3, 0.7], [Some(0.9), None]),
        text("text", Text, 1 << 20, [1.1, 0.7], [Some(0.9), None]),
        text("multi", Multi, 1024, [15.0, 0.7], [Some(0.9), None]),
        text("multi", Multi, 65_536, [15.0, 0.7], [Some(0.9), None]),
        skipped(65_536),
        bytewise(),
        in_small_reads(),
    ]
}

/// `hard`: against tungstenite's messages of that size and against the raw pass. `stretch`:
/// against the raw and the fused pass.
fn text(name: &str, kind: Kind, size: usize, hard: [f64; 2], stretch: [Option<f64>; 2]) -> Group {
    let group = Group::new(format!("hixie/{name}/{size}"), move || {
        let frames = Frames::hixie(kind, size);
        let wire = || Wire::new(&frames.bytes, READ);
        let whole = ours::Receiver::whole(Dialect::Hixie76, wire());
        let by_reference = ours::ByReference::whole(Dialect::Hixie76, wire());
        let chunks = ours::Receiver::chunks(Dialect::Hixie76, wire());
        let masked = Frames::masked(kind, size);
        let peer = tungstenite::Receiver::new(Wire::new(&masked.bytes, READ));
        let raw = Receiver::<TwoPasses>::new(wire());
        let fused = Receiver::<Fused>::new(wire());
        vec![
            Entry::messages(HYBI, whole, &frames),
            Entry::messages(BY_REFERENCE, by_reference, &frames),
            Entry::messages(CHUNKS, chunks, &frames),
            Entry::messages(TUNGSTENITE, peer, &masked),
            Entry::messages(RAW, raw, &frames),
            Entry::messages(FUSED, fused, &frames),
        ]
    });
    let group = group
        .target(HYBI, Base::Entry(TUNGSTENITE), hard[0], None)
        .target(CHUNKS, Base::Entry(RAW), hard[1], stretch[0]);
    match stretch[1] {
        Some(stretch) => group.target(CHUNKS, Base::Entry(FUSED), None, stretch),
        None => group,
    }
}

/// Frames with a length, which are skipped.
fn skipped(size: usize) -> Group {
    Group::new(format!("hixie/length-prefixed/{size}"), move || {
        let frames = Frames::skipped(size);
        let wire = || Wire::new(&frames.bytes, READ);
        let receiver = ours::Receiver::chunks(Dialect::Hixie76, wire());
        let mut in_place = ours::InPlace::new(Dialect::Hixie76, frames.bytes.to_vec());
        let count = frames.payloads.len() as u64;
        vec![
            Entry::messages(HYBI, receiver, &frames),
            Entry::new(IN_PLACE, move || {
                let mut tally = Tally::default();
                in_place.pass(&mut tally);
                assert_eq!(tally.messages(), count);
                count
            }),
            copy::entry(COPY, wire(), frames.frame),
        ]
    })
    .target(HYBI, Base::Entry(COPY), 0.75, 0.9)
    .target(IN_PLACE, Base::Entry(COPY), None, 5.0)
}

/// One message read byte by byte; times per byte.
fn bytewise() -> Group {
    const LONG: &str = "hybi, 1 MiB";
    Group::new("hixie/bytewise/65536", || {
        let short = Frames::hixie(Text, 65_536);
        let long = Frames::hixie(Text, 1 << 20);
        let hybi = |name, frames: &Frames| {
            let wire = Wire::new(&frames.bytes, 1);
            let receiver = ours::Receiver::whole(Dialect::Hixie76, wire);
            Entry::messages(name, receiver, frames).each_of(frames.frame)
        };
        vec![
            hybi(HYBI, &short),
            hybi(LONG, &long),
            copy::entry(COPY, Wire::new(&short.bytes, 1), 1),
        ]
    })
    .target(LONG, Base::Entry(HYBI), 1.0 / 1.5, None)
    .target(HYBI, Base::Entry(COPY), 0.17, 1.0 / 2.5)
}

/// One message in reads of 1 KiB; times per byte. Both feeds have the same length and are read
/// to the end in each step, so that both are in the same caches.
fn in_small_reads() -> Group {
    const LONG: &str = "hybi, 16 MiB";
    const LONG_SIZE: usize = 16 << 20;
    Group::new("hixie/1k-reads/1048576", || {
        let hybi = |name, size: usize| {
            let frames = Frames::hixie_feed(Text, size, LONG_SIZE);
            let wire = Wire::new(&frames.bytes, 1024);
            let receiver = ours::Receiver::chunks(Dialect::Hixie76, wire);
            let messages = frames.payloads.len();
            let mut message = Entry::messages(name, receiver, &frames);
            Entry::new(name, move || {
                let messages: u64 = (0..messages).map(|_| message.step()).sum();
                messages * size as u64
            })
        };
        vec![hybi(HYBI, 1 << 20), hybi(LONG, LONG_SIZE)]
    })
    .target(LONG, Base::Entry(HYBI), 1.0 / 1.5, None)
}
