//! The opening handshake, step by step: what the bytes of either side's head bring about.

use alloc::boxed::Box;
use core::{fmt, mem};

use crate::config::Config;
use crate::error::ProtocolError;
use crate::frame::take;
use crate::handshake::challenge::{self, Proof};
use crate::handshake::{self, ClientRequest, Reply, Request};
use crate::http::{Head, Limits, Progress};
use crate::sniff::{Sniffed, Sniffer};

pub(super) enum HandshakeState {
    /// Server: the first bytes, which need not be HTTP.
    Sniff(Sniffer, Limits),
    /// Server: the head.
    RequestHead(Head),
    /// Server: the application is to answer.
    AwaitAnswer(Request),
    /// Server: the reply's head is queued, and the 8 bytes behind the request are awaited.
    Key3 {
        key_parts: [u32; 2],
        key3: FixedBuf<8>,
    },
    /// Client: the head of the reply.
    ReplyHead(Box<PendingReply>),
    /// Client: the 16 bytes behind it.
    ReplyChallenge {
        reply: Reply,
        expected: [u8; 16],
        received: FixedBuf<16>,
    },
}

/// What a client asked for, and the reply in the making.
pub(super) struct PendingReply {
    pub(super) head: Head,
    pub(super) request: ClientRequest,
    pub(super) proof: Proof,
}

/// What came of reading on in the opening handshake.
pub(super) enum Outcome {
    NeedMore,
    Continue,
    Request(Request),
    Key3([u8; 16]),
    Open(Reply),
    FlashPolicy(&'static str),
    Rejected(u16),
    Failed(ProtocolError),
}

impl HandshakeState {
    /// Whether an HTTP response may be queued: a server's, before its reply has begun (PX-4).
    pub(super) fn can_respond(&self) -> bool {
        matches!(
            self,
            HandshakeState::Sniff(..)
                | HandshakeState::RequestHead(_)
                | HandshakeState::AwaitAnswer(_)
        )
    }

    /// See [`Head::read_bit`].
    pub(super) fn buffer_fragment(&mut self, input: &mut &mut [u8]) -> bool {
        let head = match self {
            HandshakeState::RequestHead(head) => head,
            HandshakeState::ReplyHead(asked) => &mut asked.head,
            _ => return false,
        };
        let is_bit = head.buffer_fragment(input);
        if is_bit {
            take(input, input.len());
        }
        is_bit
    }

    /// Takes bytes off the front of `input`.
    // Not inlined, so that its caller stays small.
    #[inline(never)]
    pub(super) fn read(&mut self, config: &Config, input: &mut &mut [u8]) -> Outcome {
        let before: &[u8] = input;
        let mut rest = before;
        let step = match self {
            HandshakeState::Sniff(preface, limits) => match preface.read(&mut rest) {
                Sniffed::NeedMore => Outcome::NeedMore,
                Sniffed::Other => {
                    *self = HandshakeState::RequestHead(Head::request(*limits));
                    Outcome::Continue
                }
                Sniffed::TlsClientHello => Outcome::Failed(ProtocolError::TlsClientHello),
                Sniffed::Malformed { at } => {
                    Outcome::Failed(ProtocolError::InvalidStartLine { at })
                }
                Sniffed::FlashPolicyRequest => match config.flash_policy {
                    Some(policy) => {
                        Outcome::FlashPolicy(policy.split('\0').next().unwrap_or_default())
                    }
                    None => Outcome::Failed(ProtocolError::FlashPolicyRequest),
                },
            },
            HandshakeState::RequestHead(head) => match head.read(&mut rest) {
                Ok(Progress::Complete) => {
                    let head = mem::replace(head, Head::request(Limits::NONE));
                    match Request::check(head) {
                        Ok(request) => Outcome::Request(request),
                        Err(error) => Outcome::Failed(error),
                    }
                }
                progress => head_outcome(progress, rest),
            },
            HandshakeState::AwaitAnswer(_) => Outcome::NeedMore,
            HandshakeState::Key3 {
                key_parts: parts,
                key3,
            } => match key3.read(&mut rest) {
                Some(key3) => Outcome::Key3(challenge::answer(*parts, key3)),
                None => Outcome::NeedMore,
            },
            HandshakeState::ReplyHead(asked) => match asked.head.read(&mut rest) {
                Ok(Progress::StartLine) if asked.head.status() != 101 => {
                    Outcome::Rejected(asked.head.status())
                }
                Ok(Progress::Complete) => {
                    let head = mem::replace(&mut asked.head, Head::response(Limits::NONE));
                    match (
                        handshake::check_reply(head, &asked.request, &asked.proof),
                        asked.proof,
                    ) {
                        (Ok(reply), Proof::Answer(expected)) => {
                            *self = HandshakeState::ReplyChallenge {
                                reply,
                                expected,
                                received: FixedBuf::default(),
                            };
                            Outcome::Continue
                        }
                        (Ok(reply), Proof::None | Proof::Accept(_)) => Outcome::Open(reply),
                        (Err(error), _) => Outcome::Failed(error),
                    }
                }
                progress => head_outcome(progress, rest),
            },
            HandshakeState::ReplyChallenge {
                reply,
                expected,
                received: answer,
            } => match answer.read(&mut rest) {
                // H76-39: all 16 before anything is said of them.
                Some(answer) if answer == *expected => Outcome::Open(reply.clone()),
                Some(answer) => {
                    let same = answer.iter().zip(&*expected).take_while(|(a, b)| a == b);
                    let at = same.count() as u32;
                    Outcome::Failed(ProtocolError::ChallengeMismatch { at })
                }
                None => Outcome::NeedMore,
            },
        };
        let taken = before.len() - rest.len();
        take(input, taken);
        step
    }
}

/// Never shows what keys stand for, nor what has to come of them.
impl fmt::Debug for HandshakeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandshakeState::Sniff(preface, _) => preface.fmt(f),
            HandshakeState::RequestHead(head) => head.fmt(f),
            HandshakeState::AwaitAnswer(request) => request.fmt(f),
            HandshakeState::Key3 { key3, .. } => key3.fmt(f),
            HandshakeState::ReplyHead(asked) => (&asked.head, &asked.request).fmt(f),
            HandshakeState::ReplyChallenge {
                reply,
                received: answer,
                ..
            } => (reply, answer).fmt(f),
        }
    }
}

fn head_outcome(progress: Result<Progress, ProtocolError>, rest: &[u8]) -> Outcome {
    match progress {
        Ok(_) if rest.is_empty() => Outcome::NeedMore,
        Ok(_) => Outcome::Continue,
        Err(error) => Outcome::Failed(error),
    }
}

/// Bytes of a fixed count, however they are cut (H76-1).
#[derive(Clone, Copy)]
pub(super) struct FixedBuf<const N: usize> {
    bytes: [u8; N],
    count: usize,
}

impl<const N: usize> FixedBuf<N> {
    fn read(&mut self, input: &mut &[u8]) -> Option<[u8; N]> {
        let free = self.bytes.get_mut(self.count..).unwrap_or_default();
        let here = free.len().min(input.len());
        let (bytes, rest) = input.split_at_checked(here)?;
        free.get_mut(..here)?.copy_from_slice(bytes);
        *input = rest;
        self.count += here;
        if self.count < N {
            return None;
        }
        Some(self.bytes)
    }
}

impl<const N: usize> Default for FixedBuf<N> {
    fn default() -> Self {
        Self {
            bytes: [0; N],
            count: 0,
        }
    }
}

/// Never shows the bytes.
impl<const N: usize> fmt::Debug for FixedBuf<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gather({} of {N} bytes)", self.count)
    }
}
