//! What the states of the opening handshake read.

use alloc::boxed::Box;
use core::{fmt, mem};

use crate::config::Config;
use crate::dialect::Dialect;
use crate::error::ProtocolError;
use crate::fixed_buf::FixedBuf;
use crate::handshake::challenge::{self, Proof};
use crate::handshake::{self, ClientRequest, Extensions, Rejection, Reply, Request};
use crate::http::{Head, Limits, Progress};
use crate::random::Masks;

/// The result of reading on in the handshake.
pub(super) enum Outcome {
    NeedMore,
    /// The state changed, or input is left: read again.
    Continue,
    Request(Request),
    /// The response to the key bytes, to be queued before [`Event::Open`](crate::Event::Open)
    /// (H76-4).
    Respond([u8; 16]),
    /// A client's reply is complete and valid, and these bytes have to follow.
    Challenge(Reply, [u8; 16]),
    /// A client's reply is complete and valid; with the generator of masks.
    Open(Reply, Extensions, Option<Box<Masks>>),
    FlashPolicy,
    Rejected(Rejection),
    Failed(ProtocolError),
}

impl Outcome {
    /// Returns the outcome for a head that is incomplete or invalid.
    pub(super) fn of_head(progress: Result<Progress, ProtocolError>) -> Self {
        match progress {
            Ok(_) => Self::NeedMore,
            Err(error) => Self::Failed(error),
        }
    }
}

/// The third key of Hixie-76: 8 bytes after the head of the request (H76-1).
pub(super) struct KeyBytes {
    pub(super) dialect: Dialect,
    key_parts: [u32; 2],
    key3: FixedBuf<8>,
}

impl KeyBytes {
    pub(super) fn new(dialect: Dialect, key_parts: [u32; 2]) -> Self {
        Self {
            dialect,
            key_parts,
            key3: FixedBuf::EMPTY,
        }
    }

    /// Returns the response once all bytes are read.
    pub(super) fn read(&mut self, input: &mut &[u8]) -> Option<[u8; 16]> {
        *input = self.key3.fill(input);
        let key3 = self.key3.complete()?;
        Some(challenge::challenge_response(self.key_parts, key3))
    }
}

/// Omits the keys.
impl fmt::Debug for KeyBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key3.fmt(f)
    }
}

/// The request that a client sent, and its incomplete reply.
pub(super) struct PendingReply {
    pub(super) head: Head,
    pub(super) request: ClientRequest,
    pub(super) proof: Proof,
    /// Generates the masks of the open connection.
    pub(super) masks: Option<Box<Masks>>,
}

impl PendingReply {
    pub(super) fn read(&mut self, config: &Config, input: &mut &[u8]) -> Outcome {
        match self.head.read(input) {
            Ok(Progress::Complete) => {
                let head = mem::replace(&mut self.head, Head::response(Limits::NONE));
                if head.status() != 101 {
                    return Outcome::Rejected(Rejection::new(head));
                }
                match (
                    handshake::check_response(head, &self.request, &self.proof, config),
                    self.proof,
                ) {
                    (Ok((reply, _)), Proof::ChallengeResponse(expected)) => {
                        Outcome::Challenge(reply, expected)
                    }
                    (Ok((reply, extensions)), Proof::None | Proof::Accept(_)) => {
                        Outcome::Open(reply, extensions, self.masks.take())
                    }
                    (Err(error), _) => Outcome::Failed(error),
                }
            }
            progress => Outcome::of_head(progress),
        }
    }
}

/// The response to the keys of Hixie-76: 16 bytes after the head of the reply.
pub(super) struct Challenge {
    reply: Reply,
    expected: [u8; 16],
    received: FixedBuf<16>,
}

impl Challenge {
    pub(super) fn new(reply: Reply, expected: [u8; 16]) -> Self {
        Self {
            reply,
            expected,
            received: FixedBuf::EMPTY,
        }
    }

    /// H76-39: nothing is decided before all 16 bytes have arrived.
    pub(super) fn read(&mut self, input: &mut &[u8]) -> Outcome {
        *input = self.received.fill(input);
        let Some(received) = self.received.complete() else {
            return Outcome::NeedMore;
        };
        let pairs = received.iter().zip(&self.expected);
        match pairs.take_while(|(a, b)| a == b).count() {
            16 => Outcome::Open(self.reply.clone(), Extensions::NONE, None),
            at => Outcome::Failed(ProtocolError::ChallengeMismatch { at: at as u32 }),
        }
    }
}

/// Omits the expected response.
impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (&self.reply, &self.received).fmt(f)
    }
}
