//! All connected clients, independent of the kind of socket and of the clock. A turn is one iteration
//! of the I/O loop.

use std::fmt::Display;
use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hybi::{
    Close, Connection, Event, Handshake, Input, MessageAssembler, MessageTooLong, Request,
    SharedConfig,
};
use slab::Slab;

use super::link::{PolledConnection, Socket};
use super::timers::Timers;
use crate::chat::{self, MAX_MESSAGE_LEN, MAX_QUEUED, OpenConnections, Opened};
use crate::outbox::{self, Message};

/// The most bytes that one read returns.
pub const READ_LEN: usize = 64 * 1024;

/// The limit of a read is `READ_LEN / (1 + clients / CLIENTS_PER_SHARE)`: every message received
/// may have to be sent to all clients, and a turn must stay short. Since a compressed message can be
/// a thousand times as long as its frame, the same limit applies to what messages contain.
const CLIENTS_PER_SHARE: usize = 32;

/// Usually the second read would block, and mio reports new input only after that.
const READS_PER_TURN: usize = 2;

/// How long to wait for the connections after a shutdown: a little more than their close timeout.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(7);

/// The timer key of the shutdown; a slab never returns it.
const SHUTDOWN: usize = usize::MAX;

pub struct Clients<S> {
    config: SharedConfig,
    max_message_len: usize,
    timers: Timers,
    clients: Slab<Client<S>>,
    open: OpenConnections,
    /// The clients to handle in the next turn.
    scheduled: Vec<usize>,
    log: fn(&dyn Display),
}

struct Client<S> {
    connection: PolledConnection<S>,
    number: u64,
    address: SocketAddr,
    /// Only needed until the handshake is done.
    origin: Option<Box<str>>,
    /// Set while the client counts as open.
    opened: Option<Opened>,
    /// `None` between messages, so that idle clients have no buffer.
    message: Option<MessageAssembler>,
    /// The bytes of messages received above the shares of all turns.
    excess: usize,
    received: u64,
    sent: u64,
    is_scheduled: bool,
}

impl<S: Socket> Clients<S> {
    pub fn new(config: impl Into<SharedConfig>, log: fn(&dyn Display)) -> Self {
        Self {
            config: config.into(),
            max_message_len: MAX_MESSAGE_LEN,
            timers: Timers::default(),
            clients: Slab::new(),
            open: OpenConnections::default(),
            scheduled: Vec::new(),
            log,
        }
    }

    /// Sets the length of the longest message, for messages that start after the call.
    pub fn set_max_message_len(&mut self, bytes: usize) {
        self.max_message_len = bytes;
    }

    pub fn len(&self) -> usize {
        self.clients.len()
    }

    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// Returns the key of the client that is inserted next.
    pub fn vacant_key(&self) -> usize {
        self.clients.vacant_key()
    }

    pub fn insert(&mut self, socket: S, number: u64, address: SocketAddr) {
        let key = self.clients.insert(Client {
            connection: PolledConnection::new(socket, Connection::server(self.config.clone())),
            number,
            address,
            origin: None,
            opened: None,
            message: None,
            excess: 0,
            received: 0,
            sent: 0,
            is_scheduled: false,
        });
        self.schedule(key);
    }

    /// Records the readiness that the poll reports. The client may already be removed.
    pub fn set_readiness(&mut self, key: usize, readable: bool, writable: bool) {
        if let Some(client) = self.clients.get_mut(key) {
            client.connection.set_readiness(readable, writable);
            client.schedule(key, &mut self.scheduled);
        }
    }

    /// Returns how long to wait for readiness before the next turn.
    pub fn timeout(&self, now: Duration) -> Option<Duration> {
        if self.scheduled.is_empty() {
            self.timers.timeout(now)
        } else {
            Some(Duration::ZERO)
        }
    }

    /// Reads from and writes to all scheduled clients. Returns the sockets of removed clients.
    pub fn turn(&mut self, now: Duration, buf: &mut [u8]) -> Vec<S> {
        while let Some(key) = self.timers.pop(now) {
            match key {
                SHUTDOWN => self.abort_all(),
                key => self.schedule(key),
            }
        }
        // Broadcasts append to `scheduled` meanwhile.
        let mut next = 0;
        while let Some(&key) = self.scheduled.get(next) {
            self.read_from(key, now, buf);
            next += 1;
        }
        // Last, because it removes clients, and the slab reuses their keys.
        let scheduled = mem::take(&mut self.scheduled);
        scheduled
            .into_iter()
            .filter_map(|key| self.flush(key, now))
            .collect()
    }

    fn schedule(&mut self, key: usize) {
        self.clients[key].schedule(key, &mut self.scheduled);
    }

    /// Reads from a client, but not more than its share of a turn.
    fn read_from(&mut self, key: usize, now: Duration, buf: &mut [u8]) {
        self.clients[key].connection.retry_write(now);
        // Timeouts expire without input, also while the connection is congested.
        self.handle_input(key, now, &mut []);
        let share = self.share();
        let client = &mut self.clients[key];
        client.excess = client.excess.saturating_sub(share);
        for _ in 0..READS_PER_TURN {
            let Client {
                connection, excess, ..
            } = &mut self.clients[key];
            if !connection.has_input() || *excess >= share {
                return;
            }
            let mut unconsumed = mem::take(&mut connection.unconsumed);
            if unconsumed.is_empty() {
                let n = connection.read(&mut buf[..share / READS_PER_TURN]);
                self.handle_input(key, now, &mut buf[..n]);
            } else {
                self.handle_input(key, now, &mut unconsumed);
            }
        }
    }

    /// Returns how many bytes of a client are read in a turn.
    fn share(&self) -> usize {
        READS_PER_TURN * (READ_LEN / (1 + self.clients.len() / CLIENTS_PER_SHARE)).max(128)
    }

    /// Handles events until all input is consumed, the connection becomes congested, or the messages
    /// exceed the client's share of the turn.
    fn handle_input(&mut self, key: usize, now: Duration, bytes: &mut [u8]) {
        let mut input = Input::new(bytes, now);
        let share = self.share();
        let mut is_paused = false;
        let max_message_len = self.max_message_len;
        let new_assembler = || MessageAssembler::new(max_message_len);
        let mut message = self.clients[key].message.take();
        while let Some(event) = self.clients[key].connection.conn.receive(&mut input) {
            let client = &mut self.clients[key];
            match event {
                Event::Request(request) => client.handle_request(&request),
                Event::Open(handshake) => {
                    client.log_open(self.log, &handshake);
                    let opened = Opened::new(&handshake);
                    client.opened = Some(opened);
                    self.open.insert(opened);
                }
                Event::Text(chunk) => {
                    client.excess += chunk.as_str().len();
                    let assembler = message.get_or_insert_with(new_assembler);
                    match assembler.push_text_owned(chunk) {
                        Ok(Some(text)) => self.handle_text(key, text),
                        Ok(None) => {}
                        Err(error) => client.reject_message(error),
                    }
                    if chunk.is_final() {
                        message = None;
                    }
                }
                Event::Binary(chunk) => {
                    client.excess += chunk.as_bytes().len();
                    let assembler = message.get_or_insert_with(new_assembler);
                    match assembler.push_binary_owned(chunk) {
                        Ok(Some(bytes)) => self.broadcast(key, &Message::binary(bytes)),
                        Ok(None) => {}
                        Err(error) => client.reject_message(error),
                    }
                    if chunk.is_final() {
                        message = None;
                    }
                }
                Event::Closed(closed) => client.connection.set_closed(closed),
                _ => {}
            }
            let client = &self.clients[key];
            is_paused = client.connection.conn.is_congested() || client.excess >= share;
            if is_paused {
                break;
            }
        }
        let client = &mut self.clients[key];
        client.message = message;
        // Without a pause, bytes remain only after the end of the connection.
        if is_paused && !input.remaining().is_empty() {
            client.connection.unconsumed = input.remaining().to_vec();
        }
    }

    fn handle_text(&mut self, key: usize, text: String) {
        let client = &mut self.clients[key];
        // A client that sends is open.
        let status = || match client.opened {
            Some(opened) => self.open.status(client.number, opened),
            None => String::new(),
        };
        match chat::reply(&text, status) {
            Some(reply) => {
                client.received += 1;
                client.send(&Message::text(reply));
            }
            None => self.broadcast(key, &Message::text(text)),
        }
    }

    /// Sends a client's message to all clients.
    fn broadcast(&mut self, sender: usize, message: &Arc<Message>) {
        self.clients[sender].received += 1;
        for (key, client) in &mut self.clients {
            if client.connection.conn.is_open() {
                client.send(message);
                client.schedule(key, &mut self.scheduled);
            }
        }
        self.limit_queued_bytes();
    }

    /// Disconnects the clients that are the furthest behind until memory is below the limit.
    fn limit_queued_bytes(&mut self) {
        while outbox::queued_bytes() > MAX_QUEUED {
            let queued = |client: &Client<S>| client.connection.queued();
            let furthest = self.clients.iter_mut().max_by_key(|(_, one)| queued(one));
            let Some((key, client)) = furthest.filter(|(_, one)| queued(one) > 0) else {
                return;
            };
            client
                .connection
                .abort(chat::too_far_behind(queued(client)));
            client.schedule(key, &mut self.scheduled);
        }
    }

    /// Writes to a client. Removes it and returns its socket if the connection has ended.
    fn flush(&mut self, key: usize, now: Duration) -> Option<S> {
        let client = &mut self.clients[key];
        client.is_scheduled = false;
        let deadline = client.connection.flush(now);
        if client.connection.is_finished(now) {
            return Some(self.remove(key));
        }
        if let Some(deadline) = deadline {
            self.timers.set(key, deadline);
        }
        if client.connection.has_input() {
            self.schedule(key);
        }
        None
    }

    fn remove(&mut self, key: usize) -> S {
        self.timers.cancel(key);
        let client = self.clients.remove(key);
        if let Some(opened) = client.opened {
            self.open.remove(opened);
        }
        let (number, reason) = (client.number, client.connection.close_reason());
        let (received, sent) = (client.received, client.sent);
        (self.log)(&format_args!(
            "{number}: {reason}; {received} messages in, {sent} out"
        ));
        client.connection.socket
    }

    /// Closes every connection.
    pub fn shut_down(&mut self, now: Duration) {
        self.timers.set(SHUTDOWN, now + SHUTDOWN_TIMEOUT);
        for (key, client) in &mut self.clients {
            client.connection.close(Close::new(1001, ""));
            client.schedule(key, &mut self.scheduled);
        }
    }

    fn abort_all(&mut self) {
        for (key, client) in &mut self.clients {
            client.connection.abort("shutdown timed out".to_owned());
            client.schedule(key, &mut self.scheduled);
        }
    }
}

impl<S: Socket> Client<S> {
    fn schedule(&mut self, key: usize, scheduled: &mut Vec<usize>) {
        if !mem::replace(&mut self.is_scheduled, true) {
            scheduled.push(key);
        }
    }

    fn handle_request(&mut self, request: &Request) {
        self.origin = request.origin().map(Into::into);
        if let Err(error) = chat::handle_request(&mut self.connection.conn, request) {
            self.connection.abort(error.to_string());
        }
    }

    fn log_open(&mut self, log: fn(&dyn Display), handshake: &Handshake) {
        let (number, address) = (self.number, self.address);
        let dialect = handshake.dialect();
        let origin = self.origin.take();
        let origin = origin.as_deref().unwrap_or("none");
        log(&format_args!(
            "{number}: {address} open, {dialect}, origin {origin}"
        ));
    }

    fn reject_message(&mut self, error: MessageTooLong) {
        self.connection
            .close(Close::new(error.close_code(), &error.to_string()));
    }

    fn send(&mut self, message: &Arc<Message>) {
        self.sent += u64::from(self.connection.send(message));
    }
}
