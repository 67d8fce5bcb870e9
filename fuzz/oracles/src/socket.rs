//! A simulated socket: the test decides what its peer does and records every call.

use std::cell::RefCell;
use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::rc::Rc;

/// The result of a call.
pub(crate) enum Call {
    Read(Vec<u8>),
    Eof,
    /// The length passed to the call, and the bytes written.
    Wrote(usize, Vec<u8>),
    /// The length passed to a write that would block.
    Blocked(usize),
    Failed,
    ShutdownWrite,
    /// A read that would block, or a call that was interrupted.
    Nothing,
}

/// All calls in order, each with the slot of its client.
pub(crate) type Calls = Rc<RefCell<Vec<(usize, Call)>>>;

/// The state shared between a socket and its peer.
pub(crate) struct Wire {
    pub to_server: Vec<u8>,
    pub to_peer: Vec<u8>,
    /// The peer has shut down its write side.
    pub eof: bool,
    pub reset: bool,
    /// How many bytes can be written before a write blocks.
    pub space: usize,
    pub max_read: usize,
    pub max_write: usize,
    /// Whether the next read and the next write are interrupted.
    pub interrupted: [bool; 2],
    /// The next write returns `Ok(0)`.
    pub writes_zero: bool,
}

/// The server's end.
pub(crate) struct Socket {
    pub slot: usize,
    pub wire: Rc<RefCell<Wire>>,
    pub calls: Calls,
}

impl Socket {
    fn record(&self, call: Call) {
        self.calls.borrow_mut().push((self.slot, call));
    }

    fn fail<T>(&self, kind: ErrorKind) -> io::Result<T> {
        self.record(match kind {
            ErrorKind::ConnectionReset => Call::Failed,
            _ => Call::Nothing,
        });
        Err(kind.into())
    }

    pub(crate) fn shutdown_write(&self) -> io::Result<()> {
        self.record(Call::ShutdownWrite);
        if self.wire.borrow().reset {
            return Err(ErrorKind::NotConnected.into());
        }
        Ok(())
    }
}

impl Read for Socket {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let wire = &mut *self.wire.borrow_mut();
        if wire.reset {
            return self.fail(ErrorKind::ConnectionReset);
        }
        if mem::take(&mut wire.interrupted[0]) {
            return self.fail(ErrorKind::Interrupted);
        }
        let n = wire.to_server.len().min(wire.max_read).min(buf.len());
        if n == 0 && !wire.eof {
            return self.fail(ErrorKind::WouldBlock);
        }
        let bytes: Vec<_> = wire.to_server.drain(..n).collect();
        buf[..n].copy_from_slice(&bytes);
        self.record(if n > 0 { Call::Read(bytes) } else { Call::Eof });
        Ok(n)
    }
}

impl Write for Socket {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let wire = &mut *self.wire.borrow_mut();
        if wire.reset {
            return self.fail(ErrorKind::ConnectionReset);
        }
        if mem::take(&mut wire.interrupted[1]) {
            return self.fail(ErrorKind::Interrupted);
        }
        if mem::take(&mut wire.writes_zero) {
            self.record(Call::Failed);
            return Ok(0);
        }
        let n = buf.len().min(wire.max_write).min(wire.space);
        if n == 0 {
            self.record(Call::Blocked(buf.len()));
            return Err(ErrorKind::WouldBlock.into());
        }
        wire.space -= n;
        wire.to_peer.extend_from_slice(&buf[..n]);
        self.record(Call::Wrote(buf.len(), buf[..n].to_vec()));
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
