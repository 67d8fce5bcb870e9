//! The states of a connection, and every transition between them.

use alloc::boxed::Box;
use core::{fmt, mem};

use super::handshaking::{Challenge, KeyBytes, Outcome, PendingReply};
use super::session::Session;
use crate::config::{Config, Role};
use crate::dialect::{Dialect, Selector};
use crate::error::ProtocolError;
use crate::event::{Close, Closed, Phase};
use crate::handshake::{Extensions, Request};
use crate::http::{Head, Limits, Progress};
use crate::input::take;
use crate::random::Masks;
use crate::sniff::{Sniffed, Sniffer};

#[derive(Debug)]
pub(super) enum State {
    Handshaking(Handshaking),
    Open(Session),
    /// The peer's close frame was reported and is not answered yet.
    PeerClosed(PeerClosed),
    /// The close frame was queued; the peer has to answer it.
    Closing(Session),
    Closed(Ended),
}

/// The states of the opening handshake.
pub(super) enum Handshaking {
    /// Server: reading the first bytes, which may not be HTTP.
    Sniff(Sniffer, Limits),
    /// Server: reading the head of the request.
    RequestHead(Box<Head>),
    /// Server: the application has to accept or answer the request.
    AwaitAnswer(Request),
    /// Server: the head of the response is queued; reading the bytes after the head of the request.
    KeyBytes(KeyBytes),
    /// Server: the response is queued; [`Event::Open`](crate::Event::Open) is returned next.
    /// `is_closing` is set once a close frame was queued.
    Accepted { session: Session, is_closing: bool },
    /// Client: reading the head of the reply.
    ReplyHead(Box<PendingReply>),
    /// Client: reading the bytes after the head of the reply.
    Challenge(Challenge),
}

/// An open connection whose peer sends no more messages.
#[derive(Debug)]
pub(super) struct PeerClosed {
    pub(super) session: Session,
    pub(super) close: Close,
}

/// The end of a connection.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) reason: Closed,
    pub(super) is_reported: bool,
    dialect: Option<Dialect>,
}

impl State {
    pub(super) fn server(config: &Config) -> Self {
        let limits = Limits::from_config(config);
        Self::Handshaking(Handshaking::Sniff(Sniffer::default(), limits))
    }

    pub(super) fn client(pending: PendingReply) -> Self {
        Self::Handshaking(Handshaking::ReplyHead(Box::new(pending)))
    }

    pub(super) fn established(
        dialect: Dialect,
        role: Role,
        extensions: Extensions,
        masks: Option<Box<Masks>>,
    ) -> Self {
        Self::Open(Session::new(dialect, role, extensions, masks))
    }

    /// The state after the head of a 101 was queued or handed out.
    pub(super) fn accepted(dialect: Dialect, key_parts: [u32; 2], extensions: Extensions) -> Self {
        Self::Handshaking(match dialect.row().request.selector {
            Selector::KeyNumbers => Handshaking::KeyBytes(KeyBytes::new(dialect, key_parts)),
            // H75-5: open at once.
            Selector::None | Selector::Version(_) => Handshaking::accepted(dialect, extensions),
        })
    }

    /// Leaves [`Handshaking::AwaitAnswer`]: the head of a 101 was queued.
    pub(super) fn accept(&mut self, dialect: Dialect, key_parts: [u32; 2], extensions: Extensions) {
        *self = Self::accepted(dialect, key_parts, extensions);
    }

    /// Leaves the handshake of a client.
    pub(super) fn open(
        &mut self,
        dialect: Dialect,
        extensions: Extensions,
        masks: Option<Box<Masks>>,
    ) {
        *self = Self::established(dialect, Role::Client, extensions, masks);
    }

    /// Leaves [`Handshaking::Accepted`], if that is the state; returns what was
    /// agreed on.
    pub(super) fn report_open(&mut self) -> Option<(Dialect, Extensions)> {
        if !matches!(self, Self::Handshaking(Handshaking::Accepted { .. })) {
            return None;
        }
        let Self::Handshaking(Handshaking::Accepted {
            session,
            is_closing,
        }) = self.take()
        else {
            return None;
        };
        let agreed = (session.dialect, session.extensions);
        *self = if is_closing {
            Self::Closing(session)
        } else {
            Self::Open(session)
        };
        Some(agreed)
    }

    /// The closing handshake: this side's close frame was queued.
    pub(super) fn close(&mut self) {
        if let Self::Handshaking(Handshaking::Accepted { is_closing, .. }) = self {
            *is_closing = true;
            return;
        }
        let dialect = self.dialect();
        *self = match self.take() {
            Self::Open(session) => Self::Closing(session),
            // CL-2, CL-5, CL-6: one close frame from each side.
            Self::PeerClosed(peer_closed) => {
                Self::closed(Closed::Clean(peer_closed.close), dialect)
            }
            other @ (Self::Handshaking(_) | Self::Closing(_) | Self::Closed(_)) => other,
        };
    }

    /// The closing handshake: the peer's close frame was received. Returns it if this side has to
    /// answer it; otherwise the connection has ended.
    pub(super) fn peer_close(&mut self, close: Close) -> Option<Close> {
        let dialect = self.dialect();
        match self.take() {
            Self::Open(session) => {
                let event = close.clone();
                *self = Self::PeerClosed(PeerClosed { session, close });
                Some(event)
            }
            _ => {
                *self = Self::closed(Closed::Clean(close), dialect);
                None
            }
        }
    }

    /// Moves the state out; the caller replaces it.
    fn take(&mut self) -> Self {
        mem::replace(self, Self::closed(Closed::LocallyClosed, None))
    }

    /// Ends the connection; [`Event::Closed`](crate::Event::Closed) is returned next.
    pub(super) fn finish(&mut self, reason: Closed) {
        *self = Self::closed(reason, self.dialect());
    }

    fn closed(reason: Closed, dialect: Option<Dialect>) -> Self {
        Self::Closed(Ended {
            reason,
            is_reported: false,
            dialect,
        })
    }

    /// Returns the session of a connection that receives frames.
    #[inline]
    pub(super) fn session(&mut self) -> Option<&mut Session> {
        match self {
            Self::Open(session) | Self::Closing(session) => Some(session),
            Self::Handshaking(_) | Self::PeerClosed(_) | Self::Closed(_) => None,
        }
    }

    pub(super) fn dialect(&self) -> Option<Dialect> {
        match self {
            Self::Handshaking(Handshaking::KeyBytes(keys)) => Some(keys.dialect),
            Self::Handshaking(Handshaking::Accepted { session, .. }) => Some(session.dialect),
            Self::Handshaking(_) => None,
            Self::Open(session) | Self::Closing(session) => Some(session.dialect),
            Self::PeerClosed(peer_closed) => Some(peer_closed.session.dialect),
            Self::Closed(ended) => ended.dialect,
        }
    }

    #[cfg(feature = "deflate")]
    pub(super) fn extensions(&self) -> Option<&Extensions> {
        let session = match self {
            Self::Handshaking(Handshaking::Accepted { session, .. })
            | Self::Open(session)
            | Self::Closing(session) => session,
            Self::PeerClosed(peer_closed) => &peer_closed.session,
            Self::Handshaking(_) | Self::Closed(_) => return None,
        };
        Some(&session.extensions)
    }

    /// The phase in which the input ends. CL-8, CL-10: an incomplete message is not delivered as
    /// complete.
    pub(super) fn phase(&self) -> Phase {
        match self {
            Self::Open(session) | Self::Closing(session) if !session.decoder.at_boundary() => {
                Phase::InMessage
            }
            Self::Open(_) => Phase::Open,
            Self::PeerClosed(_) | Self::Closing(_) => Phase::Closing,
            Self::Handshaking(_) | Self::Closed(_) => Phase::Handshaking,
        }
    }
}

impl Handshaking {
    fn accepted(dialect: Dialect, extensions: Extensions) -> Self {
        Self::Accepted {
            session: Session::new(dialect, Role::Server, extensions, None),
            is_closing: false,
        }
    }

    /// PX-4: returns whether an HTTP response can be queued: on a server that has not queued one
    /// yet.
    pub(super) fn can_respond(&self) -> bool {
        matches!(
            self,
            Self::Sniff(..) | Self::RequestHead(_) | Self::AwaitAnswer(_)
        )
    }

    /// Returns `true` if the method of the request is `HEAD`: its response has no body.
    pub(super) fn is_head(&self) -> bool {
        match self {
            Self::RequestHead(head) => head.is_head(),
            Self::AwaitAnswer(request) => request.is_head(),
            _ => false,
        }
    }

    /// See [`Head::buffer_fragment`].
    pub(super) fn buffer_fragment(&mut self, input: &mut &mut [u8]) -> bool {
        let head = match self {
            Self::RequestHead(head) => head,
            Self::ReplyHead(pending) => &mut pending.head,
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
        let outcome = self.read_slice(config, &mut rest);
        let consumed = initial.len() - rest.len();
        take(input, consumed);
        outcome
    }

    fn read_slice(&mut self, config: &Config, rest: &mut &[u8]) -> Outcome {
        match self {
            Self::Sniff(sniffer, limits) => match sniffer.read(rest) {
                Sniffed::NeedMore => Outcome::NeedMore,
                Sniffed::MaybeHttp => {
                    *self = Self::RequestHead(Box::new(Head::request(*limits)));
                    Outcome::Continue
                }
                Sniffed::TlsClientHello => Outcome::Failed(ProtocolError::TlsClientHello),
                Sniffed::Malformed { at } => {
                    Outcome::Failed(ProtocolError::InvalidStartLine { at })
                }
                Sniffed::FlashPolicyRequest if config.flash_policy.is_some() => {
                    Outcome::FlashPolicy
                }
                Sniffed::FlashPolicyRequest => Outcome::Failed(ProtocolError::FlashPolicyRequest),
            },
            Self::RequestHead(head) => match head.read(rest) {
                Ok(Progress::Complete) => {
                    let request = Request::check(head.take())
                        .and_then(|request| request.check_enabled(config).map(|()| request));
                    match request {
                        Ok(request) => {
                            *self = Self::AwaitAnswer(request.clone());
                            Outcome::Request(request)
                        }
                        Err(error) => Outcome::Failed(error),
                    }
                }
                progress => Outcome::of_head(progress),
            },
            Self::AwaitAnswer(_) | Self::Accepted { .. } => Outcome::NeedMore,
            Self::KeyBytes(keys) => match keys.read(rest) {
                Some(response) => {
                    *self = Self::accepted(keys.dialect, Extensions::NONE);
                    Outcome::Respond(response)
                }
                None => Outcome::NeedMore,
            },
            Self::ReplyHead(pending) => match pending.read(config, rest) {
                Outcome::Challenge(reply, expected) => {
                    *self = Self::Challenge(Challenge::new(reply, expected));
                    Outcome::Continue
                }
                outcome => outcome,
            },
            Self::Challenge(challenge) => challenge.read(rest),
        }
    }
}

/// Omits keys and expected responses.
impl fmt::Debug for Handshaking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sniff(sniffer, _) => sniffer.fmt(f),
            Self::RequestHead(head) => head.fmt(f),
            Self::AwaitAnswer(request) => request.fmt(f),
            Self::KeyBytes(keys) => keys.fmt(f),
            Self::Accepted { session, .. } => session.fmt(f),
            Self::ReplyHead(pending) => (&pending.head, &pending.request).fmt(f),
            Self::Challenge(challenge) => challenge.fmt(f),
        }
    }
}
