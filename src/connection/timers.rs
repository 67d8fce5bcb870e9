//! Timeouts, keep-alive, and the release of idle send buffers.

use core::mem;
use core::time::Duration;

use super::Connection;
use super::state::{Handshaking, State};
use crate::event::{Closed, Timeout};
use crate::frame::opcode::Opcode;
use crate::time::Time;

/// The running timers of a connection.
#[derive(Debug)]
pub(super) struct Timers {
    /// The latest time that `receive` was called with.
    now: Time,
    state: Option<StateTimer>,
    keepalive: Option<KeepaliveTimer>,
}

/// The timer of the current state.
#[derive(Clone, Copy, Debug)]
struct StateTimer {
    kind: TimerKind,
    deadline: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TimerKind {
    Handshake,
    /// This side's close frame was written, or the application has to answer that of the peer.
    Close,
    /// Open, with an incomplete message that is compressed.
    #[cfg(feature = "deflate")]
    Message,
    /// Open, with memory to release if it is not used.
    Idle,
}

#[derive(Clone, Copy, Debug)]
struct KeepaliveTimer {
    deadline: Time,
    /// The interval has passed, and a ping was sent if the dialect has pings.
    is_pinged: bool,
}

/// The memory of the send buffer, and the random generator of the masking keys, are released
/// after no message was queued for this long.
const IDLE_RELEASE: Duration = Duration::from_secs(1);

impl Timers {
    pub(super) const fn new() -> Self {
        Self {
            now: Time::ORIGIN,
            state: None,
            keepalive: None,
        }
    }

    #[inline]
    pub(super) fn has_keepalive(&self) -> bool {
        self.keepalive.is_some()
    }

    /// Starts the interval of keep-alive again at the next `receive`.
    #[inline]
    pub(super) fn restart_keepalive(&mut self) {
        self.keepalive = None;
    }
}

impl Connection {
    /// Returns when to call [`receive`](Self::receive) next, at the latest, whether or not bytes
    /// have arrived: a time on the clock of [`Input::new`](crate::Input::new).
    ///
    /// `None` if the connection waits for the socket or the application only. The time may be in
    /// the past, which means that `receive` should be called at once: an event is ready without
    /// further input, or a timeout has to be started, since only `receive` knows the time. It may
    /// be earlier than anything happens, but is never later. Ask again after any other call.
    ///
    /// These timeouts run:
    ///
    /// - [`handshake_timeout`](crate::Config::handshake_timeout),
    ///   [`close_timeout`](crate::Config::close_timeout),
    ///   [`write_timeout`](crate::Config::write_timeout) and
    ///   [`keepalive`](crate::Config::keepalive), if set. They end the connection with
    ///   [`Closed::TimedOut`].
    /// - An open connection that queues no message for one to two seconds releases the memory of
    ///   its send buffer, and on a client the random generator of the masking keys.
    ///
    /// ```
    /// # use hybi::{Config, Connection, Event, Input};
    /// # use std::time::Duration;
    /// let mut conn = Connection::server(Config::new().handshake_timeout(Duration::from_secs(3)));
    /// assert_eq!(conn.deadline(), Some(Duration::ZERO)); // to start the timeout
    ///
    /// let now = Duration::from_secs(100);
    /// assert!(conn.receive(&mut Input::new(&mut [], now)).is_none());
    /// assert_eq!(conn.deadline(), Some(Duration::from_secs(103)));
    ///
    /// let now = Duration::from_secs(103);
    /// let mut input = Input::new(&mut [], now);
    /// assert!(matches!(conn.receive(&mut input), Some(Event::Closed(_))));
    /// assert_eq!(conn.deadline(), None);
    /// ```
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        let timers = &self.timers;
        if self.has_pending_event() {
            return Some(timers.now.since_origin());
        }
        let is_due = |kind| kind != TimerKind::Idle || self.can_release_memory();
        let state = self.active_timer().filter(|(kind, _)| is_due(*kind));
        let state = state.map(|(kind, _)| match timers.state {
            Some(timer) if timer.kind == kind => timer.deadline,
            // Releasing memory is not worth a call of `receive` after each message.
            _ if kind == TimerKind::Idle => timers.now.after(IDLE_RELEASE),
            _ => timers.now,
        });
        let write = self.send_buffer.deadline(timers.now);
        let keepalive = self.counts_silence().then(|| {
            let timer = timers.keepalive.as_ref();
            timer.map_or(timers.now, |timer| timer.deadline)
        });
        let deadline = [state, write, keepalive].into_iter().flatten().min()?;
        (deadline < Time::NEVER).then(|| deadline.since_origin())
    }

    /// Starts, stops and expires timers. Returns whether the connection has ended.
    pub(super) fn run_timers(&mut self, now: Duration) -> bool {
        let now = Time::new(now).max(self.timers.now);
        self.timers.now = now;
        // Keep-alive may queue a ping, which starts the timer of writes.
        let timed_out = self
            .run_state_timer(now)
            .or_else(|| self.run_keepalive_timer(now))
            .or_else(|| self.run_write_timer(now));
        let Some(timeout) = timed_out else {
            return false;
        };
        if timeout == Timeout::Write {
            self.send_buffer.clear();
        }
        if let State::Closed(_) = self.state {
            return false;
        }
        self.state.finish(Closed::TimedOut(timeout));
        true
    }

    fn run_state_timer(&mut self, now: Time) -> Option<Timeout> {
        let Some((kind, timeout)) = self.active_timer() else {
            self.timers.state = None;
            return None;
        };
        let is_restarted = self.starts_message(kind);
        let deadline = match self.timers.state {
            Some(timer) if timer.kind == kind && !is_restarted => timer.deadline,
            _ => {
                self.send_buffer.take_queued();
                now.after(timeout)
            }
        };
        self.timers.state = Some(StateTimer { kind, deadline });
        if now < deadline {
            return None;
        }
        match kind {
            TimerKind::Handshake => Some(Timeout::Handshake),
            TimerKind::Close => Some(Timeout::Close),
            #[cfg(feature = "deflate")]
            TimerKind::Message => Some(Timeout::Message),
            TimerKind::Idle => {
                self.release_memory();
                let deadline = now.after(timeout);
                let next = self.active_timer();
                self.timers.state = next.map(|(kind, _)| StateTimer { kind, deadline });
                None
            }
        }
    }

    /// Returns whether another compressed message has started, so that its timeout starts again.
    #[cfg(feature = "deflate")]
    fn starts_message(&mut self, kind: TimerKind) -> bool {
        let session = self.state.session().filter(|_| kind == TimerKind::Message);
        session.is_some_and(|session| session.decoder.take_started())
    }

    #[cfg(not(feature = "deflate"))]
    #[inline(always)]
    fn starts_message(&mut self, _: TimerKind) -> bool {
        false
    }

    /// Returns whether memory can be released before more output is written.
    fn can_release_memory(&self) -> bool {
        !self.wants_write() || self.send_buffer.is_oversized()
    }

    /// Releases what no message has used since the last call.
    fn release_memory(&mut self) {
        if !self.send_buffer.take_queued() {
            self.send_buffer.release_when_empty();
            if let Some(session) = self.state.session().filter(|s| s.has_generator()) {
                session.reseed();
            }
        }
        self.send_buffer.release_unused();
    }

    fn run_write_timer(&mut self, now: Time) -> Option<Timeout> {
        let is_expired = self.send_buffer.run_timer(now, self.config.write_timeout);
        is_expired.then_some(Timeout::Write)
    }

    fn run_keepalive_timer(&mut self, now: Time) -> Option<Timeout> {
        let keepalive = self.config.keepalive?;
        let has_bytes = mem::take(&mut self.has_received);
        if !self.counts_silence() {
            self.timers.keepalive = None;
            return None;
        }
        match self.timers.keepalive {
            Some(timer) if !has_bytes && now < timer.deadline => {}
            Some(timer) if !has_bytes && timer.is_pinged => return Some(Timeout::Keepalive),
            Some(_) if !has_bytes => {
                self.queue_ping();
                self.timers.keepalive = Some(KeepaliveTimer {
                    deadline: now.after(keepalive.timeout),
                    is_pinged: true,
                });
            }
            _ => {
                self.timers.keepalive = Some(KeepaliveTimer {
                    deadline: now.after(keepalive.interval),
                    is_pinged: false,
                });
            }
        }
        None
    }

    /// Queues a ping of keep-alive if the dialect has pings.
    fn queue_ping(&mut self) {
        if let Some(session) = self.state.session() {
            if session.dialect.row().has_opcodes() {
                session.queue_frame(self.send_buffer.queue(), Opcode::Ping, true, &[]);
            }
        }
    }

    /// Returns whether silence of the peer counts. Not while congested: the application may have
    /// stopped reading.
    fn counts_silence(&self) -> bool {
        self.config.keepalive.is_some()
            && matches!(self.state, State::Open(_))
            && !self.is_congested()
    }

    /// Returns the timer of the current state, and its timeout.
    fn active_timer(&self) -> Option<(TimerKind, Duration)> {
        let close = || (TimerKind::Close, self.config.close_timeout);
        match &self.state {
            State::Handshaking(Handshaking::Accepted { .. }) => None,
            State::Handshaking(_) => Some((TimerKind::Handshake, self.config.handshake_timeout)),
            #[cfg(feature = "deflate")]
            // Also while congested: a peer can congest the connection at any time, with pings.
            State::Open(session) if session.decoder.is_inflating() => {
                let timeout = self.config.deflate_or_default().message_timeout;
                Some((TimerKind::Message, timeout))
            }
            State::Open(session) => (self.send_buffer.is_retained() || session.has_generator())
                .then_some((TimerKind::Idle, IDLE_RELEASE)),
            State::PeerClosed(_) => Some(close()),
            State::Closing(_) => (!self.send_buffer.has_unsent_close()).then(close),
            State::Closed(_) => None,
        }
    }

    /// Returns whether `receive` returns an event for empty input.
    fn has_pending_event(&self) -> bool {
        match &self.state {
            State::Handshaking(Handshaking::Accepted { .. }) => true,
            State::Handshaking(Handshaking::AwaitAnswer(_)) => false,
            State::Handshaking(_) => self.eof,
            // The valid text before invalid UTF-8 was returned, and the error is not.
            State::Open(session) | State::Closing(session) => {
                self.eof || session.decoder.has_failed()
            }
            State::PeerClosed(_) => self.config.auto_close,
            State::Closed(ended) => !ended.is_reported,
        }
    }
}
