//! The state machine of the opening handshake, for both roles.

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
    /// Server: reading the first bytes, which may not be HTTP.
    Sniff(Sniffer, Limits),
    /// Server: reading the head of the request.
    RequestHead(Head),
    /// Server: the application has to accept or answer the request.
    AwaitAnswer(Request),
    /// Server: the head of the response is queued; reading the 8 bytes after the head of the
    /// request.
    Key3 {
        key_parts: [u32; 2],
        key3: FixedBuf<8>,
    },
    /// Client: reading the head of the reply.
    ReplyHead(Box<PendingReply>),
    /// Client: reading the 16 bytes after the head of the reply.
    ReplyChallenge {
        reply: Reply,
        expected: [u8; 16],
        received: FixedBuf<16>,
    },
}

/// The request that a client sent, and its incomplete reply.
pub(super) struct PendingReply {
    pub(super) head: Head,
    pub(super) request: ClientRequest,
    pub(super) proof: Proof,
}

/// The result of [`HandshakeState::read`].
pub(super) enum Outcome {
    NeedMore,
    /// The state changed, or input is left: call `read` again.
    Continue,
    Request(Request),
    /// The third key is complete; this is the response to send.
    Key3([u8; 16]),
    Open(Reply),
    FlashPolicy(&'static str),
    Rejected(u16),
    Failed(ProtocolError),
}

impl HandshakeState {
    /// PX-4: returns whether an HTTP response can be queued: on a server that has not queued one
    /// yet.
    pub(super) fn can_respond(&self) -> bool {
        matches!(
            self,
            HandshakeState::Sniff(..)
                | HandshakeState::RequestHead(_)
                | HandshakeState::AwaitAnswer(_)
        )
    }

    /// See [`Head::buffer_fragment`].
    pub(super) fn buffer_fragment(&mut self, input: &mut &mut [u8]) -> bool {
        let head = match self {
            HandshakeState::RequestHead(head) => head,
            HandshakeState::ReplyHead(pending) => &mut pending.head,
            _ => return false,
        };
        let buffered = head.buffer_fragment(input);
        if buffered {
            take(input, input.len());
        }
        buffered
    }

    /// Consumes bytes from the front of `input`.
    // Not inlined, so that its caller stays small.
    #[inline(never)]
    pub(super) fn read(&mut self, config: &Config, input: &mut &mut [u8]) -> Outcome {
        let initial: &[u8] = input;
        let mut rest = initial;
        let outcome = match self {
            HandshakeState::Sniff(sniffer, limits) => match sniffer.read(&mut rest) {
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
            HandshakeState::Key3 { key_parts, key3 } => match key3.read(&mut rest) {
                Some(key3) => Outcome::Key3(challenge::answer(*key_parts, key3)),
                None => Outcome::NeedMore,
            },
            HandshakeState::ReplyHead(pending) => match pending.head.read(&mut rest) {
                Ok(Progress::StartLine) if pending.head.status() != 101 => {
                    Outcome::Rejected(pending.head.status())
                }
                Ok(Progress::Complete) => {
                    let head = mem::replace(&mut pending.head, Head::response(Limits::NONE));
                    match (
                        handshake::check_reply(head, &pending.request, &pending.proof),
                        pending.proof,
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
                received,
            } => match received.read(&mut rest) {
                // H76-39: nothing is decided before all 16 bytes have arrived.
                Some(received) if received == *expected => Outcome::Open(reply.clone()),
                Some(received) => {
                    let matching = received.iter().zip(&*expected).take_while(|(a, b)| a == b);
                    let at = matching.count() as u32;
                    Outcome::Failed(ProtocolError::ChallengeMismatch { at })
                }
                None => Outcome::NeedMore,
            },
        };
        let consumed = initial.len() - rest.len();
        take(input, consumed);
        outcome
    }
}

/// Omits keys and expected responses.
impl fmt::Debug for HandshakeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandshakeState::Sniff(sniffer, _) => sniffer.fmt(f),
            HandshakeState::RequestHead(head) => head.fmt(f),
            HandshakeState::AwaitAnswer(request) => request.fmt(f),
            HandshakeState::Key3 { key3, .. } => key3.fmt(f),
            HandshakeState::ReplyHead(pending) => (&pending.head, &pending.request).fmt(f),
            HandshakeState::ReplyChallenge {
                reply, received, ..
            } => (reply, received).fmt(f),
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

/// Collects `N` bytes, however the input is split (H76-1).
#[derive(Clone, Copy)]
pub(super) struct FixedBuf<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> FixedBuf<N> {
    /// Consumes bytes from the front of `input`; returns all `N` bytes once they are complete.
    fn read(&mut self, input: &mut &[u8]) -> Option<[u8; N]> {
        let unfilled = self.bytes.get_mut(self.len..).unwrap_or_default();
        let n = unfilled.len().min(input.len());
        let (bytes, rest) = input.split_at_checked(n)?;
        unfilled.get_mut(..n)?.copy_from_slice(bytes);
        *input = rest;
        self.len += n;
        if self.len < N {
            return None;
        }
        Some(self.bytes)
    }
}

impl<const N: usize> Default for FixedBuf<N> {
    fn default() -> Self {
        Self {
            bytes: [0; N],
            len: 0,
        }
    }
}

/// Omits the bytes.
impl<const N: usize> fmt::Debug for FixedBuf<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FixedBuf({} of {N} bytes)", self.len)
    }
}
