//! Sending: one message, one flush, and a socket that takes all of it.

use hybi::{Dialect, Role};

use super::{Base, Group, HYBI, TUNGSTENITE};
use crate::corpus::{Kind, Random, payload};
use crate::entry::Entry;
use crate::frames;
use crate::impls::{floors, ours, tungstenite};
use crate::wire::Wire;

const FLOOR: &str = "head and copy";
const FRAME: &str = "hybi, frame_text";

/// What a frame that is not copied may take at any length, in nanoseconds.
const UNCOPIED: f64 = 30.0;

pub(super) fn groups() -> Vec<Group> {
    let uncopied = |group: Group| group.target_of(FRAME, Base::Nanos(UNCOPIED), 1.0, None);
    vec![
        uncopied(
            server(16)
                .target(TUNGSTENITE, 3.5, None)
                .target(FLOOR, 0.7, None),
        ),
        server(125)
            .target(TUNGSTENITE, 3.5, None)
            .target(FLOOR, 0.7, None),
        server(1024)
            .target(TUNGSTENITE, 1.8, None)
            .target(FLOOR, 0.7, None),
        server(65_536).target(TUNGSTENITE, 0.9, None),
        server(1 << 20).target(TUNGSTENITE, 0.9, None).target_of(
            FRAME,
            Base::Nanos(UNCOPIED),
            1.0,
            None,
        ),
        client(16)
            .target(TUNGSTENITE, 3.5, None)
            .target(FLOOR, 0.6, None),
        client(125)
            .target(TUNGSTENITE, 2.5, None)
            .target(FLOOR, 0.6, None),
        client(1024)
            .target(TUNGSTENITE, 1.6, None)
            .target(FLOOR, 0.6, None),
        client(65_536).target(TUNGSTENITE, 0.9, None),
        client(1 << 20).target(TUNGSTENITE, 0.9, None),
        hixie(16).target(FLOOR, 0.7, None),
        hixie(125).target(FLOOR, 0.7, None),
        hixie(1024).target(FLOOR, 0.7, None),
    ]
}

fn text(size: usize) -> String {
    let payload = payload(Kind::Text, size, &mut Random::default());
    String::from_utf8(payload).expect("ASCII")
}

fn server(size: usize) -> Group {
    Group::new(format!("send/server/{size}"), move || {
        let text = text(size);
        let mut frame = Vec::new();
        frames::head(Kind::Text, size, None, &mut frame);
        frame.extend_from_slice(text.as_bytes());
        let is_frame = |sent: &[u8]| sent == frame;
        vec![
            hybi(Role::Server, Dialect::Rfc6455, &text, is_frame),
            tungstenite(tungstenite::Sender::server(&text), is_frame),
            floor(&text, floors::Sender::server, is_frame),
            uncopied(&text),
        ]
    })
}

fn client(size: usize) -> Group {
    Group::new(format!("send/client/{size}"), move || {
        let text = text(size);
        let is_frame = |sent: &[u8]| is_masked(sent, text.as_bytes());
        vec![
            hybi(Role::Client, Dialect::Rfc6455, &text, is_frame),
            tungstenite(tungstenite::Sender::client(&text), is_frame),
            floor(&text, floors::Sender::client, is_frame),
        ]
    })
}

fn hixie(size: usize) -> Group {
    Group::new(format!("send/hixie/{size}"), move || {
        let text = text(size);
        let mut frame = Vec::new();
        frames::hixie(text.as_bytes(), &mut frame);
        let is_frame = |sent: &[u8]| sent == frame;
        vec![
            hybi(Role::Server, Dialect::Hixie76, &text, is_frame),
            floor(&text, floors::Sender::hixie, is_frame),
        ]
    })
}

fn hybi(role: Role, dialect: Dialect, text: &str, is_frame: impl Fn(&[u8]) -> bool) -> Entry {
    let text = text.to_owned();
    let send = move |sender: &mut ours::Sender| sender.text(&text);
    let sender = ours::Sender::new(role, dialect);
    entry(HYBI, sender, send, |sender| &mut sender.wire, is_frame)
}

fn tungstenite(sender: tungstenite::Sender, is_frame: impl Fn(&[u8]) -> bool) -> Entry {
    use tungstenite::Sender;
    entry(TUNGSTENITE, sender, Sender::text, Sender::wire, is_frame)
}

fn floor(
    text: &str,
    send: fn(&mut floors::Sender, &str),
    is_frame: impl Fn(&[u8]) -> bool,
) -> Entry {
    let text = text.to_owned();
    let send = move |sender: &mut floors::Sender| send(sender, &text);
    let sender = floors::Sender::default();
    entry(FLOOR, sender, send, |sender| &mut sender.wire, is_frame)
}

fn uncopied(text: &str) -> Entry {
    let text = text.to_owned();
    let mut sender = ours::Sender::new(Role::Server, Dialect::Rfc6455);
    Entry::new(FRAME, move || {
        sender.frame(&text);
        1
    })
}

/// Compares what is sent before any time is taken, and its length after.
fn entry<S: 'static>(
    name: &'static str,
    mut sender: S,
    send: impl Fn(&mut S) + 'static,
    wire: fn(&mut S) -> &mut Wire,
    is_frame: impl Fn(&[u8]) -> bool,
) -> Entry {
    let mut length = 0;
    for _ in 0..3 {
        wire(&mut sender).keep();
        send(&mut sender);
        let sent = wire(&mut sender).kept();
        assert!(is_frame(&sent), "{name} sends another frame");
        length = sent.len() as u64;
    }
    Entry::new(name, move || {
        const MESSAGES: u64 = 8;
        let before = wire(&mut sender).sent();
        (0..MESSAGES).for_each(|_| send(&mut sender));
        let sent = wire(&mut sender).sent() - before;
        assert_eq!(sent, MESSAGES * length);
        MESSAGES
    })
}

/// Whether `sent` is the text in one frame under any mask.
fn is_masked(sent: &[u8], text: &[u8]) -> bool {
    let Some(begin) = sent.len().checked_sub(text.len()) else {
        return false;
    };
    let (head, payload) = sent.split_at(begin);
    let Some(mask) = head.last_chunk::<4>() else {
        return false;
    };
    let mut expected = Vec::new();
    frames::head(Kind::Text, text.len(), Some(*mask), &mut expected);
    let unmasked = payload.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m);
    head == expected && unmasked.eq(text.iter().copied())
}
