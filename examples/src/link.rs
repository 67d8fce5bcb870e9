//! A connection on a blocking socket with two threads: one reads, the other writes and handles
//! timeouts. Any thread may send. The lock is never held during a system call.

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use hybi::{Close, Closed, Connection, Event, Input, Request};

use crate::outbox::{Message, Outbox};

/// How often a blocked write is retried: the system may accept bytes long before it wakes up the
/// thread, and the connection has to know before its `write_timeout` expires.
const WRITE_RETRY: Duration = Duration::from_secs(1);

/// How long to wait for the end of input after shutting down the sending side.
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);

/// The most bytes that one read returns.
const READ_LEN: usize = 64 * 1024;

/// The most bytes that one write passes to the system.
const WRITE_LEN: usize = 16 * 1024;

/// What to do with input while the connection is congested. At most one of the two peers of a
/// connection may pause: if both wait until the other one reads, neither does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenCongested {
    /// Stops reading, for an application that answers messages: a peer that sends faster than it
    /// reads is slowed down.
    Pause,
    /// Reads on, for an application that sends of its own accord.
    ReadOn,
}

struct Shared {
    conn: Connection,
    outbox: Outbox,
    /// Why the connection ended.
    closed: Option<Closed>,
    /// A byte was read.
    is_used: bool,
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
    when_congested: WhenCongested,
    start: Instant,
}

impl BlockingConnection {
    pub fn new(
        socket: TcpStream,
        conn: Connection,
        when_congested: WhenCongested,
    ) -> io::Result<Self> {
        socket.set_write_timeout(Some(WRITE_RETRY))?;
        socket.set_nodelay(true)?;
        Ok(Self {
            socket,
            shared: Mutex::new(Shared {
                conn,
                outbox: Outbox::default(),
                closed: None,
                is_used: false,
                read_done: false,
                error: None,
            }),
            changed: Condvar::new(),
            when_congested,
            start: Instant::now(),
        })
    }

    /// Runs both threads until the connection has ended and the socket is shut down.
    ///
    /// `on_request` is called with the lock held, so that other threads can send on the connection
    /// before the peer receives the response.
    pub fn run(
        &self,
        on_request: impl FnMut(&mut Connection, &Request) -> Result<(), Box<dyn Error>>,
        on_event: impl FnMut(Event<'_>),
    ) {
        thread::scope(
            |scope| match thread::Builder::new().spawn_scoped(scope, || self.write()) {
                Ok(_) => self.read(on_request, on_event),
                Err(error) => self.abort(format!("no second thread: {error}")),
            },
        );
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

    /// Queues a message if the connection is open and its dialect has such messages. Returns whether
    /// it does.
    pub fn send(&self, message: &Arc<Message>) -> bool {
        let mut shared = self.lock();
        let Shared { conn, outbox, .. } = &mut *shared;
        let result = outbox.send(conn, message);
        drop(shared);
        self.changed.notify_all();
        result.unwrap_or_else(|error| {
            self.abort(error.to_string());
            false
        })
    }

    /// Starts the closing handshake once all messages are sent. The code has to be valid.
    pub fn close(&self, close: Close) {
        let mut shared = self.lock();
        let Shared { conn, outbox, .. } = &mut *shared;
        let result = outbox.close(conn, close);
        drop(shared);
        self.changed.notify_all();
        if let Err(error) = result {
            self.abort(error.to_string());
        }
    }

    /// Returns how many bytes are queued and not yet passed to the connection.
    pub fn queued(&self) -> usize {
        self.lock().outbox.len()
    }

    /// Closes the socket without the closing handshake.
    pub fn abort(&self, error: String) {
        self.set_error(error);
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    /// Keeps the first error, unless the connection has already ended.
    fn set_error(&self, error: String) {
        let mut shared = self.lock();
        if shared.closed.is_none() {
            shared.error.get_or_insert(error);
        }
        shared.conn.abort();
        shared.outbox.clear();
        self.changed.notify_all();
    }

    /// Returns how the connection ended, or the error for which it was aborted.
    pub fn result(&self) -> Result<Closed, String> {
        let shared = self.lock();
        match &shared.error {
            Some(error) => Err(error.clone()),
            None => Ok(shared.closed.clone().unwrap_or(Closed::Aborted)),
        }
    }

    /// Returns whether the peer has sent anything.
    pub fn is_used(&self) -> bool {
        self.lock().is_used
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
        mut on_request: impl FnMut(&mut Connection, &Request) -> Result<(), Box<dyn Error>>,
        mut on_event: impl FnMut(Event<'_>),
    ) {
        let mut buf = vec![0; READ_LEN];
        loop {
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
            } else {
                self.lock().is_used = true;
            }
            let mut input = Input::new(&mut buf[..n], self.start.elapsed());
            while let Some(event) = self.receive(&mut input, &mut on_request) {
                on_event(event);
            }
            if n == 0 {
                self.lock().read_done = true;
                self.changed.notify_all();
                return;
            }
        }
    }

    /// Returns the next event, except [`Event::Closed`]. Waits first if reading pauses.
    fn receive<'e>(
        &self,
        input: &'e mut Input<'_>,
        on_request: impl FnOnce(&mut Connection, &Request) -> Result<(), Box<dyn Error>>,
    ) -> Option<Event<'e>> {
        let mut shared = self.lock();
        while self.when_congested == WhenCongested::Pause && shared.conn.is_congested() {
            shared = self.wait(shared, None);
        }
        let event = shared.conn.receive(input);
        // The thread that writes handles new output and timeouts.
        self.changed.notify_all();
        match event {
            Some(Event::Request(request)) => {
                if let Err(error) = on_request(&mut shared.conn, &request) {
                    drop(shared);
                    self.abort(error.to_string());
                    return None;
                }
                // Other threads can send once the peer can receive the response.
                let opened = shared.receive_without_input(self.start.elapsed());
                Some(opened.unwrap_or(Event::Request(request)))
            }
            Some(Event::Closed(closed)) => {
                shared.closed = Some(closed);
                None
            }
            event => event,
        }
    }

    fn write(&self) {
        match self.flush_until_closed() {
            Ok(()) => self.linger(),
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
            let now = self.start.elapsed();
            shared.receive_without_input(now);
            let Shared { conn, outbox, .. } = &mut *shared;
            outbox.fill(conn).map_err(io::Error::other)?;
            if shared.conn.wants_write() {
                let pending = shared.conn.transmit();
                let n = pending.len().min(WRITE_LEN);
                buf[..n].copy_from_slice(&pending[..n]);
                drop(shared);
                let written = match (&self.socket).write(&buf[..n]) {
                    Ok(n) => n,
                    Err(error) => match error.kind() {
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => 0,
                        _ => return Err(error),
                    },
                };
                shared = self.lock();
                // A timeout or `abort` may have dropped the output meanwhile.
                let written = written.min(shared.conn.pending());
                shared.conn.advance(written);
                self.changed.notify_all();
            } else if shared.closed.is_some() {
                return Ok(());
            } else {
                let deadline = shared.conn.deadline();
                let timeout = deadline.map(|deadline| deadline.saturating_sub(now));
                shared = self.wait(shared, timeout);
            }
        }
    }
}

impl Shared {
    /// Lets timeouts start and expire. Returns [`Event::Open`] after a request was accepted.
    fn receive_without_input(&mut self, now: Duration) -> Option<Event<'static>> {
        match self.conn.receive(&mut Input::new(&mut [], now)) {
            Some(Event::Open(handshake)) => Some(Event::Open(handshake)),
            Some(Event::Closed(closed)) => {
                self.closed = Some(closed);
                None
            }
            _ => None,
        }
    }
}
