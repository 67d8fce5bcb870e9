//! How long a connection may take over what it waits for.

use core::time::Duration;

use super::{Connection, State};
use crate::event::{Closed, Phase};

/// A moment by which a phase has to be over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timer {
    kind: TimerKind,
    deadline: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimerKind {
    Handshaking,
    Closing,
    /// It is over, and the peer has not taken the last bytes.
    Flushing,
    /// Open, with room in hand for output and none to fill it.
    Idle,
}

/// A connection that sends nothing for this long releases its output buffer.
const IDLE_RELEASE: Duration = Duration::from_secs(1);

/// What a caller may wait while an event is ready: the least that every kind of socket takes for
/// a timeout.
const MIN_WAIT: Duration = Duration::from_millis(1);

impl Connection {
    /// Moves the clock to `now`, counted from any moment the caller likes; returns how long it may
    /// wait before the next call, never zero, `None` for as long as it likes.
    ///
    /// Each timeout begins with the first call in its phase: the opening handshake
    /// ([`handshake_timeout`](crate::Config::handshake_timeout)), the peer's answer to a close, and
    /// the peer's taking of the last bytes once it is over
    /// ([`close_timeout`](crate::Config::close_timeout)); bytes not taken by then are dropped, so
    /// that [`is_done`](Self::is_done) comes true. A connection that has sent nothing for a second
    /// releases the buffer of its output. A caller that never calls it has none of this.
    ///
    /// A timeout is told of by the next [`receive`](Self::receive). Whatever is received, called or
    /// written may begin a phase, so the wait to sleep on is that of a call after all of it.
    pub fn tick(&mut self, now: Duration) -> Option<Duration> {
        let Some((phase, timeout)) = self.active_timeout() else {
            self.timer = None;
            return self.has_pending_event().then_some(MIN_WAIT);
        };
        let rested = phase == TimerKind::Idle && self.send_buffer.rest();
        let timer = match self.timer {
            Some(timer) if timer.kind == phase && (rested || phase != TimerKind::Idle) => timer,
            _ => Timer {
                kind: phase,
                deadline: now.saturating_add(timeout),
            },
        };
        self.timer = Some(timer);
        match timer.deadline.checked_sub(now) {
            Some(left) if !left.is_zero() => {
                let news = self.has_pending_event().then_some(MIN_WAIT);
                Some(news.map_or(left, |soon| soon.min(left)))
            }
            _ => {
                self.expire(phase);
                self.tick(now)
            }
        }
    }

    fn active_timeout(&self) -> Option<(TimerKind, Duration)> {
        match &self.state {
            State::Handshaking(_) => Some((TimerKind::Handshaking, self.config.handshake_timeout)),
            State::Open { .. } if self.is_closing() => {
                Some((TimerKind::Closing, self.config.close_timeout))
            }
            State::Open { .. } if self.send_buffer.is_empty_but_allocated() => {
                Some((TimerKind::Idle, IDLE_RELEASE))
            }
            State::Open { .. } => None,
            State::Closed { .. } if self.wants_write() => {
                Some((TimerKind::Flushing, self.config.close_timeout))
            }
            State::Closed { .. } => None,
        }
    }

    fn expire(&mut self, phase: TimerKind) {
        match phase {
            TimerKind::Handshaking => self.finish(Closed::TimedOut(Phase::Handshaking)),
            TimerKind::Closing => self.finish(Closed::TimedOut(Phase::Closing)),
            TimerKind::Flushing => self.send_buffer.clear(),
            TimerKind::Idle => {
                self.send_buffer.release();
                if let Some(entropy) = &mut self.entropy {
                    entropy.rekey();
                }
            }
        }
    }

    /// Whether `receive` has an event for an empty input.
    fn has_pending_event(&self) -> bool {
        match &self.state {
            State::Handshaking(_) => self.eof && self.pending_request().is_err(),
            State::Open {
                open_reported: told,
                ..
            } => !told || self.eof,
            State::Closed {
                close_reported: told,
                ..
            } => !told,
        }
    }
}
