//! Two connections joined: what one end is told to say, the other hears.

mod common;

use std::time::Duration;

use common::pair::{Pair, Side};
use hybi::{
    ClientRequest, Close, Closed, Config, Dialect, Dialects, Phase, PreparedMessage, Refused,
};
use proptest::prelude::*;
use proptest::sample::Index;

#[derive(Clone, Debug)]
enum Step {
    Send(Side, String),
    /// A message encoded before.
    Encoded(Side, String),
    /// A frame of which the socket takes a part.
    Frame(Side, String, Index),
    Close(Side),
    Turns(u8),
    Elapse(u16),
}

fn config() -> Config {
    Config::new().dialects(Dialects::ALL)
}

fn dialect() -> impl Strategy<Value = Dialect> {
    prop_oneof![Just(Dialect::Hixie75), Just(Dialect::Hixie76)]
}

fn who() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Client), Just(Side::Server)]
}

/// FR-2: anything may stand in a text. U+00FF is no byte FF.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        1 => Just(String::new()),
        1 => "\0{1,3}",
        1 => "\u{ff}{1,3}",
        4 => prop::collection::vec(any::<char>(), 0..24).prop_map(String::from_iter),
        1 => (any::<char>(), 1..3000_usize).prop_map(|(c, n)| c.to_string().repeat(n)),
    ]
}

/// What each read and write takes; a socket may also take nothing.
fn sizes() -> impl Strategy<Value = Vec<usize>> {
    let some = prop_oneof![1 => Just(0), 4 => 1..4_usize, 4 => 1..100_usize, 2 => 1..10_000_usize];
    prop::collection::vec(some, 1..8).prop_map(|mut sizes| {
        sizes.push(1);
        sizes
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (who(), text()).prop_map(|(who, text)| Step::Send(who, text)),
        2 => (who(), text()).prop_map(|(who, text)| Step::Encoded(who, text)),
        3 => (who(), text(), any::<Index>()).prop_map(|(who, text, n)| Step::Frame(who, text, n)),
        1 => who().prop_map(Step::Close),
        6 => (0..20_u8).prop_map(Step::Turns),
        1 => (0..1000_u16).prop_map(Step::Elapse),
    ];
    prop::collection::vec(step, 0..24)
}

/// A pair and what each end was told to say.
struct Run {
    pair: Pair,
    dialect: Dialect,
    told: [Vec<String>; 2],
    closed: [bool; 2],
    opening: [usize; 2],
}

impl Run {
    fn open(dialect: Dialect, entropy: [u8; 32], sizes: Vec<usize>) -> Self {
        let target = ClientRequest::new("ws://example.com/demo")
            .unwrap()
            .with_dialect(Dialect::Hixie76);
        let mut pair = Pair::new(&config(), &target.with_dialect(dialect), entropy, sizes);
        pair.drive();
        for who in Side::BOTH {
            assert_eq!(pair[who].opened, [dialect], "{who:?}");
        }
        let opening = Side::BOTH.map(|who| pair[who].sent.len());
        Self {
            pair,
            dialect,
            told: Default::default(),
            closed: Default::default(),
            opening,
        }
    }

    /// CL-3: whether this end may still send.
    fn may_send(&self, who: Side) -> bool {
        !self.closed[who as usize] && self.pair[who].conn.closed().is_none()
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Send(who, text) => {
                let may_send = self.may_send(who);
                let sent = self.pair[who].conn.send_text(&text);
                self.sent(who, text, may_send, sent);
            }
            Step::Encoded(who, text) => {
                let may_send = self.may_send(who);
                let encoded = PreparedMessage::text(self.dialect, &text);
                let sent = self.pair[who].conn.send_prepared(&encoded);
                self.sent(who, text, may_send, sent);
            }
            Step::Frame(who, text, n) => self.frame(who, text, n),
            Step::Close(who) => {
                let first = self.may_send(who);
                let refused = self.pair[who].conn.close(&Close::EMPTY);
                assert_eq!(refused, if first { Ok(()) } else { Err(Refused::Closing) });
                self.closed[who as usize] |= first;
            }
            Step::Turns(n) => (0..n).for_each(|_| {
                self.pair.turn();
            }),
            Step::Elapse(ms) => self.pair.elapse(Duration::from_millis(ms.into())),
        }
    }

    fn sent(&mut self, who: Side, text: String, may_send: bool, sent: Result<(), Refused>) {
        if may_send {
            assert_eq!(sent, Ok(()));
            self.told[who as usize].push(text);
        } else {
            assert_eq!(sent, Err(Refused::Closing));
        }
    }

    fn frame(&mut self, who: Side, text: String, n: Index) {
        let may_send = self.may_send(who);
        let end = &mut self.pair[who];
        let pending = end.conn.wants_write();
        // FR-11
        let bytes = [b"\x00", text.as_bytes(), b"\xff"].concat();
        let taken = n.index(bytes.len() + 1);
        let framed = end.conn.send_text_vectored(&text).map(|frame| {
            assert_eq!(frame.slices().concat(), bytes);
            frame.advance(taken);
        });
        if !may_send {
            assert_eq!(framed, Err(Refused::Closing));
        } else if pending {
            assert_eq!(framed, Err(Refused::BufferFull { limit: 1 << 20 }));
        } else {
            assert_eq!(framed, Ok(()));
            assert_eq!(end.conn.transmit(), &bytes[taken..]);
            end.sent.extend_from_slice(&bytes[..taken]);
            self.pair.carry(who, &bytes[..taken]);
            self.told[who as usize].push(text);
        }
    }

    /// FR-11: all that an end wrote behind the opening.
    fn frames(&self, who: Side) -> Vec<u8> {
        let frame = |text: &String| [b"\x00", text.as_bytes(), b"\xff"].concat();
        let mut frames: Vec<u8> = self.told[who as usize].iter().flat_map(frame).collect();
        let ended = !self.pair[who].closed.is_empty();
        if ended && self.dialect == Dialect::Hixie76 {
            frames.extend_from_slice(b"\xff\x00"); // CL-6: one, and last
        }
        frames
    }

    fn wrote(&self, who: Side) -> &[u8] {
        &self.pair[who].sent[self.opening[who as usize]..]
    }

    /// CL-1 to CL-6: all that either end was told to say arrived, and both know of the end.
    fn finish_76(mut self, closer: Side) {
        if self.closed == [false; 2] {
            self.step(Step::Close(closer));
        }
        self.pair.drive();
        for who in Side::BOTH {
            let end = &self.pair[who];
            assert_eq!(end.texts, self.told[who.other() as usize], "to {who:?}");
            assert_eq!(end.closed, [Closed::Clean(Close::EMPTY)], "{who:?}");
            assert!(end.conn.is_done());
            assert_eq!(self.wrote(who), self.frames(who));
        }
    }

    /// CL-20: what the end that closed was told before arrives; it reads no more itself.
    fn finish_75(mut self, closer: Side) {
        if self.closed == [false; 2] {
            self.step(Step::Close(closer));
        }
        self.pair.drive();
        for who in Side::BOTH {
            let end = &self.pair[who];
            let events = &self.told[who.other() as usize];
            assert!(events.starts_with(&end.texts), "to {who:?}");
            if self.closed[who as usize] {
                assert_eq!(end.closed, [Closed::LocallyClosed]);
                assert_eq!(self.wrote(who), self.frames(who));
            } else {
                assert_eq!(end.closed, [Closed::Eof(Phase::Open)]);
                assert_eq!(&end.texts, events);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    // RQ-20, H76-3, H76-39, KEY-8, KEY-9: whatever the keys are
    #[test]
    fn any_handshake_goes_through(
        dialect in dialect(),
        secure: bool,
        port in prop_oneof![Just(None), (1..=u16::MAX).prop_map(Some)],
        resource in "([/?][!-\"$-~]{0,20})?",
        protocol in prop_oneof![Just(None), "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}".prop_map(Some)],
        cookie in prop_oneof![Just(None), "[ -~\t\u{80}-\u{ff}]{0,40}".prop_map(Some)],
        entropy: [u8; 32],
        sizes in sizes(),
    ) {
        let scheme = if secure { "wss" } else { "ws" };
        let port = port.map_or(String::new(), |port| format!(":{port}"));
        let url = format!("{scheme}://Example.com{port}{resource}");
        let mut target = ClientRequest::new(&url).unwrap().with_dialect(dialect);
        if let Some(protocol) = &protocol {
            target = target.with_protocol(protocol).unwrap();
        }
        if let Some(cookie) = &cookie {
            target = target.with_header("Cookie", cookie).unwrap();
        }
        let mut pair = Pair::new(&config().tls(secure), &target, entropy, sizes);
        pair.drive();
        for who in Side::BOTH {
            prop_assert_eq!(&pair[who].opened, &[dialect]);
            prop_assert!(pair[who].closed.is_empty());
            prop_assert_eq!(pair[who].conn.dialect(), Some(dialect));
        }
    }

    // FR-11, FR-15
    #[test]
    fn messages_in_are_messages_out(
        dialect in dialect(),
        entropy: [u8; 32],
        sizes in sizes(),
        steps in steps(),
        closer in who(),
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
fn cl_5_both_close_at_once_in_the_middle_of_each_others_messages() {
    for sizes in [vec![1], vec![3], vec![2, 5, 1], vec![10_000]] {
        let mut run = Run::open(Dialect::Hixie76, [1; 32], sizes);
        for who in Side::BOTH {
            run.step(Step::Send(who, "before".repeat(20)));
            run.step(Step::Send(who, String::new()));
        }
        run.step(Step::Turns(3));
        for who in Side::BOTH {
            run.step(Step::Close(who));
        }
        run.finish_76(Side::Client);
    }
}

#[test]
fn fr_15_a_message_of_a_mebibyte_both_ways() {
    for dialect in [Dialect::Hixie75, Dialect::Hixie76] {
        let target = ClientRequest::new("ws://example.com/")
            .unwrap()
            .with_dialect(dialect);
        let text = "\u{ff}\u{1f600}ab".repeat((1 << 20) / 8);
        assert_eq!(text.len(), 1 << 20);
        let config = config().max_send_buffer((1 << 20) + 2);
        let mut pair = Pair::new(&config, &target, [3; 32], vec![4096, 1, 65_536, 3]);
        pair.drive();
        for who in Side::BOTH {
            pair[who].conn.send_text(&text).unwrap();
        }
        pair.drive();
        for who in Side::BOTH {
            assert!(pair[who].texts == [text.as_str()], "to {who:?}");
        }
    }
}

/// FR-11, and the docs of `VectoredMessage`: what was not written is queued, also when it is dropped.
#[test]
fn fr_11_a_frame_of_which_any_part_was_written() {
    for dialect in [Dialect::Hixie75, Dialect::Hixie76] {
        for text in ["", "a", "h\u{e9}llo\0\u{ff}"] {
            let bytes = [b"\x00", text.as_bytes(), b"\xff"].concat();
            for taken in 0..=bytes.len() {
                let mut run = Run::open(dialect, [5; 32], vec![7]);
                let conn = &mut run.pair[Side::Server].conn;
                let frame = conn.send_text_vectored(text).unwrap();
                assert_eq!(frame.slices().concat(), bytes);
                frame.advance(taken);
                assert_eq!(conn.transmit(), &bytes[taken..]);
                let refused = conn.send_text_vectored("next").err();
                let full = taken < bytes.len();
                assert_eq!(
                    refused,
                    full.then_some(Refused::BufferFull { limit: 1 << 20 })
                );
            }
            let mut run = Run::open(dialect, [5; 32], vec![7]);
            let conn = &mut run.pair[Side::Client].conn;
            drop(conn.send_text_vectored(text).unwrap());
            assert_eq!(conn.transmit(), bytes);
        }
    }
}

#[test]
#[should_panic = "advance(4) on a message of 3 bytes"]
fn more_written_than_there_is() {
    let mut run = Run::open(Dialect::Hixie76, [5; 32], vec![7]);
    let conn = &mut run.pair[Side::Client].conn;
    conn.send_text_vectored("a").unwrap().advance(4);
}

#[test]
fn cl_9_a_peer_that_never_answers_a_close_is_left_in_time() {
    let mut run = Run::open(Dialect::Hixie76, [5; 32], vec![7]);
    run.step(Step::Close(Side::Client));
    // The server's end of the wire is cut: it takes no turn.
    let conn = &mut run.pair[Side::Client].conn;
    let start = Duration::from_secs(100);
    assert_eq!(conn.tick(start), Some(Duration::from_secs(5)));
    conn.advance(conn.transmit().len());
    conn.tick(start + Duration::from_secs(5));
    assert_eq!(conn.closed(), Some(&Closed::TimedOut(Phase::Closing)));
}
