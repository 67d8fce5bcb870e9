//! The opening handshake, step by step: what the bytes of either side's head bring about.

use alloc::boxed::Box;
use core::{fmt, mem};

use crate::config::Config;
use crate::error::ProtocolError;
use crate::frame::take;
use crate::handshake::challenge::{self, Proof};
use crate::handshake::{self, Reply, Request, Target};
use crate::http::{Head, Limits, Progress};
use crate::sniff::{Found, Preface};

pub(super) enum Opening {
    /// Server: the first bytes, which need not be HTTP.
    Preface(Preface, Limits),
    /// Server: the head.
    Request(Head),
    /// Server: the application is to answer.
    Waiting(Request),
    /// Server: the reply's head is queued, and the 8 bytes behind the request are awaited.
    Key3 { parts: [u32; 2], key3: Gather<8> },
    /// Client: the head of the reply.
    Reply(Box<Asked>),
    /// Client: the 16 bytes behind it.
    Answer {
        reply: Reply,
        expected: [u8; 16],
        answer: Gather<16>,
    },
}

/// What a client asked for, and the reply in the making.
pub(super) struct Asked {
    pub(super) head: Head,
    pub(super) target: Target,
    pub(super) proof: Proof,
}

/// What came of reading on in the opening handshake.
pub(super) enum Step {
    More,
    Again,
    Request(Request),
    Answer([u8; 16]),
    Open(Reply),
    Policy(&'static str),
    Rejected(u16),
    Failed(ProtocolError),
}

impl Opening {
    /// Whether an HTTP response may be queued: a server's, before its reply has begun (PX-4).
    pub(super) fn may_answer(&self) -> bool {
        matches!(
            self,
            Opening::Preface(..) | Opening::Request(_) | Opening::Waiting(_)
        )
    }

    /// See [`Head::read_bit`].
    pub(super) fn read_bit(&mut self, input: &mut &mut [u8]) -> bool {
        let head = match self {
            Opening::Request(head) => head,
            Opening::Reply(asked) => &mut asked.head,
            _ => return false,
        };
        let is_bit = head.read_bit(input);
        if is_bit {
            take(input, input.len());
        }
        is_bit
    }

    /// Takes bytes off the front of `input`.
    // Not inlined, so that its caller stays small.
    #[inline(never)]
    pub(super) fn read(&mut self, config: &Config, input: &mut &mut [u8]) -> Step {
        let before: &[u8] = input;
        let mut rest = before;
        let step = match self {
            Opening::Preface(preface, limits) => match preface.read(&mut rest) {
                Found::More => Step::More,
                Found::Other => {
                    *self = Opening::Request(Head::request(*limits));
                    Step::Again
                }
                Found::Tls => Step::Failed(ProtocolError::Tls),
                Found::Malformed { at } => Step::Failed(ProtocolError::StartLine { at }),
                Found::PolicyRequest => match config.policy_file {
                    Some(policy) => Step::Policy(policy.split('\0').next().unwrap_or_default()),
                    None => Step::Failed(ProtocolError::PolicyRequest),
                },
            },
            Opening::Request(head) => match head.read(&mut rest) {
                Ok(Progress::Complete) => {
                    let head = mem::replace(head, Head::request(Limits::NONE));
                    match Request::check(head) {
                        Ok(request) => Step::Request(request),
                        Err(error) => Step::Failed(error),
                    }
                }
                progress => head_step(progress, rest),
            },
            Opening::Waiting(_) => Step::More,
            Opening::Key3 { parts, key3 } => match key3.read(&mut rest) {
                Some(key3) => Step::Answer(challenge::answer(*parts, key3)),
                None => Step::More,
            },
            Opening::Reply(asked) => match asked.head.read(&mut rest) {
                Ok(Progress::StartLine) if asked.head.status() != 101 => {
                    Step::Rejected(asked.head.status())
                }
                Ok(Progress::Complete) => {
                    let head = mem::replace(&mut asked.head, Head::response(Limits::NONE));
                    match (
                        handshake::check_reply(head, &asked.target, &asked.proof),
                        asked.proof,
                    ) {
                        (Ok(reply), Proof::Answer(expected)) => {
                            *self = Opening::Answer {
                                reply,
                                expected,
                                answer: Gather::default(),
                            };
                            Step::Again
                        }
                        (Ok(reply), Proof::None | Proof::Accept(_)) => Step::Open(reply),
                        (Err(error), _) => Step::Failed(error),
                    }
                }
                progress => head_step(progress, rest),
            },
            Opening::Answer {
                reply,
                expected,
                answer,
            } => match answer.read(&mut rest) {
                // H76-39: all 16 before anything is said of them.
                Some(answer) if answer == *expected => Step::Open(reply.clone()),
                Some(answer) => {
                    let same = answer.iter().zip(&*expected).take_while(|(a, b)| a == b);
                    let at = same.count() as u32;
                    Step::Failed(ProtocolError::Challenge { at })
                }
                None => Step::More,
            },
        };
        let taken = before.len() - rest.len();
        take(input, taken);
        step
    }
}

/// Never shows what keys stand for, nor what has to come of them.
impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Opening::Preface(preface, _) => preface.fmt(f),
            Opening::Request(head) => head.fmt(f),
            Opening::Waiting(request) => request.fmt(f),
            Opening::Key3 { key3, .. } => key3.fmt(f),
            Opening::Reply(asked) => (&asked.head, &asked.target).fmt(f),
            Opening::Answer { reply, answer, .. } => (reply, answer).fmt(f),
        }
    }
}

fn head_step(progress: Result<Progress, ProtocolError>, rest: &[u8]) -> Step {
    match progress {
        Ok(_) if rest.is_empty() => Step::More,
        Ok(_) => Step::Again,
        Err(error) => Step::Failed(error),
    }
}

/// Bytes of a fixed count, however they are cut (H76-1).
#[derive(Clone, Copy)]
pub(super) struct Gather<const N: usize> {
    bytes: [u8; N],
    count: usize,
}

impl<const N: usize> Gather<N> {
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

impl<const N: usize> Default for Gather<N> {
    fn default() -> Self {
        Self {
            bytes: [0; N],
            count: 0,
        }
    }
}

/// Never shows the bytes.
impl<const N: usize> fmt::Debug for Gather<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gather({} of {N} bytes)", self.count)
    }
}
