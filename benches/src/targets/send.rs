//! Sending: one message, one flush, and a socket that accepts all of it.

use hybi::Dialect;

use super::{
    Base, Candidate, FASTWEBSOCKETS, Group, HEADER_AND_COPY, HYBI, NEXUS, SOCKUDO, TOKIO,
    TUNGSTENITE, YAWC,
};
use crate::corpus::{Kind, Random, payload};
use crate::entry::{Entry, Send};
use crate::frames;
use crate::impls::floors::send::{self as floor, Framing};
use crate::impls::{Role, fastwebsockets, nexus, ours, sockudo, tokio_ws, tungstenite, yawc};
use crate::wire::Wire;

/// The time allowed for a message of any length that is not copied, in nanoseconds.
const VECTORED: f64 = 30.0;

pub(super) fn groups() -> Vec<Group> {
    vec![
        server(16).best(0.45, 1.0),
        server(125).best(0.45, 1.0),
        server(1024).best(0.6, 1.0),
        server(65_536).best(None, 1.0),
        server(1 << 20).best(None, 1.0),
        fresh(Framing::Server, 65_536).best(None, 1.0),
        fresh(Framing::Server, 1 << 20).best(None, 1.0),
        client(16).best(0.4, 1.0),
        client(125).best(0.4, 1.0),
        client(1024).best(0.4, 1.0),
        client(65_536).best(None, 1.0),
        client(1 << 20).best(None, 1.0),
        fresh(Framing::Client, 65_536).best(None, 1.0),
        fresh(Framing::Client, 1 << 20).best(None, 1.0),
        vectored(16),
        vectored(65_536),
        vectored(1 << 20),
        hixie(16),
        hixie(125),
        hixie(1024),
    ]
}

fn server(size: usize) -> Group {
    shared("send/server", size, Framing::Server, copying)
}

fn client(size: usize) -> Group {
    shared("send/client", size, Framing::Client, copying)
}

fn hixie(size: usize) -> Group {
    let floor = Base::Entry(HEADER_AND_COPY);
    shared("send/hixie", size, Framing::Hixie, in_hixie).target(HYBI, floor, 0.4, 0.7)
}

fn vectored(size: usize) -> Group {
    shared("send/vectored", size, Framing::Server, without_copy)
        .best(0.55, 1.0)
        .target(HYBI, Base::Nanos(VECTORED), 0.6, 1.0)
}

type Senders = fn(Framing, &'static str) -> Vec<Sender>;

fn shared(name: &str, size: usize, framing: Framing, senders: Senders) -> Group {
    Group::new(format!("{name}/{size}"), move || {
        let senders = senders(framing, text(size));
        let checked = senders.into_iter().map(|sender| {
            (sender.check)();
            (sender.build)()
        });
        checked.collect()
    })
}

/// Each sender in its own processes, with an allocator that nothing else has used. The same senders
/// are checked in the row without `fresh`: here a check would change the state of the allocator.
fn fresh(framing: Framing, size: usize) -> Group {
    let role = match framing {
        Framing::Client => "client",
        Framing::Server | Framing::Hixie => "server",
    };
    let names = copying(framing, "").into_iter().map(|sender| sender.name);
    let candidates = names.map(|name| {
        let build = move || {
            let mut senders = copying(framing, text(size)).into_iter();
            let sender = senders.find(|sender| sender.name == name);
            (sender.expect("the same names").build)()
        };
        let build = Box::new(build);
        Candidate { name, build }
    });
    Group::fresh(format!("send/{role}/{size}/fresh"), candidates.collect())
}

/// Never freed: once a large block is freed, the allocator maps memory differently.
fn text(size: usize) -> &'static str {
    let payload = payload(Kind::Text, size, &mut Random::default());
    String::from_utf8(payload).expect("ASCII").leak()
}

/// The entries that copy the payload, as hybi's `send_text` does.
fn copying(framing: Framing, text: &'static str) -> Vec<Sender> {
    let role = role(framing);
    let mut senders = vec![
        sender(HYBI, framing, text, move |text, wire| {
            ours::Sender::new(role, Dialect::Rfc6455, text, wire)
        }),
        sender(TUNGSTENITE, framing, text, move |text, wire| {
            tungstenite::Sender::new(role, text, wire)
        }),
        sender(NEXUS, framing, text, move |text, wire| {
            nexus::Sender::new(role, text, wire)
        }),
        sender(SOCKUDO, framing, text, move |text, wire| {
            sockudo::Sender::new(role, text, wire)
        }),
        sender(YAWC, framing, text, move |text, wire| {
            yawc::Sender::new(role, text, wire)
        }),
        floor(framing, text),
    ];
    if role == Role::Client {
        senders.extend(without_copy(framing, text).into_iter().skip(1));
    }
    senders
}

/// The entries that pass the payload to a vectored write: servers, which do not mask.
fn without_copy(framing: Framing, text: &'static str) -> Vec<Sender> {
    let role = role(framing);
    vec![
        sender(HYBI, framing, text, ours::VectoredSender::new),
        sender(FASTWEBSOCKETS, framing, text, move |text, wire| {
            fastwebsockets::Sender::new(role, text, wire)
        }),
        sender(TOKIO, framing, text, move |text, wire| {
            tokio_ws::Sender::new(role, text, wire)
        }),
    ]
}

fn in_hixie(framing: Framing, text: &'static str) -> Vec<Sender> {
    let hybi = |text, wire| ours::Sender::new(Role::Server, Dialect::Hixie76, text, wire);
    vec![sender(HYBI, framing, text, hybi), floor(framing, text)]
}

fn floor(framing: Framing, text: &'static str) -> Sender {
    sender(HEADER_AND_COPY, framing, text, move |text, wire| {
        floor::Sender::new(framing, text, wire)
    })
}

fn role(framing: Framing) -> Role {
    match framing {
        Framing::Client => Role::Client,
        Framing::Server | Framing::Hixie => Role::Server,
    }
}

struct Sender {
    name: &'static str,
    check: Box<dyn Fn()>,
    build: Box<dyn Fn() -> Entry>,
}

fn sender<S: Send + 'static>(
    name: &'static str,
    framing: Framing,
    text: &'static str,
    new: impl Fn(&'static str, Wire) -> S + Copy + 'static,
) -> Sender {
    Sender {
        name,
        check: Box::new(move || check(name, framing, text, new)),
        build: Box::new(move || entry(name, text, new)),
    }
}

fn check<S: Send>(
    name: &str,
    framing: Framing,
    text: &'static str,
    new: impl Fn(&'static str, Wire) -> S,
) {
    let mut wire = Wire::silent();
    let kept = wire.keep();
    let mut sender = new(text, wire);
    for _ in 0..3 {
        sender.send();
        let sent = kept.take();
        assert!(
            is_frame(framing, &sent, text.as_bytes()),
            "{name} sends another frame"
        );
    }
}

fn entry<S: Send + 'static>(
    name: &'static str,
    text: &'static str,
    new: impl Fn(&'static str, Wire) -> S,
) -> Entry {
    const MESSAGES: u64 = 8;
    let wire = Wire::silent();
    let sent = wire.sent();
    let mut sender = new(text, wire);
    sender.send();
    let length = sent.get();
    Entry::new(name, move || {
        let before = sent.get();
        (0..MESSAGES).for_each(|_| sender.send());
        assert_eq!(sent.get() - before, MESSAGES * length);
        MESSAGES
    })
}

/// Returns whether `sent` is the text in one frame, with any mask.
fn is_frame(framing: Framing, sent: &[u8], text: &[u8]) -> bool {
    let Some(begin) = sent.len().checked_sub(text.len()) else {
        return false;
    };
    let mut expected = Vec::new();
    match framing {
        Framing::Hixie => frames::hixie(text, &mut expected),
        Framing::Server => {
            frames::head(Kind::Text, text.len(), None, &mut expected);
            expected.extend_from_slice(text);
        }
        Framing::Client => {
            let Some(mask) = sent[..begin].last_chunk::<4>() else {
                return false;
            };
            frames::head(Kind::Text, text.len(), Some(*mask), &mut expected);
            expected.extend(text.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m));
        }
    }
    sent == expected
}
