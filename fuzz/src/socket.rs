//! Sockets without a system: what their peers do is decided elsewhere, what is called is kept.

use std::cell::RefCell;
use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::rc::Rc;

/// What a call came to.
pub enum Call {
    Read(Vec<u8>),
    Ended,
    /// Of so many bytes these were taken.
    Wrote(usize, Vec<u8>),
    /// Nothing of so many bytes was taken.
    Blocked(usize),
    Failed,
    ShutWrite,
    /// There was nothing to read, or it was interrupted.
    Nothing,
}

/// Every call in its order, with who it was for.
pub type Calls = Rc<RefCell<Vec<(usize, Call)>>>;

/// What lies between the room and a peer.
pub struct Wire {
    pub to_room: Vec<u8>,
    pub to_peer: Vec<u8>,
    /// The peer has ended its side.
    pub ended: bool,
    pub reset: bool,
    /// How many bytes are taken before a write blocks.
    pub space: usize,
    /// What one call moves at most.
    pub most_read: usize,
    pub most_written: usize,
    /// The next call of each kind is.
    pub interrupted: [bool; 2],
    /// The next write takes nothing, and says so.
    pub takes_none: bool,
}

/// The room's end.
pub struct Socket {
    pub slot: usize,
    pub wire: Rc<RefCell<Wire>>,
    pub calls: Calls,
}

impl Socket {
    fn keep(&self, call: Call) {
        self.calls.borrow_mut().push((self.slot, call));
    }

    fn fail<T>(&self, kind: ErrorKind) -> io::Result<T> {
        self.keep(match kind {
            ErrorKind::ConnectionReset => Call::Failed,
            _ => Call::Nothing,
        });
        Err(kind.into())
    }

    pub fn shut_write(&self) -> io::Result<()> {
        self.keep(Call::ShutWrite);
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
        let n = wire.to_room.len().min(wire.most_read).min(buf.len());
        if n == 0 && !wire.ended {
            return self.fail(ErrorKind::WouldBlock);
        }
        let bytes: Vec<_> = wire.to_room.drain(..n).collect();
        buf[..n].copy_from_slice(&bytes);
        self.keep(if n > 0 {
            Call::Read(bytes)
        } else {
            Call::Ended
        });
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
        if mem::take(&mut wire.takes_none) {
            self.keep(Call::Failed);
            return Ok(0);
        }
        let n = buf.len().min(wire.most_written).min(wire.space);
        if n == 0 {
            self.keep(Call::Blocked(buf.len()));
            return Err(ErrorKind::WouldBlock.into());
        }
        wire.space -= n;
        wire.to_peer.extend_from_slice(&buf[..n]);
        self.keep(Call::Wrote(buf.len(), buf[..n].to_vec()));
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
