//! Receiving as a server in RFC 6455.

use hybi::Dialect::Rfc6455;

use super::{
    BY_REFERENCE, Base, CHUNKS, COPY, FASTWEBSOCKETS, Group, HYBI, MINIMAL, NEXUS, NEXUS_UNCHECKED,
    SOCKUDO, TOKIO, TUNGSTENITE, UWS, WS_TOOL, WTX, YAWC,
};
use crate::corpus::Kind::{self, Binary, Multi, Text};
use crate::entry::{Entry, Receive};
use crate::frames::Frames;
use crate::impls::floors::{copy, minimal, uws};
use crate::impls::{
    fastwebsockets, nexus, ours, sockudo, tokio_ws, tungstenite, ws_tool, wtx, yawc,
};
use crate::wire::Wire;

const READ: usize = 16 * 1024;

pub(super) fn groups() -> Vec<Group> {
    vec![
        recv("text", Text, 16).best(0.9, 1.0),
        recv("text", Text, 125).best(0.8, 1.3),
        recv("text", Text, 1024).best(0.75, 1.1),
        recv("text", Text, 65_536).best(0.65, 1.0),
        recv("text", Text, 1 << 20).best(0.6, 1.0),
        read_by("64k-reads", Text, 1 << 20, |_| 64 * 1024).best(0.6, 1.0),
        chunks(65_536).target(CHUNKS, Base::Entry(MINIMAL), 0.8, None),
        chunks(1 << 20).target(CHUNKS, Base::Entry(MINIMAL), 1.3, None),
        recv("multi", Multi, 1024).best(0.75, 1.0),
        recv("multi", Multi, 65_536).best(0.75, 1.0),
        recv("binary", Binary, 16).best(1.0, None),
        recv("binary", Binary, 125).best(0.95, 1.0),
        recv("binary", Binary, 1024).best(0.75, 1.0),
        recv("binary", Binary, 65_536).best(0.7, 1.0),
        one_per_read(16).best(0.7, 1.0),
        one_per_read(125).best(0.8, 1.0),
        one_per_read(1024).best(0.6, 1.0),
        bytewise(),
    ]
}

fn recv(name: &str, kind: Kind, size: usize) -> Group {
    read_by(name, kind, size, |_| READ)
}

fn one_per_read(size: usize) -> Group {
    read_by("one-per-read", Text, size, |frames| frames.frame)
}

fn read_by(name: &str, kind: Kind, size: usize, read: fn(&Frames) -> usize) -> Group {
    Group::new(format!("recv/{name}/{size}"), move || {
        let frames = Frames::masked(kind, size);
        let read = read(&frames);
        all(kind, &frames, read, &|entry| entry)
    })
}

/// All receivers over the same frames, in reads of at most `read` bytes.
fn all(kind: Kind, frames: &Frames, read: usize, unit: &dyn Fn(Entry) -> Entry) -> Vec<Entry> {
    let wire = || Wire::new(&frames.bytes, read);
    let entry = Rows { frames, unit };
    // nexus-web does not check text that spans reads.
    let nexus = if kind == Binary || (frames.frame < READ && frames.frame <= read) {
        NEXUS
    } else {
        NEXUS_UNCHECKED
    };
    vec![
        entry.of(HYBI, ours::Receiver::whole(Rfc6455, wire())),
        entry.of(BY_REFERENCE, ours::ByReference::whole(Rfc6455, wire())),
        entry.of(TUNGSTENITE, tungstenite::Receiver::new(wire())),
        entry.of(TOKIO, tokio_ws::Receiver::new(wire())),
        entry.of(FASTWEBSOCKETS, fastwebsockets::Receiver::new(wire())),
        entry.of(nexus, nexus::Receiver::new(wire())),
        entry.of(SOCKUDO, sockudo::Receiver::new(wire())),
        entry.of(WS_TOOL, ws_tool::Receiver::new(kind, wire())),
        entry.of(WTX, wtx::Receiver::new(wire())),
        entry.of(YAWC, yawc::Receiver::new(wire())),
        entry.of(UWS, uws::Receiver::new(kind, wire())),
        entry.of(MINIMAL, minimal::Receiver::new(kind, frames.frame, wire())),
        unit(copy::entry(COPY, wire(), frames.frame)),
    ]
}

struct Rows<'a> {
    frames: &'a Frames,
    unit: &'a dyn Fn(Entry) -> Entry,
}

impl Rows<'_> {
    fn of(&self, name: &'static str, receiver: impl Receive + 'static) -> Entry {
        (self.unit)(Entry::messages(name, receiver, self.frames))
    }
}

/// Messages as chunks, which no peer offers.
fn chunks(size: usize) -> Group {
    Group::new(format!("recv/chunks/{size}"), move || {
        let frames = Frames::masked(Text, size);
        let wire = || Wire::new(&frames.bytes, READ);
        let minimal = minimal::Receiver::new(Text, frames.frame, wire());
        vec![
            Entry::messages(CHUNKS, ours::Receiver::chunks(Rfc6455, wire()), &frames),
            Entry::messages(MINIMAL, minimal, &frames),
            copy::entry(COPY, wire(), frames.frame),
        ]
    })
}

/// Messages read byte by byte; times per byte.
fn bytewise() -> Group {
    const LONG: &str = "hybi, 1 MiB";
    Group::new("recv/bytewise/65536", || {
        let short = Frames::masked(Text, 65_536);
        let long = Frames::masked(Text, 1 << 20);
        let per_byte = |frames: &Frames| {
            let size = frames.frame;
            move |entry: Entry| entry.each_of(size)
        };
        let mut entries = all(Text, &short, 1, &per_byte(&short));
        let long_receiver = ours::Receiver::whole(Rfc6455, Wire::new(&long.bytes, 1));
        let entry = Rows {
            frames: &long,
            unit: &per_byte(&long),
        };
        entries.push(entry.of(LONG, long_receiver));
        entries
    })
    .best(None, 1.0)
    .target(HYBI, Base::Nanos(10.0), None, 1.0)
    .target(LONG, Base::Entry(HYBI), 1.0 / 1.5, None)
}
