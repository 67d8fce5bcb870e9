//! A connection on a blocking socket with two threads: one reads, the other writes and handles
//! timeouts. Any thread may send. The lock is never held during a system call.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hybi::{Connection, Event, Refused, Request};

/// How long writing `WRITE_LEN` bytes may take.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long to wait for the end of input after shutting down the sending side.
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);

/// The most bytes that one read returns.
const READ_LEN: usize = 64 * 1024;

/// The most bytes that one write passes to the system.
const WRITE_LEN: usize = 16 * 1024;

struct Shared {
    conn: Connection,
    /// The reading thread has finished.
    read_done: bool,
    /// Why the socket was closed before the connection.
    error: Option<String>,
}

/// A [`Connection`] and its blocking socket.
pub struct BlockingConnection {
    socket: TcpStream,
    shared: Mutex<Shared>,
    /// Notified after every change of `shared`.
    changed: Condvar,
    start: Instant,
}

impl BlockingConnection {
    pub fn new(socket: TcpStream, conn: Connection) -> io::Result<Self> {
        socket.set_write_timeout(Some(WRITE_TIMEOUT))?;
        socket.set_nodelay(true)?;
        Ok(Self {
            socket,
            shared: Mutex::new(Shared {
                conn,
                read_done: false,
                error: None,
            }),
            changed: Condvar::new(),
            start: Instant::now(),
        })
    }

    /// Runs both threads until the connection has ended and the socket is shut down.
    ///
    /// `on_request` is called with the lock held, so that other threads can send on the connection
    /// before the peer receives the response.
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

    /// Calls `f` with the connection and wakes the threads that wait for a change.
    pub fn with<T>(&self, f: impl FnOnce(&mut Connection) -> T) -> T {
        let result = f(&mut self.lock().conn);
        self.changed.notify_all();
        result
    }

    /// Calls `f` after every change until it returns a value.
    pub fn wait_for<T>(&self, mut f: impl FnMut(&mut Connection) -> Option<T>) -> T {
        let mut shared = self.lock();
        loop {
            if let Some(result) = f(&mut shared.conn) {
                self.changed.notify_all();
                return result;
            }
            shared = self.wait(shared, None);
        }
    }

    /// Closes the socket without the closing handshake.
    pub fn abort(&self, error: String) {
        self.set_error(error);
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    /// Keeps the first error, unless the connection has already ended.
    fn set_error(&self, error: String) {
        let mut shared = self.lock();
        if shared.conn.closed().is_none() {
            shared.error.get_or_insert(error);
        }
        self.changed.notify_all();
    }

    /// Returns why the connection ended.
    pub fn close_reason(&self) -> String {
        let shared = self.lock();
        let closed = shared.conn.closed().map(ToString::to_string);
        shared.error.clone().or(closed).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(
        &self,
        shared: MutexGuard<'a, Shared>,
        timeout: Option<Duration>,
    ) -> MutexGuard<'a, Shared> {
        match timeout {
            Some(timeout) => {
                let result = self.changed.wait_timeout(shared, timeout);
                result.unwrap_or_else(PoisonError::into_inner).0
            }
            None => {
                let result = self.changed.wait(shared);
                result.unwrap_or_else(PoisonError::into_inner)
            }
        }
    }

    /// Reads until the end of input. The writing thread shuts down the socket to end a blocked read.
    fn read(
        &self,
        mut on_request: impl FnMut(&mut Connection, &Request) -> Result<(), Refused>,
        mut on_event: impl FnMut(Event<'_>),
    ) {
        let mut buf = vec![0; READ_LEN];
        loop {
            self.wait_until_read_wanted();
            let n = match (&self.socket).read(&mut buf) {
                Ok(n) => n,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.set_error(error.to_string());
                    0
                }
            };
            if n == 0 {
                self.with(Connection::receive_eof);
            }
            let mut input = &mut buf[..n];
            loop {
                let received = self.with(|conn| {
                    loop {
                        match conn.receive(&mut input) {
                            Some(Event::Request(request)) => on_request(conn, &request)?,
                            event => return Ok(event),
                        }
                    }
                });
                match received {
                    Ok(Some(event)) => on_event(event),
                    Ok(None) => break,
                    Err(error) => break self.abort(Refused::to_string(&error)),
                }
            }
            if n == 0 {
                self.lock().read_done = true;
                self.changed.notify_all();
                return;
            }
        }
    }

    /// Waits while too much output is pending. Does not wait after the connection has ended, so that
    /// the end of input is read.
    fn wait_until_read_wanted(&self) {
        let mut shared = self.lock();
        while !shared.conn.wants_read() && shared.conn.closed().is_none() && shared.error.is_none()
        {
            shared = self.wait(shared, None);
        }
    }

    fn write(&self) {
        match self.flush_until_closed() {
            Ok(()) => self.linger(),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                self.abort("write timed out".to_owned());
            }
            Err(error) => self.abort(error.to_string()),
        }
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    /// Waits for the end of input: closing a socket with unread input can reset the
    /// connection, and the peer would lose our last bytes.
    fn linger(&self) {
        let _ = self.socket.shutdown(Shutdown::Write);
        let deadline = Instant::now() + LINGER_TIMEOUT;
        let mut shared = self.lock();
        while !shared.read_done {
            let Some(remaining) = deadline.checked_duration_since(Instant::now()) else {
                return;
            };
            shared = self.wait(shared, Some(remaining));
        }
    }

    /// Writes pending output until the connection has ended and all output is written.
    fn flush_until_closed(&self) -> io::Result<()> {
        let mut buf = vec![0; WRITE_LEN];
        let mut shared = self.lock();
        loop {
            let timeout = shared.conn.tick(self.start.elapsed());
            if shared.conn.wants_write() {
                let pending = shared.conn.transmit();
                let n = pending.len().min(WRITE_LEN);
                buf[..n].copy_from_slice(&pending[..n]);
                drop(shared);
                let start = Instant::now();
                let written = match (&self.socket).write(&buf[..n]) {
                    Ok(0) => return Err(ErrorKind::WriteZero.into()),
                    // The socket's write timeout does not cover a partial write.
                    Ok(written) if written < n && start.elapsed() >= WRITE_TIMEOUT => {
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
                shared = self.wait(shared, timeout);
            }
        }
    }
}
