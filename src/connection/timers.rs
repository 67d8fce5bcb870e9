//! How long a connection may take over what it waits for.

use core::time::Duration;

use super::{Connection, State};
use crate::event::{Closed, Phase};

/// A moment by which a phase has to be over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timer {
    phase: Timed,
    until: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timed {
    Opening,
    Closing,
    /// It is over, and the peer has not taken the last bytes.
    Flushing,
    /// Open, with room in hand for output and none to fill it.
    Resting,
}

/// A connection that sends nothing for this long releases its output buffer.
const REST: Duration = Duration::from_secs(1);

/// What a caller may wait while an event is ready: the least that every kind of socket takes for
/// a timeout.
const AT_ONCE: Duration = Duration::from_millis(1);

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
        let Some((phase, timeout)) = self.timed() else {
            self.timer = None;
            return self.has_news().then_some(AT_ONCE);
        };
        let rested = phase == Timed::Resting && self.outbox.rest();
        let timer = match self.timer {
            Some(timer) if timer.phase == phase && (rested || phase != Timed::Resting) => timer,
            _ => Timer {
                phase,
                until: now.saturating_add(timeout),
            },
        };
        self.timer = Some(timer);
        match timer.until.checked_sub(now) {
            Some(left) if !left.is_zero() => {
                let news = self.has_news().then_some(AT_ONCE);
                Some(news.map_or(left, |soon| soon.min(left)))
            }
            _ => {
                self.expire(phase);
                self.tick(now)
            }
        }
    }

    fn timed(&self) -> Option<(Timed, Duration)> {
        match &self.state {
            State::Opening(_) => Some((Timed::Opening, self.config.handshake_timeout)),
            State::Open { .. } if self.is_closing() => {
                Some((Timed::Closing, self.config.close_timeout))
            }
            State::Open { .. } if self.outbox.is_idle() => Some((Timed::Resting, REST)),
            State::Open { .. } => None,
            State::Over { .. } if self.wants_write() => {
                Some((Timed::Flushing, self.config.close_timeout))
            }
            State::Over { .. } => None,
        }
    }

    fn expire(&mut self, phase: Timed) {
        match phase {
            Timed::Opening => self.finish(Closed::TimedOut(Phase::Opening)),
            Timed::Closing => self.finish(Closed::TimedOut(Phase::Closing)),
            Timed::Flushing => self.outbox.clear(),
            Timed::Resting => {
                self.outbox.release();
                if let Some(entropy) = &mut self.entropy {
                    entropy.rest();
                }
            }
        }
    }

    /// Whether `receive` has an event for an empty input.
    fn has_news(&self) -> bool {
        match &self.state {
            State::Opening(_) => self.eof && self.waiting().is_err(),
            State::Open { told, .. } => !told || self.eof,
            State::Over { told, .. } => !told,
        }
    }
}
