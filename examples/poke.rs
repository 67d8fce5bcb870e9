//! A chat server with two threads per connection: it answers `CONNECTED` with a greeting, `POKE`
//! with a complaint and `STATUS` with what its page shows about the connections, and sends every
//! other message to all clients. The server in a blog post of 2010 did the same, without `STATUS`.

use std::collections::BTreeMap;
use std::error::Error;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use hybi::{
    Close, Connection, Event, Handshake, MessageAssembler, MessageTooLong, Request, Response,
    SharedConfig,
};
use hybi_examples::chat::{self, MAX_QUEUED, OpenConnections, Opened};
use hybi_examples::cli::{self, log};
use hybi_examples::link::{BlockingConnection, WhenCongested};
use hybi_examples::outbox::{self, Message};

const HELP: &str = "\
Serves the poke page and its WebSocket.

Usage: poke [ADDR] [--origin ORIGIN]... [--no-compression] [--max-message-len BYTES]

ADDR defaults to 127.0.0.1:1234; port 0 picks a free port. Pages of any origin may
connect, unless ORIGIN, such as http://localhost:1234, is given. The longest message has
65536 bytes, unless BYTES is given.";

/// The limit of the server in the blog post.
const MAX_CONNECTIONS: usize = 1000;

/// How long to wait for the connections after Ctrl-C: a little more than their close timeout.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(7);

fn main() -> Result<(), Box<dyn Error>> {
    let Some(options) = cli::server_options(true)? else {
        log(HELP);
        return Ok(());
    };
    let (interrupt, interrupted) = mpsc::channel();
    ctrlc::set_handler(move || {
        let _ = interrupt.send(());
    })?;
    let listener = TcpListener::bind(options.address)?;
    cli::log_address(listener.local_addr()?);

    let server = Arc::new(Server {
        config: chat::config(options.compression, options.max_message_len).into(),
        max_message_len: options.max_message_len,
        origins: options.origins,
        clients: Mutex::default(),
        open: Mutex::default(),
        client_removed: Condvar::new(),
        is_shutting_down: AtomicBool::new(false),
    });
    let accepting = Arc::clone(&server);
    thread::Builder::new().spawn(move || accept_all(&listener, &accepting))?;
    interrupted.recv()?;
    server.shut_down();
    Ok(())
}

fn accept_all(listener: &TcpListener, server: &Arc<Server>) {
    for number in 1.. {
        let result = listener.accept().and_then(|(socket, address)| {
            let server = Arc::clone(server);
            let serve = move || serve(&server, number, socket, address);
            thread::Builder::new().spawn(serve).map(drop)
        });
        if let Err(error) = result {
            log(format_args!("accept failed: {error}"));
            // Out of file descriptors or threads, most likely: let some connections end.
            thread::sleep(Duration::from_millis(100));
        }
    }
}

struct Server {
    config: SharedConfig,
    max_message_len: usize,
    /// The origins of pages that may connect; if there are none, all.
    origins: Vec<String>,
    clients: Mutex<BTreeMap<u64, Arc<Client>>>,
    open: Mutex<OpenConnections>,
    client_removed: Condvar,
    is_shutting_down: AtomicBool,
}

struct Client {
    number: u64,
    address: SocketAddr,
    connection: BlockingConnection,
    origin: OnceLock<String>,
    opened: OnceLock<Opened>,
    received: AtomicU64,
    sent: AtomicU64,
}

fn serve(server: &Server, number: u64, socket: TcpStream, address: SocketAddr) {
    let conn = Connection::server(server.config.clone());
    // A client that floods the chat has to read its own messages.
    let connection = match BlockingConnection::new(socket, conn, WhenCongested::Pause) {
        Ok(connection) => connection,
        Err(error) => return log(format_args!("{number}: {address} setup failed: {error}")),
    };
    let client = Arc::new(Client {
        number,
        address,
        connection,
        origin: OnceLock::new(),
        opened: OnceLock::new(),
        received: AtomicU64::new(0),
        sent: AtomicU64::new(0),
    });
    if let Err(reason) = server.insert(&client) {
        return log(format_args!("{number}: {address} rejected: {reason}"));
    }
    let mut message = MessageAssembler::new(server.max_message_len);
    let on_request = |conn: &mut Connection, request: &Request| {
        let origin = request.origin().unwrap_or("none").to_owned();
        // Never set before: a connection has one request.
        let _ = client.origin.set(origin);
        if request.dialect().is_some() && !server.allows_origin_of(request) {
            return Ok(conn.respond(&Response::new(403))?);
        }
        chat::handle_request(conn, request)
    };
    client.connection.run(on_request, |event| match event {
        Event::Open(handshake) => {
            client.log_open(&handshake);
            server.count(&client, Opened::new(&handshake));
        }
        Event::Text(chunk) => match message.push_text_owned(chunk) {
            Ok(Some(text)) => client.handle_text(server, text),
            Ok(None) => {}
            Err(error) => client.reject_message(error),
        },
        Event::Binary(chunk) => match message.push_binary_owned(chunk) {
            Ok(Some(bytes)) => server.broadcast(&client, &Message::binary(bytes)),
            Ok(None) => {}
            Err(error) => client.reject_message(error),
        },
        _ => {}
    });
    server.remove(&client);
}

impl Client {
    fn log_open(&self, handshake: &Handshake) {
        let (number, address) = (self.number, self.address);
        let origin = self.origin.get().map_or("none", String::as_str);
        let dialect = handshake.dialect();
        log(format_args!(
            "{number}: {address} open, {dialect}, origin {origin}"
        ));
    }

    fn handle_text(&self, server: &Server, text: String) {
        match chat::reply(&text, || server.status(self)) {
            Some(reply) => {
                self.received.fetch_add(1, Relaxed);
                self.send(&Message::text(reply));
            }
            None => server.broadcast(self, &Message::text(text)),
        }
    }

    fn reject_message(&self, error: MessageTooLong) {
        self.connection
            .close(Close::new(error.close_code(), &error.to_string()));
    }

    /// Sends without blocking.
    fn send(&self, message: &Arc<Message>) {
        if self.connection.send(message) {
            self.sent.fetch_add(1, Relaxed);
        }
    }
}

impl Server {
    /// A browser lets every page connect to every server, with the cookies of the server.
    fn allows_origin_of(&self, request: &Request) -> bool {
        let origins: Vec<&str> = self.origins.iter().map(String::as_str).collect();
        origins.is_empty() || request.origin_among(&origins)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Client>>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clients(&self) -> Vec<Arc<Client>> {
        self.lock().values().cloned().collect()
    }

    fn open(&self) -> MutexGuard<'_, OpenConnections> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, client: &Client, opened: Opened) {
        // Never set before: a connection opens once.
        let _ = client.opened.set(opened);
        self.open().insert(opened);
    }

    /// Returns the reply to `STATUS`.
    fn status(&self, client: &Client) -> String {
        // A client that sends is open.
        let opened = client.opened.get();
        opened.map_or_else(String::new, |&opened| {
            self.open().status(client.number, opened)
        })
    }

    /// Sends a client's message to all clients.
    fn broadcast(&self, sender: &Client, message: &Arc<Message>) {
        sender.received.fetch_add(1, Relaxed);
        for client in self.clients() {
            client.send(message);
        }
        self.limit_queued_bytes();
    }

    /// Disconnects the clients that are the furthest behind until memory is below the limit.
    fn limit_queued_bytes(&self) {
        if outbox::queued_bytes() <= MAX_QUEUED {
            return;
        }
        // Locked, so that no two threads disconnect clients for the same excess.
        let clients = self.lock();
        while outbox::queued_bytes() > MAX_QUEUED {
            let by_queue = clients.values().map(|one| (one.connection.queued(), one));
            match by_queue.max_by_key(|(queued, _)| *queued) {
                Some((queued @ 1.., client)) => {
                    client.connection.abort(chat::too_far_behind(queued));
                }
                _ => return,
            }
        }
    }

    fn insert(&self, client: &Arc<Client>) -> Result<(), &'static str> {
        let mut clients = self.lock();
        if self.is_shutting_down.load(Relaxed) {
            return Err("shutting down");
        }
        if clients.len() >= MAX_CONNECTIONS {
            return Err("too many connections");
        }
        clients.insert(client.number, Arc::clone(client));
        Ok(())
    }

    fn remove(&self, client: &Client) {
        let number = client.number;
        if let Some(&opened) = client.opened.get() {
            self.open().remove(opened);
        }
        let reason = match client.connection.result() {
            Ok(closed) => chat::end_reason(&closed, client.connection.is_used()),
            Err(error) => error,
        };
        let (received, sent) = (client.received.load(Relaxed), client.sent.load(Relaxed));
        log(format_args!(
            "{number}: {reason}; {received} messages in, {sent} out"
        ));
        self.lock().remove(&number);
        self.client_removed.notify_all();
    }

    /// Closes all connections and waits until they have ended or the timeout expires.
    fn shut_down(&self) {
        // A client that is not among these is rejected: the lock comes between.
        self.is_shutting_down.store(true, Relaxed);
        for client in self.clients() {
            client.connection.close(Close::new(1001, ""));
        }
        let deadline = Instant::now() + SHUTDOWN_TIMEOUT;
        let mut clients = self.lock();
        while !clients.is_empty() {
            let Some(remaining) = deadline.checked_duration_since(Instant::now()) else {
                return;
            };
            let result = self.client_removed.wait_timeout(clients, remaining);
            clients = result.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
