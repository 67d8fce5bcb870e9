//! A client and a server connected: each side receives what the other sends.

use std::time::Duration;

use hybi::{
    ClientRequest, Close, Closed, Config, Dialect, Dialects, Phase, PreparedMessage, SendError,
};
use proptest::prelude::*;
use proptest::sample::Index;
use testkit::pair::{Pair, Side};
use testkit::strategies::cases;
use testkit::*;

#[derive(Clone, Debug)]
enum Step {
    Send(Side, String),
    SendPrepared(Side, String),
    /// A vectored message of which the socket takes some bytes.
    SendVectored(Side, String, Index),
    SendFragments(Side, Vec<String>),
    Close(Side),
    Exchange(u8),
    AdvanceTime(u16),
}

fn config() -> Config {
    Config::new().dialects(Dialects::ALL)
}

fn dialect() -> impl Strategy<Value = Dialect> {
    prop_oneof![Just(Dialect::Hixie75), Just(Dialect::Hixie76)]
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Client), Just(Side::Server)]
}

/// FR-2: any text. U+00FF does not contain a byte FF.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        1 => Just(String::new()),
        1 => "\0{1,3}",
        1 => "\u{ff}{1,3}",
        4 => prop::collection::vec(any::<char>(), 0..24).prop_map(String::from_iter),
        1 => (any::<char>(), 1..3000_usize).prop_map(|(c, n)| c.to_string().repeat(n)),
    ]
}

/// Maximum sizes of reads and writes; a socket may also take nothing.
fn sizes() -> impl Strategy<Value = Vec<usize>> {
    let size = prop_oneof![1 => Just(0), 4 => 1..4_usize, 4 => 1..100_usize, 2 => 1..10_000_usize];
    prop::collection::vec(size, 1..8).prop_map(|mut sizes| {
        sizes.push(1);
        sizes
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (side(), text()).prop_map(|(side, text)| Step::Send(side, text)),
        2 => (side(), text()).prop_map(|(side, text)| Step::SendPrepared(side, text)),
        3 => (side(), text(), any::<Index>()).prop_map(|(side, text, n)| Step::SendVectored(side, text, n)),
        2 => (side(), prop::collection::vec(text(), 1..4))
            .prop_map(|(side, fragments)| Step::SendFragments(side, fragments)),
        1 => side().prop_map(Step::Close),
        6 => (0..20_u8).prop_map(Step::Exchange),
        1 => (0..1000_u16).prop_map(Step::AdvanceTime),
    ];
    prop::collection::vec(step, 0..24)
}

/// A pair, and the messages each side sent.
struct Run {
    pair: Pair,
    dialect: Dialect,
    messages: [Vec<String>; 2],
    closed: [bool; 2],
    handshake_len: [usize; 2],
}

impl Run {
    fn open(dialect: Dialect, entropy: [u8; 32], sizes: Vec<usize>) -> Self {
        let target = client_request(dialect);
        let mut pair = Pair::new(&config(), &target, entropy, sizes);
        pair.run_until_idle();
        for side in Side::BOTH {
            assert_eq!(pair[side].opened, [dialect], "{side:?}");
        }
        let handshake_len = Side::BOTH.map(|side| pair[side].sent.len());
        Self {
            pair,
            dialect,
            messages: Default::default(),
            closed: Default::default(),
            handshake_len,
        }
    }

    /// Returns whether this side can still send (CL-3).
    fn can_send(&self, side: Side) -> bool {
        !self.closed[side as usize] && self.pair[side].conn.closed().is_none()
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Send(side, text) => {
                let can_send = self.can_send(side);
                let result = self.pair[side].conn.send_text(&text);
                self.check_sent(side, text, can_send, result);
            }
            Step::SendPrepared(side, text) => {
                let can_send = self.can_send(side);
                let message = PreparedMessage::text(&text);
                let result = self.pair[side].conn.send_prepared(&message);
                self.check_sent(side, text, can_send, result);
            }
            Step::SendVectored(side, text, n) => self.send_vectored(side, text, n),
            Step::SendFragments(side, fragments) => {
                let can_send = self.can_send(side);
                let conn = &mut self.pair[side].conn;
                let (last, others) = fragments.split_last().unwrap();
                let result = others
                    .iter()
                    .try_for_each(|text| conn.send_text_fragment(text, false))
                    .and_then(|()| conn.send_text_fragment(last, true));
                self.check_sent(side, fragments.concat(), can_send, result);
            }
            Step::Close(side) => {
                let can_close = self.can_send(side);
                assert_eq!(self.pair[side].conn.close(&Close::EMPTY), Ok(()));
                self.closed[side as usize] |= can_close;
            }
            Step::Exchange(n) => (0..n).for_each(|_| {
                self.pair.step();
            }),
            Step::AdvanceTime(ms) => self.pair.advance_time(Duration::from_millis(ms.into())),
        }
    }

    fn check_sent(
        &mut self,
        side: Side,
        text: String,
        can_send: bool,
        result: Result<(), SendError>,
    ) {
        if can_send {
            assert_eq!(result, Ok(()));
            self.messages[side as usize].push(text);
        } else {
            assert_eq!(result, Err(SendError::Closing));
        }
    }

    fn send_vectored(&mut self, side: Side, text: String, n: Index) {
        let can_send = self.can_send(side);
        let endpoint = &mut self.pair[side];
        // FR-11
        let frame = [b"\x00", text.as_bytes(), b"\xff"].concat();
        let bytes = [endpoint.conn.transmit(), &frame].concat();
        let written = n.index(bytes.len() + 1);
        let result = endpoint.conn.send_text_vectored(&text).map(|mut message| {
            assert_eq!(message.slices().concat(), bytes);
            message.advance(written);
            assert_eq!(message.slices().concat(), bytes[written..]);
        });
        if result.is_ok() {
            assert_eq!(endpoint.conn.transmit(), &bytes[written..]);
            endpoint.sent.extend_from_slice(&bytes[..written]);
            self.pair.deliver(side, &bytes[..written]);
        }
        self.check_sent(side, text, can_send, result);
    }

    /// Returns the expected output of a side after the handshake (FR-11).
    fn expected_frames(&self, side: Side) -> Vec<u8> {
        let frame = |text: &String| [b"\x00", text.as_bytes(), b"\xff"].concat();
        let mut frames: Vec<u8> = self.messages[side as usize]
            .iter()
            .flat_map(frame)
            .collect();
        let is_closed = !self.pair[side].closed.is_empty();
        if is_closed && self.dialect == Dialect::Hixie76 {
            frames.extend_from_slice(b"\xff\x00"); // CL-6: a single close frame, at the end
        }
        frames
    }

    /// Returns the output of a side after the handshake.
    fn sent(&self, side: Side) -> &[u8] {
        &self.pair[side].sent[self.handshake_len[side as usize]..]
    }

    /// Closes, and checks that all messages arrived and both sides closed cleanly (CL-1 to CL-6).
    fn finish_76(mut self, closer: Side) {
        if self.closed == [false; 2] {
            self.step(Step::Close(closer));
        }
        self.pair.run_until_idle();
        for side in Side::BOTH {
            let endpoint = &self.pair[side];
            assert_eq!(
                endpoint.texts,
                self.messages[side.other() as usize],
                "to {side:?}"
            );
            assert_eq!(endpoint.closed, [Closed::Clean(Close::EMPTY)], "{side:?}");
            assert!(endpoint.conn.is_done());
            assert_eq!(self.sent(side), self.expected_frames(side));
        }
    }

    /// Closes, and checks that all messages of the closing side arrived; it stops reading (CL-20).
    fn finish_75(mut self, closer: Side) {
        if self.closed == [false; 2] {
            self.step(Step::Close(closer));
        }
        self.pair.run_until_idle();
        for side in Side::BOTH {
            let endpoint = &self.pair[side];
            let messages = &self.messages[side.other() as usize];
            assert!(messages.starts_with(&endpoint.texts), "to {side:?}");
            if self.closed[side as usize] {
                assert_eq!(endpoint.closed, [Closed::LocallyClosed]);
                assert_eq!(self.sent(side), self.expected_frames(side));
            } else {
                assert_eq!(endpoint.closed, [Closed::Eof(Phase::Open)]);
                assert_eq!(&endpoint.texts, messages);
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(512))]

    // RQ-20, H76-3, H76-39, KEY-8, KEY-9: with any keys
    #[test]
    fn any_handshake_completes(
        dialect in dialect(),
        tls: bool,
        port in prop_oneof![Just(None), (1..=u16::MAX).prop_map(Some)],
        resource in "([/?][!-\"$-~]{0,20})?",
        protocol in prop_oneof![Just(None), "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}".prop_map(Some)],
        cookie in prop_oneof![Just(None), "[ -~\t\u{80}-\u{ff}]{0,40}".prop_map(Some)],
        entropy: [u8; 32],
        sizes in sizes(),
    ) {
        let scheme = if tls { "wss" } else { "ws" };
        let port = port.map_or(String::new(), |port| format!(":{port}"));
        let url = format!("{scheme}://Example.com{port}{resource}");
        let mut target = ClientRequest::new(&url).unwrap().with_dialect(dialect);
        if let Some(protocol) = &protocol {
            target = target.with_protocol(protocol).unwrap();
        }
        if let Some(cookie) = &cookie {
            target = target.with_header("Cookie", cookie).unwrap();
        }
        let mut pair = Pair::new(&config().tls(tls), &target, entropy, sizes);
        pair.run_until_idle();
        for side in Side::BOTH {
            prop_assert_eq!(&pair[side].opened, &[dialect]);
            prop_assert!(pair[side].closed.is_empty());
            prop_assert_eq!(pair[side].conn.dialect(), Some(dialect));
        }
    }

    // FR-11, FR-15
    #[test]
    fn every_sent_message_is_received(
        dialect in dialect(),
        entropy: [u8; 32],
        sizes in sizes(),
        steps in steps(),
        closer in side(),
    ) {
        let mut run = Run::open(dialect, entropy, sizes);
        for step in steps {
            run.step(step);
        }
        match dialect {
            Dialect::Hixie76 => run.finish_76(closer),
            _ => run.finish_75(closer),
        }
    }
}

#[test]
fn both_sides_close_in_the_middle_of_messages_cl_5() {
    for sizes in [vec![1], vec![3], vec![2, 5, 1], vec![10_000]] {
        let mut run = Run::open(Dialect::Hixie76, [1; 32], sizes);
        for side in Side::BOTH {
            run.step(Step::Send(side, "before".repeat(20)));
            run.step(Step::Send(side, String::new()));
        }
        run.step(Step::Exchange(3));
        for side in Side::BOTH {
            run.step(Step::Close(side));
        }
        run.finish_76(Side::Client);
    }
}

#[test]
fn a_message_of_a_mebibyte_in_both_directions_fr_15() {
    for dialect in HIXIE {
        let target = ClientRequest::new("ws://example.com/")
            .unwrap()
            .with_dialect(dialect);
        let text = "\u{ff}\u{1f600}ab".repeat((1 << 20) / 8);
        assert_eq!(text.len(), 1 << 20);
        let config = config().max_send_buffer((1 << 20) + 2);
        let mut pair = Pair::new(&config, &target, [3; 32], vec![4096, 1, 65_536, 3]);
        pair.run_until_idle();
        for side in Side::BOTH {
            pair[side].conn.send_text(&text).unwrap();
        }
        pair.run_until_idle();
        for side in Side::BOTH {
            assert!(pair[side].texts == [text.as_str()], "to {side:?}");
        }
    }
}

/// Docs of `VectoredMessage`: unwritten bytes are queued, also when it is dropped.
#[test]
fn the_rest_of_a_partly_written_vectored_message_is_queued_fr_11() {
    for dialect in HIXIE {
        for text in ["", "a", "h\u{e9}llo\0\u{ff}"] {
            let bytes = [b"\x00", text.as_bytes(), b"\xff"].concat();
            for written in 0..=bytes.len() {
                let mut run = Run::open(dialect, [5; 32], vec![7]);
                let conn = &mut run.pair[Side::Server].conn;
                let mut message = conn.send_text_vectored(text).unwrap();
                assert_eq!(message.slices().concat(), bytes);
                message.advance(written);
                drop(message);
                assert_eq!(conn.transmit(), &bytes[written..]);
            }
            let mut run = Run::open(dialect, [5; 32], vec![7]);
            let conn = &mut run.pair[Side::Client].conn;
            drop(conn.send_text_vectored(text).unwrap());
            assert_eq!(conn.transmit(), bytes);
        }
    }
}

#[test]
#[should_panic = "advance(4) is greater than the length of the slices"]
fn advancing_past_the_end_panics() {
    let mut run = Run::open(Dialect::Hixie76, [5; 32], vec![7]);
    let conn = &mut run.pair[Side::Client].conn;
    conn.send_text_vectored("a").unwrap().advance(4);
}
