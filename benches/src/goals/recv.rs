//! Receiving as a server in RFC 6455.

use hybi::Dialect;

use super::{Base, Group, HYBI, NEXUS, TOKIO, TUNGSTENITE};
use crate::corpus::Kind::{self, Binary, Multi, Text};
use crate::entry::Entry;
use crate::frames::Frames;
use crate::subject::{nexus, ours, tokio_ws, tungstenite};
use crate::wire::Wire;

const READ: usize = 16 * 1024;

pub(super) fn groups() -> Vec<Group> {
    vec![
        recv("text", Text, 16)
            .goal(TUNGSTENITE, 2.5, 3.0)
            .goal(NEXUS, 1.2, None),
        recv("text", Text, 125)
            .goal(TUNGSTENITE, 2.0, 2.5)
            .goal(NEXUS, 1.0, None),
        recv("text", Text, 1024)
            .goal(TUNGSTENITE, 2.5, 3.0)
            .goal(NEXUS, 0.8, None),
        recv("text", Text, 65_536)
            .goal(TUNGSTENITE, 2.0, 3.0)
            .goal(TOKIO, 0.6, 0.95),
        recv("text", Text, 1 << 20)
            .goal(TUNGSTENITE, 1.7, 2.2)
            .goal(TOKIO, 0.75, None),
        read_by("64k-reads", Text, 1 << 20, |_| 64 * 1024)
            .goal(TUNGSTENITE, 0.85, 1.4)
            .goal(TOKIO, 0.5, None),
        recv("multi", Multi, 1024)
            .goal(TUNGSTENITE, 12.0, 18.0)
            .goal(TOKIO, 0.75, None),
        recv("multi", Multi, 65_536)
            .goal(TUNGSTENITE, 12.0, 18.0)
            .goal(TOKIO, 0.75, None),
        recv("binary", Binary, 16).goal(TUNGSTENITE, 3.0, 4.0),
        recv("binary", Binary, 125).goal(TUNGSTENITE, 2.5, 3.5),
        recv("binary", Binary, 1024).goal(TUNGSTENITE, 2.5, 3.5),
        recv("binary", Binary, 65_536).goal(TUNGSTENITE, 2.0, 3.0),
        one_per_read(16)
            .goal(TUNGSTENITE, 20.0, 40.0)
            .goal(NEXUS, 1.2, None),
        one_per_read(125)
            .goal(TUNGSTENITE, 15.0, 25.0)
            .goal(NEXUS, 1.0, None),
        one_per_read(1024)
            .goal(TUNGSTENITE, 8.0, 13.0)
            .goal(NEXUS, 0.75, None),
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
    .goal(TUNGSTENITE, 40.0, 70.0)
    .goal_of(LONG, Base::Entry(HYBI), 1.0 / 1.5, None)
}
