//! A connection, with checks of what its documentation promises for every call.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use hybi::{
    AcceptError, AcceptOptions, Close, CloseError, Closed, Connection, Dialect, Event, Input,
    RespondError, Response, VectoredMessage,
};

use crate::redaction::check_error;

/// The length of the longest control frame, with a mask.
pub(crate) const MAX_CONTROL: usize = 2 + 4 + 125;

/// The most that a connection queues by itself in a handshake: the response to an error.
const MAX_RESPONSE: usize = 1024;

/// Writes the first half of a message and of the output before it, in up to three steps; returns
/// what was written.
pub(crate) fn write_half(message: &mut VectoredMessage<'_>, max: usize) -> Vec<u8> {
    let mut bytes = message.slices().concat();
    let n = max.min(bytes.len() / 2);
    let mut written = 0;
    while written < n {
        let step = n.div_ceil(3).min(n - written);
        message.advance(step);
        written += step;
        assert_eq!(message.slices().concat(), bytes[written..]);
    }
    bytes.truncate(n);
    bytes
}

pub(crate) struct Checked {
    conn: Connection,
    auto_close: bool,
    high_water: usize,
    /// The latest time at which `receive` has returned `None`.
    latest: Duration,
    /// The time of the current input, or `latest` if that is later.
    now: Duration,
    eof: bool,
    /// A request has not been answered.
    awaits_answer: bool,
    opened: bool,
    /// `close` was called successfully.
    close_called: bool,
    aborted: bool,
    /// The events of this kind.
    closing: Option<Close>,
    closed: Option<Closed>,
}

impl Deref for Checked {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.conn
    }
}

impl DerefMut for Checked {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.conn
    }
}

impl Checked {
    /// `auto_close` and `high_water` are those of its `Config`.
    pub(crate) fn new(conn: Connection, auto_close: bool, high_water: usize) -> Self {
        Self {
            opened: conn.is_open(),
            conn,
            auto_close,
            high_water,
            latest: Duration::ZERO,
            now: Duration::ZERO,
            eof: false,
            awaits_answer: false,
            close_called: false,
            aborted: false,
            closing: None,
            closed: None,
        }
    }

    pub(crate) fn into_inner(self) -> Connection {
        self.conn
    }

    /// The code and reason of the peer's close frame, if it was reported.
    pub(crate) fn closing(&self) -> Option<&Close> {
        self.closing.as_ref()
    }

    /// The reason for the end, if it was reported.
    pub(crate) fn reported(&self) -> Option<&Closed> {
        self.closed.as_ref()
    }

    /// The time of the current input on the connection's clock.
    pub(crate) fn now(&self) -> Duration {
        self.now
    }

    /// The latest time that the connection has certainly seen.
    pub(crate) fn latest(&self) -> Duration {
        self.latest
    }

    pub(crate) fn awaits_answer(&self) -> bool {
        self.awaits_answer
    }

    /// The peer's close frame was reported, and has not been answered.
    pub(crate) fn awaits_close(&self) -> bool {
        self.closing.is_some() && self.conn.closed().is_none()
    }

    /// Creates the input of the next calls.
    pub(crate) fn input<'b>(&mut self, bytes: &'b mut [u8], now: Duration) -> Input<'b> {
        self.now = self.latest.max(now);
        Input::new(bytes, now)
    }

    /// Call `check_idle` when it returns `None`.
    pub(crate) fn receive<'e>(&mut self, input: &'e mut Input<'_>) -> Option<Event<'e>> {
        let before = self.conn.pending();
        let deadline = self.conn.deadline();
        let is_early = deadline.is_none_or(|deadline| self.now < deadline);
        let waits = is_early && input.remaining().is_empty();
        let event = self.conn.receive(input);
        let pending = self.conn.pending();
        if waits {
            assert!(event.is_none(), "{event:?} before {deadline:?}");
            assert_eq!(pending, before, "output before {deadline:?}");
        }
        if let Some(event) = &event {
            self.record(event);
        }
        // What the connection queues by itself: a pong or a ping unless it is congested, and a
        // close frame.
        let max = match (&event, self.opened) {
            (_, false) => before + MAX_RESPONSE,
            (Some(Event::Open(_)), _) => before + MAX_RESPONSE,
            (Some(Event::Closed(_)), _) => before.max(self.high_water) + 2 * MAX_CONTROL,
            _ => before.max(self.high_water + MAX_CONTROL),
        };
        assert!(pending <= max, "{pending} bytes are queued after {before}");
        self.check();
        event
    }

    fn record(&mut self, event: &Event<'_>) {
        assert_eq!(self.closed, None, "{event:?} after Closed");
        let is_closing = self.closing.is_some();
        match event {
            Event::Request(_) => self.awaits_answer = true,
            Event::Open(_) => self.opened = true,
            Event::Closing(close) => {
                assert!(self.conn.is_open() && !self.close_called);
                assert_eq!(self.closing.replace(close.clone()), None);
            }
            Event::Closed(reason) => {
                check_error(reason);
                if let Closed::Clean(close) = reason {
                    let closing = self.closing.as_ref();
                    assert!(closing.is_none_or(|closing| closing == close));
                    let is_automatic = closing.is_some() && self.auto_close;
                    assert!(is_automatic || self.close_called);
                }
                self.awaits_answer = false;
                self.closed = Some(reason.clone());
            }
            _ => {}
        }
        assert!(
            !is_closing || matches!(event, Event::Closed(_)),
            "{event:?} after Closing"
        );
    }

    /// Checks the state after `receive` has returned `None`.
    pub(crate) fn check_idle(&mut self, input: &Input<'_>) {
        self.latest = self.now;
        let remaining = input.remaining().len();
        let awaits = self.awaits_answer || self.awaits_close();
        assert!(
            remaining == 0 || awaits || self.closed.is_some(),
            "{remaining} bytes are not consumed"
        );
        assert_eq!(self.conn.closed(), self.closed.as_ref());
        assert!(!self.auto_close || !self.awaits_close());
        let deadline = self.conn.deadline();
        let is_later = deadline.is_none_or(|deadline| deadline > self.now);
        assert!(is_later, "{deadline:?} is not later than {:?}", self.now);
        self.check();
    }

    /// Checks the queries.
    pub(crate) fn check(&self) {
        let conn = &self.conn;
        let has_ended = conn.closed().is_some();
        let pending = conn.transmit().len();
        assert_eq!(conn.pending(), pending);
        assert!(!self.aborted || pending == 0);
        assert_eq!(conn.wants_write(), pending > 0);
        let is_congested = pending > self.high_water && !has_ended;
        assert_eq!(conn.is_congested(), is_congested);
        let awaits = self.awaits_answer || self.closing.is_some();
        assert_eq!(conn.wants_read(), !has_ended && !self.eof && !awaits);
        let is_open = self.opened && !self.close_called && !has_ended;
        assert_eq!(conn.is_open(), is_open);
        assert_eq!(conn.is_done(), self.closed.is_some() && pending == 0);
        if conn.is_done() {
            assert_eq!(conn.deadline(), None);
        }
    }

    /// Takes all output. `spare` becomes the send buffer.
    pub(crate) fn take_output(&mut self, spare: Vec<u8>) -> Vec<u8> {
        let pending = self.conn.transmit().to_vec();
        let output = self.conn.take_output(spare);
        assert_eq!(output, pending);
        // At most a deferred pong is left.
        assert!(self.conn.pending() <= MAX_CONTROL);
        self.check();
        output
    }

    pub(crate) fn receive_eof(&mut self) {
        self.conn.receive_eof();
        self.eof = true;
        self.check();
    }

    pub(crate) fn accept(&mut self, options: &AcceptOptions) -> Result<(), AcceptError> {
        let result = self.conn.accept(options);
        self.awaits_answer &= result.is_err();
        // Hixie-76 waits for the third key.
        if result.is_ok() && self.conn.dialect() != Some(Dialect::Hixie76) {
            let deadline = self.conn.deadline();
            assert!(deadline.is_some_and(|deadline| deadline <= self.now));
        }
        self.check();
        result
    }

    pub(crate) fn respond(&mut self, response: &Response<'_>) -> Result<(), RespondError> {
        let result = self.conn.respond(response);
        self.awaits_answer &= result.is_err();
        self.check();
        result
    }

    /// A second call changes nothing, whatever it passes.
    pub(crate) fn close(&mut self, close: &Close) -> Result<(), CloseError> {
        self.conn.close(close)?;
        self.close_called = true;
        self.awaits_answer = false;
        self.check();
        let before = self.conn.pending();
        assert_eq!(self.conn.close(&Close::new(1, "again")), Ok(()));
        assert_eq!(self.conn.pending(), before);
        self.check();
        Ok(())
    }

    /// The output may have been passed to the socket before, and is removed after.
    pub(crate) fn abort(&mut self) {
        let closed = self.conn.closed().cloned();
        let before = self.conn.pending();
        self.conn.abort();
        self.conn.advance(before);
        assert_eq!(self.conn.pending(), 0);
        let expected = closed.unwrap_or(Closed::Aborted);
        assert_eq!(self.conn.closed(), Some(&expected));
        self.awaits_answer = false;
        self.aborted = true;
        self.check();
    }
}
