//! A connection on a blocking socket, driven by two threads: one reads, one writes and keeps the
//! clock. Any other thread may send. The lock is never held over a system call.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hybi::{Connection, Event, Refused, Request};

/// A peer that takes less than one chunk in so long has stopped reading.
const STUCK: Duration = Duration::from_secs(10);

/// How long the peer may take to end its side once ours has ended.
const LINGER: Duration = Duration::from_secs(1);

/// What one read takes in at most.
const READ: usize = 64 * 1024;

/// What one write hands out at most.
const CHUNK: usize = 16 * 1024;

struct Shared {
    conn: Connection,
    /// The reading thread has seen the end of file.
    ended: bool,
    /// Why the socket was given up.
    cut: Option<String>,
}

pub struct Link {
    socket: TcpStream,
    shared: Mutex<Shared>,
    /// Output came or went, the connection is over, or input has ended.
    changed: Condvar,
    start: Instant,
}

impl Link {
    pub fn new(socket: TcpStream, conn: Connection) -> io::Result<Self> {
        socket.set_write_timeout(Some(STUCK))?;
        socket.set_nodelay(true)?;
        Ok(Self {
            socket,
            shared: Mutex::new(Shared {
                conn,
                ended: false,
                cut: None,
            }),
            changed: Condvar::new(),
            start: Instant::now(),
        })
    }

    /// Runs both threads until the connection is over and the socket is done with. A request is
    /// answered under the lock, so that it is open for other threads before its peer knows.
    pub fn run(
        &self,
        on_request: impl FnMut(&mut Connection, &Request) -> Result<(), Refused>,
        on_event: impl FnMut(Event<'_>),
    ) {
        std::thread::scope(|scope| {
            scope.spawn(|| self.write());
            self.read(on_request, on_event);
        });
    }

    /// Calls the machine, and wakes the threads for what came of it.
    pub fn with<T>(&self, call: impl FnOnce(&mut Connection) -> T) -> T {
        let result = call(&mut self.lock().conn);
        self.changed.notify_all();
        result
    }

    /// Calls the machine after each change, until it gives something.
    #[allow(dead_code)] // For those who may wait.
    pub fn until<T>(&self, mut call: impl FnMut(&mut Connection) -> Option<T>) -> T {
        let mut shared = self.lock();
        loop {
            if let Some(result) = call(&mut shared.conn) {
                self.changed.notify_all();
                return result;
            }
            shared = self.wait(shared, None);
        }
    }

    /// Ends the connection at once, without the closing handshake.
    pub fn cut(&self, why: String) {
        self.lost(why);
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    /// Keeps the first reason, unless the connection was over by itself.
    fn lost(&self, why: String) {
        let mut shared = self.lock();
        if shared.conn.closed().is_none() {
            shared.cut.get_or_insert(why);
        }
        self.changed.notify_all();
    }

    /// Why it is over, in words.
    pub fn why(&self) -> String {
        let shared = self.lock();
        let closed = shared.conn.closed().map(ToString::to_string);
        shared.cut.clone().or(closed).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(
        &self,
        shared: MutexGuard<'a, Shared>,
        time: Option<Duration>,
    ) -> MutexGuard<'a, Shared> {
        match time {
            Some(time) => {
                let waited = self.changed.wait_timeout(shared, time);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => {
                let waited = self.changed.wait(shared);
                waited.unwrap_or_else(PoisonError::into_inner)
            }
        }
    }

    /// Ends with the peer's end of file, which the writing thread brings about if need be.
    fn read(
        &self,
        mut on_request: impl FnMut(&mut Connection, &Request) -> Result<(), Refused>,
        mut on_event: impl FnMut(Event<'_>),
    ) {
        let mut buf = vec![0; READ];
        loop {
            self.wait_to_read();
            let n = match (&self.socket).read(&mut buf) {
                Ok(n) => n,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.lost(error.to_string());
                    0
                }
            };
            if n == 0 {
                self.with(Connection::receive_eof);
            }
            let mut input = &mut buf[..n];
            loop {
                let heard = self.with(|conn| {
                    loop {
                        match conn.receive(&mut input) {
                            Some(Event::Request(request)) => on_request(conn, &request)?,
                            event => return Ok(event),
                        }
                    }
                });
                match heard {
                    Ok(Some(event)) => on_event(event),
                    Ok(None) => break,
                    Err(error) => break self.cut(Refused::to_string(&error)),
                }
            }
            if n == 0 {
                self.lock().ended = true;
                self.changed.notify_all();
                return;
            }
        }
    }

    /// Not while enough is pending, unless nothing of it will ever go out.
    fn wait_to_read(&self) {
        let mut shared = self.lock();
        while !shared.conn.wants_read() && shared.conn.closed().is_none() && shared.cut.is_none() {
            shared = self.wait(shared, None);
        }
    }

    fn write(&self) {
        match self.flush() {
            Ok(()) => self.linger(),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                self.cut("it stopped reading".to_owned());
            }
            Err(error) => self.cut(error.to_string()),
        }
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    /// Unread input at the end could reset the connection and cost the peer our last bytes, so its
    /// end of file comes first, if it comes soon.
    fn linger(&self) {
        let _ = self.socket.shutdown(Shutdown::Write);
        let until = Instant::now() + LINGER;
        let mut shared = self.lock();
        while let (false, Some(left)) = (shared.ended, until.checked_duration_since(Instant::now()))
        {
            shared = self.wait(shared, Some(left));
        }
    }

    /// Writes what is pending, until it is over and all is written.
    fn flush(&self) -> io::Result<()> {
        let mut chunk = vec![0; CHUNK];
        let mut shared = self.lock();
        loop {
            let time = shared.conn.tick(self.start.elapsed());
            if shared.conn.wants_write() {
                let pending = shared.conn.transmit();
                let n = pending.len().min(CHUNK);
                chunk[..n].copy_from_slice(&pending[..n]);
                drop(shared);
                let begun = Instant::now();
                let written = match (&self.socket).write(&chunk[..n]) {
                    Ok(0) => return Err(ErrorKind::WriteZero.into()),
                    Ok(written) if written < n && begun.elapsed() >= STUCK => {
                        return Err(ErrorKind::TimedOut.into());
                    }
                    Ok(written) => written,
                    Err(error) if error.kind() == ErrorKind::Interrupted => 0,
                    Err(error) => return Err(error),
                };
                self.with(|conn| conn.advance(written));
                shared = self.lock();
            } else if shared.conn.closed().is_some() {
                return Ok(());
            } else {
                shared = self.wait(shared, time);
            }
        }
    }
}
