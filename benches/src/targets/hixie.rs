//! Receiving as a server in Hixie-76.

use hybi::Dialect;

use super::{Base, Group, HYBI, TUNGSTENITE};
use crate::corpus::Kind::{self, Multi, Text};
use crate::entry::Entry;
use crate::frames::Frames;
use crate::impls::floors::{CopyOnly, Fused, Hixie, TwoPasses};
use crate::impls::{ours, tungstenite};
use crate::sink::{Sink, Tally};
use crate::wire::Wire;

const READ: usize = 16 * 1024;

/// Events as they come, without `Message`: the raw passes put nothing together either.
const PIECES: &str = "hybi, pieces";
const IN_PLACE: &str = "hybi, in place";
const RAW: &str = "memchr + simdutf8";
const FUSED: &str = "fused pass";
const COPY: &str = "copy only";

pub(super) fn groups() -> Vec<Group> {
    vec![
        text("text", Text, 16, [3.0, 0.9], [None, Some(0.7)]),
        text("text", Text, 125, [3.0, 0.9], [None, Some(0.7)]),
        text("text", Text, 1024, [3.0, 0.7], [Some(0.9), None]),
        text("text", Text, 65_536, [2.5, 0.7], [Some(0.9), None]),
        text("text", Text, 1 << 20, [2.0, 0.7], [Some(0.9), None]),
        text("multi", Multi, 1024, [15.0, 0.7], [Some(0.9), None]),
        text("multi", Multi, 65_536, [15.0, 0.7], [Some(0.9), None]),
        skipped(65_536),
        bytewise(),
        in_pieces(),
    ]
}

/// `hard`: against tungstenite's messages of that size and against the raw pass. `stretch`:
/// against the raw and the fused pass.
fn text(name: &str, kind: Kind, size: usize, hard: [f64; 2], stretch: [Option<f64>; 2]) -> Group {
    let group = Group::new(format!("hixie/{name}/{size}"), move || {
        let frames = Frames::hixie(kind, size);
        let wire = || Wire::new(&frames.bytes, READ);
        let whole = ours::Receiver::whole(Dialect::Hixie76, wire());
        let pieces = ours::Receiver::pieces(Dialect::Hixie76, wire());
        let masked = Frames::masked(kind, size);
        let peer = tungstenite::Receiver::new(Wire::new(&masked.bytes, READ));
        let raw = Hixie::<TwoPasses>::new(wire());
        let fused = Hixie::<Fused>::new(wire());
        vec![
            Entry::messages(HYBI, whole, &frames),
            Entry::messages(PIECES, pieces, &frames),
            Entry::messages(TUNGSTENITE, peer, &masked),
            Entry::messages(RAW, raw, &frames),
            Entry::messages(FUSED, fused, &frames),
        ]
    });
    let group = group.target(TUNGSTENITE, hard[0], None).target_of(
        PIECES,
        Base::Entry(RAW),
        hard[1],
        stretch[0],
    );
    match stretch[1] {
        Some(stretch) => group.target_of(PIECES, Base::Entry(FUSED), None, stretch),
        None => group,
    }
}

/// Frames with a length, which are read over.
fn skipped(size: usize) -> Group {
    Group::new(format!("hixie/length-prefixed/{size}"), move || {
        let frames = Frames::skipped(size);
        let wire = || Wire::new(&frames.bytes, READ);
        let receiver = ours::Receiver::pieces(Dialect::Hixie76, wire());
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
            copy_only(wire(), frames.frame),
        ]
    })
    .target(COPY, 0.9, None)
    .target_of(IN_PLACE, Base::Entry(COPY), None, 5.0)
}

/// One message read byte by byte; times per byte.
fn bytewise() -> Group {
    const LONG: &str = "hybi, 1 MiB";
    Group::new("hixie/bytewise/65536", || {
        let short = Frames::hixie(Text, 65_536);
        let long = Frames::hixie(Text, 1 << 20);
        let hybi = |name, frames: &Frames| {
            let wire = Wire::new(&frames.bytes, 1);
            Entry::bytes(name, ours::Receiver::whole(Dialect::Hixie76, wire), frames)
        };
        vec![
            hybi(HYBI, &short),
            hybi(LONG, &long),
            copy_only(Wire::new(&short.bytes, 1), 1),
        ]
    })
    .target_of(LONG, Base::Entry(HYBI), 1.0 / 1.5, None)
    .target(COPY, 1.0 / 4.0, 1.0 / 2.5)
}

/// One message in reads of 1 KiB; times per byte. Both feeds are as long, and read to the end at
/// each step, so that both come from the same caches.
fn in_pieces() -> Group {
    const LONG: &str = "hybi, 16 MiB";
    const LONG_SIZE: usize = 16 << 20;
    Group::new("hixie/1k-reads/1048576", || {
        let hybi = |name, size: usize| {
            let frames = Frames::hixie_feed(Text, size, LONG_SIZE);
            let wire = Wire::new(&frames.bytes, 1024);
            let receiver = ours::Receiver::pieces(Dialect::Hixie76, wire);
            let messages = frames.payloads.len();
            let mut message = Entry::messages(name, receiver, &frames);
            Entry::new(name, move || {
                let messages: u64 = (0..messages).map(|_| message.step()).sum();
                messages * size as u64
            })
        };
        vec![hybi(HYBI, 1 << 20), hybi(LONG, LONG_SIZE)]
    })
    .target_of(LONG, Base::Entry(HYBI), 1.0 / 1.5, None)
}

/// The time per so many bytes.
fn copy_only(wire: Wire, unit: usize) -> Entry {
    let mut copy = CopyOnly::new(wire);
    let mut bytes = 0;
    Entry::new(COPY, move || {
        // At least one unit, and the odd bytes are kept for the next time.
        while bytes < unit {
            bytes += copy.read();
        }
        let units = bytes / unit;
        bytes %= unit;
        units as u64
    })
}
