//! A connection on a non-blocking socket. The poll tells of each change once, so what it said is
//! kept here until a system call says otherwise.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

use hybi::Connection;

/// A peer that takes not one byte for so long has stopped reading.
const STUCK: Duration = Duration::from_secs(10);

/// How often one that takes nothing is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// How long the peer may take to end its side once ours has ended.
const LINGER: Duration = Duration::from_secs(1);

/// All that is asked of a socket, so that a test can do without one.
pub trait Socket: Read + Write {
    fn shut_write(&mut self) -> io::Result<()>;
}

pub struct Link<S> {
    pub conn: Connection,
    pub socket: S,
    readable: bool,
    writable: bool,
    /// The peer's end of file has come.
    ended: bool,
    /// Since when the socket has taken nothing of what is pending.
    blocked: Option<Duration>,
    /// Our side has ended, and until when the peer may end its own.
    linger: Option<Duration>,
    cut: Option<String>,
}

impl<S: Socket> Link<S> {
    pub fn new(socket: S, conn: Connection) -> Self {
        Self {
            conn,
            socket,
            readable: false,
            writable: true,
            ended: false,
            blocked: None,
            linger: None,
            cut: None,
        }
    }

    /// Takes note of what the poll says.
    pub fn note(&mut self, readable: bool, writable: bool) {
        self.readable |= readable;
        self.writable |= writable;
    }

    /// Whether there may be something to read, and it is wanted. At the end that is whatever is
    /// left: unread input could reset the connection and cost the peer our last bytes.
    pub fn is_readable(&self) -> bool {
        let wanted = self.linger.is_some() || self.conn.wants_read();
        self.readable && wanted && self.cut.is_none()
    }

    /// Reads once; how many bytes of `buf` are for the machine.
    pub fn read(&mut self, buf: &mut [u8]) -> usize {
        match self.socket.read(buf) {
            Ok(0) => {
                self.readable = false;
                self.ended = true;
                self.conn.receive_eof();
            }
            Ok(n) => return n,
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => self.readable = false,
                ErrorKind::Interrupted => {}
                _ => self.cut(error.to_string()),
            },
        }
        0
    }

    /// Writes, sees to the end of what is over, and says until when there is nothing else to do
    /// of our own accord.
    pub fn settle(&mut self, now: Duration) -> Option<Duration> {
        self.write(now);
        let wait = self.conn.tick(now);
        if !self.conn.wants_write() {
            self.blocked = None;
        }
        if self.conn.is_done() && self.linger.is_none() {
            // Fails only for a peer that is gone already.
            let _ = self.socket.shut_write();
            self.linger = Some(now + LINGER);
        }
        let stuck = self.blocked.map(|since| (since + STUCK).min(now + RETRY));
        let tick = wait.map(|wait| now.saturating_add(wait));
        [tick, stuck, self.linger].into_iter().flatten().min()
    }

    fn write(&mut self, now: Duration) {
        // A poll calls a buffer writable once a good part of it is free. Whether not even one byte
        // is, a write tells, and it is asked often enough for the little that the system takes by
        // and by not to pass for a peer that reads.
        self.writable |= self.blocked.is_some();
        while self.writable && self.conn.wants_write() && self.cut.is_none() {
            match self.socket.write(self.conn.transmit()) {
                Ok(0) => self.cut(ErrorKind::WriteZero.to_string()),
                Ok(n) => {
                    self.conn.advance(n);
                    self.blocked = None;
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => {
                        self.writable = false;
                        if now >= *self.blocked.get_or_insert(now) + STUCK {
                            self.cut("it stopped reading".to_owned());
                        }
                    }
                    ErrorKind::Interrupted => {}
                    _ => self.cut(error.to_string()),
                },
            }
        }
    }

    /// Ends the connection without further ado.
    pub fn cut(&mut self, why: String) {
        self.cut.get_or_insert(why);
    }

    /// Whether the socket is done with.
    pub fn is_gone(&self, now: Duration) -> bool {
        let lingered = |until| self.ended || now >= until;
        self.cut.is_some() || self.linger.is_some_and(lingered)
    }

    /// Why it is over, in words.
    pub fn why(&self) -> String {
        let closed = self.conn.closed().map(ToString::to_string);
        closed.or(self.cut.clone()).unwrap_or_default()
    }
}
