//! Timeouts of the handshakes and of the last output, and the release of idle send buffers.

use core::time::Duration;

use super::Connection;
use super::state::{Handshaking, State};
use crate::event::{Closed, Phase};

/// A running timeout.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timer {
    kind: TimerKind,
    deadline: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimerKind {
    Handshaking,
    Closing,
    /// The connection has ended, and output is still pending.
    Flushing,
    /// Open, with an empty send buffer whose memory is allocated.
    Idle,
}

/// The memory of the send buffer, and the random generator of the masking keys, are released
/// after nothing was queued for this long.
const IDLE_RELEASE: Duration = Duration::from_secs(1);

/// The longest wait returned while an event is ready: callers that round down to whole
/// milliseconds still get a timeout that every socket API accepts.
const EVENT_READY_WAIT: Duration = Duration::from_millis(1);

impl Connection {
    /// Sets the current time and returns how long to wait, at most, before the next call.
    ///
    /// `now` is the time since a fixed moment of the caller's choice. The returned wait is never
    /// zero; it is at most one millisecond while [`receive`](Self::receive) has an event to return
    /// without further input. `None` means that no timeout is running and no event is ready.
    ///
    /// Each timeout starts with the first call of `tick` in its phase:
    ///
    /// - The opening handshake has to be complete within
    ///   [`handshake_timeout`](crate::Config::handshake_timeout).
    /// - After [`close`](Self::close), the peer has to answer within
    ///   [`close_timeout`](crate::Config::close_timeout).
    /// - After the connection has ended, pending output has to be written within
    ///   [`close_timeout`](crate::Config::close_timeout). Then it is dropped, so that
    ///   [`is_done`](Self::is_done) can become true.
    /// - An open connection that queues nothing for one second releases the memory of its send
    ///   buffer, and on a client the random generator of the masking keys.
    ///
    /// The next `receive` reports the first two as [`Closed::TimedOut`]. Call `tick` last before
    /// waiting, since any other call may start a timeout. If `tick` is never called, no timeout
    /// expires and no memory is released.
    pub fn tick(&mut self, now: Duration) -> Option<Duration> {
        let Some((kind, timeout)) = self.active_timeout() else {
            self.timer = None;
            return self.has_pending_event().then_some(EVENT_READY_WAIT);
        };
        let restart = kind == TimerKind::Idle && self.send_buffer.take_queued();
        let timer = match self.timer {
            Some(timer) if timer.kind == kind && !restart => timer,
            _ => Timer {
                kind,
                deadline: now.saturating_add(timeout),
            },
        };
        self.timer = Some(timer);
        match timer.deadline.checked_sub(now) {
            Some(remaining) if !remaining.is_zero() => {
                let min_wait = self.has_pending_event().then_some(EVENT_READY_WAIT);
                Some(min_wait.map_or(remaining, |wait| wait.min(remaining)))
            }
            _ => {
                self.expire(kind);
                self.tick(now)
            }
        }
    }

    /// Returns the timeout of the current phase.
    fn active_timeout(&self) -> Option<(TimerKind, Duration)> {
        match &self.state {
            State::Handshaking(Handshaking::Accepted { is_closing, .. }) => {
                is_closing.then_some((TimerKind::Closing, self.config.close_timeout))
            }
            State::Handshaking(_) => Some((TimerKind::Handshaking, self.config.handshake_timeout)),
            State::Open(_) if self.send_buffer.is_empty_but_allocated() => {
                Some((TimerKind::Idle, IDLE_RELEASE))
            }
            State::Open(_) => None,
            State::Closing(_) => Some((TimerKind::Closing, self.config.close_timeout)),
            State::Closed(_) if self.wants_write() => {
                Some((TimerKind::Flushing, self.config.close_timeout))
            }
            State::Closed(_) => None,
        }
    }

    fn expire(&mut self, kind: TimerKind) {
        match kind {
            TimerKind::Handshaking => self.state.finish(Closed::TimedOut(Phase::Handshaking)),
            TimerKind::Closing => self.state.finish(Closed::TimedOut(Phase::Closing)),
            TimerKind::Flushing => self.send_buffer.clear(),
            TimerKind::Idle => {
                self.send_buffer.release();
                if let Some(session) = self.state.session() {
                    session.reseed();
                }
            }
        }
    }

    /// Returns whether `receive` returns an event for empty input.
    fn has_pending_event(&self) -> bool {
        match &self.state {
            State::Handshaking(Handshaking::Accepted { .. }) => true,
            State::Handshaking(Handshaking::AwaitAnswer(_)) => false,
            State::Handshaking(_) | State::Open(_) | State::Closing(_) => self.eof,
            State::Closed(ended) => !ended.is_reported,
        }
    }
}
