//! Receiving as a server in RFC 6455.

use hybi::Dialect;

use super::{Base, Group, HYBI, NEXUS, TOKIO, TUNGSTENITE};
use crate::corpus::Kind::{self, Binary, Multi, Text};
use crate::entry::Entry;
use crate::frames::Frames;
use crate::impls::{nexus, ours, tokio_ws, tungstenite};
use crate::wire::Wire;

const READ: usize = 16 * 1024;

pub(super) fn groups() -> Vec<Group> {
    vec![
        recv("text", Text, 16)
            .target(TUNGSTENITE, 2.5, 3.0)
            .target(NEXUS, 1.2, None),
        recv("text", Text, 125)
            .target(TUNGSTENITE, 2.0, 2.5)
            .target(NEXUS, 1.0, None),
        recv("text", Text, 1024)
            .target(TUNGSTENITE, 2.5, 3.0)
            .target(NEXUS, 0.8, None),
        recv("text", Text, 65_536)
            .target(TUNGSTENITE, 2.0, 3.0)
            .target(TOKIO, 0.6, 0.95),
        recv("text", Text, 1 << 20)
            .target(TUNGSTENITE, 1.7, 2.2)
            .target(TOKIO, 0.75, None),
        read_by("64k-reads", Text, 1 << 20, |_| 64 * 1024)
            .target(TUNGSTENITE, 0.85, 1.4)
            .target(TOKIO, 0.5, None),
        recv("multi", Multi, 1024)
            .target(TUNGSTENITE, 12.0, 18.0)
            .target(TOKIO, 0.75, None),
        recv("multi", Multi, 65_536)
            .target(TUNGSTENITE, 12.0, 18.0)
            .target(TOKIO, 0.75, None),
        recv("binary", Binary, 16).target(TUNGSTENITE, 3.0, 4.0),
        recv("binary", Binary, 125).target(TUNGSTENITE, 2.5, 3.5),
        recv("binary", Binary, 1024).target(TUNGSTENITE, 2.5, 3.5),
        recv("binary", Binary, 65_536).target(TUNGSTENITE, 2.0, 3.0),
        one_per_read(16)
            .target(TUNGSTENITE, 20.0, 40.0)
            .target(NEXUS, 1.2, None),
        one_per_read(125)
            .target(TUNGSTENITE, 15.0, 25.0)
            .target(NEXUS, 1.0, None),
        one_per_read(1024)
            .target(TUNGSTENITE, 8.0, 13.0)
            .target(NEXUS, 0.75, None),
        bytewise(),
    ]
}

fn recv(name: &str, kind: Kind, size: usize) -> Group {
    read_by(name, kind, size, |_| READ)
}

fn one_per_read(size: usize) -> Group {
    read_by("one-per-read", Text, size, |frames| frames.frame)
}

/// All receivers over the same frames, in reads of as many bytes as `chunk` says. nexus-web takes
/// no part in long messages: text that spans reads it hands out unchecked.
fn read_by(name: &str, kind: Kind, size: usize, chunk: fn(&Frames) -> usize) -> Group {
    Group::new(format!("recv/{name}/{size}"), move || {
        let frames = Frames::masked(kind, size);
        let wire = || Wire::new(&frames.bytes, chunk(&frames));
        let hybi = ours::Receiver::whole(Dialect::Rfc6455, wire());
        let tungstenite = tungstenite::Receiver::new(wire());
        let mut entries = vec![
            Entry::messages(HYBI, hybi, &frames),
            Entry::messages(TUNGSTENITE, tungstenite, &frames),
        ];
        if size <= 1024 {
            let nexus = nexus::Receiver::new(wire());
            entries.push(Entry::messages(NEXUS, nexus, &frames));
        }
        if size >= 1024 {
            let tokio = tokio_ws::Receiver::new(wire());
            entries.push(Entry::messages(TOKIO, tokio, &frames));
        }
        entries
    })
}

/// Messages read byte by byte; times per byte.
fn bytewise() -> Group {
    const LONG: &str = "hybi, 1 MiB";
    Group::new("recv/bytewise/65536", || {
        let short = Frames::masked(Text, 65_536);
        let long = Frames::masked(Text, 1 << 20);
        let wire = |frames: &Frames| Wire::new(&frames.bytes, 1);
        let hybi = |frames| ours::Receiver::whole(Dialect::Rfc6455, wire(frames));
        vec![
            Entry::bytes(HYBI, hybi(&short), &short),
            Entry::bytes(LONG, hybi(&long), &long),
            Entry::bytes(
                TUNGSTENITE,
                tungstenite::Receiver::new(wire(&short)),
                &short,
            ),
        ]
    })
    .target(TUNGSTENITE, 40.0, 70.0)
    .target_of(LONG, Base::Entry(HYBI), 1.0 / 1.5, None)
}
