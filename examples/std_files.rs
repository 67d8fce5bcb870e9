//! Serves the text files of a directory, each as one message, with blocking sockets. Shows how to
//! answer a request later, keep-alive, and vectored writes.

use std::fs::File;
use std::io::ErrorKind::{FileTooLarge, Interrupted, NotFound, TimedOut, WouldBlock};
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use std::{env, fs, mem, thread};

use hybi::{AcceptOptions, Config, Connection, Event, Input, Response};
use hybi_examples::cli::log;

type Lookup = Receiver<io::Result<String>>;
type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// With its header and the response before it, a message of this length fits into the send buffer.
const MAX_FILE_LEN: u64 = 1_000_000;
/// A connection has one, and another one while its file is read.
const MAX_THREADS: usize = 100;

/// A client that is silent for 10 seconds gets a ping, and has 5 seconds to answer.
/// While output is pending nothing is read, and with more than this keep-alive does not run.
static CONFIG: Config = Config::new()
    .keepalive(Duration::from_secs(10), Duration::from_secs(5))
    .high_water(8 * 1024);

struct Files {
    directory: PathBuf,
    /// The origin of the pages that may read the files.
    origin: String,
}

fn main() -> Result {
    let mut args = env::args().skip(1);
    let files = args.next().zip(args.next());
    let (directory, origin) = files.ok_or("usage: std_files DIRECTORY ORIGIN [ADDR]")?;
    let files = Arc::new(Files {
        directory: directory.into(),
        origin,
    });
    let address = args.next();
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:8076"))?;
    println!("listening on ws://{}/", listener.local_addr()?);
    loop {
        let result = listener.accept().and_then(|(socket, peer)| {
            // Each thread has one, and so has `main`.
            if Arc::strong_count(&files) > MAX_THREADS {
                return Err(io::Error::other("too many threads"));
            }
            let files = Arc::clone(&files);
            let serve = move || serve(&files, socket, peer);
            let serve =
                move || serve().unwrap_or_else(|error| log(format_args!("{peer}: {error}")));
            thread::Builder::new().spawn(serve)
        });
        if let Err(error) = result {
            log(format_args!("accept failed: {error}"));
            // Out of file descriptors or threads, most likely: let some connections end.
            thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Files {
    /// Reads a file on another thread, since it may take long.
    fn look_up(self: &Arc<Self>, resource: &str) -> io::Result<Lookup> {
        let name = resource.trim_start_matches('/');
        let is_valid = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric());
        let path = is_valid.then(|| self.directory.join(name));
        let (sender, receiver) = mpsc::channel();
        let files = Arc::clone(self);
        thread::Builder::new().spawn(move || {
            let text = path.ok_or(NotFound.into()).and_then(read);
            drop(files);
            // Fails if the handshake has timed out.
            let _ = sender.send(text);
        })?;
        Ok(receiver)
    }
}

fn read(path: PathBuf) -> io::Result<String> {
    // To open a named pipe takes until somebody writes to it.
    if !fs::metadata(&path)?.is_file() {
        return Err(NotFound.into());
    }
    let mut text = Vec::new();
    let file = File::open(path)?;
    file.take(MAX_FILE_LEN + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MAX_FILE_LEN {
        return Err(FileTooLarge.into());
    }
    String::from_utf8(text).map_err(io::Error::other)
}

fn serve(files: &Arc<Files>, mut socket: TcpStream, peer: SocketAddr) -> Result {
    let start = Instant::now();
    let mut conn = Connection::server(&CONFIG);
    let mut lookup: Option<Lookup> = None; // while the request awaits its answer
    let mut text = String::new();
    let mut buf = [0; 4096];
    let mut unread = 0..0; // the range of `buf` that was not consumed yet
    socket.set_write_timeout(Some(Duration::from_secs(1)))?;
    while !conn.is_done() {
        // The timeouts, and the pings of keep-alive, need a call of `receive` at the deadline.
        let deadline = conn.deadline().unwrap_or(Duration::MAX);
        let wait = deadline.saturating_sub(start.elapsed());
        let wait = wait.clamp(Duration::from_millis(1), Duration::from_secs(60));
        if conn.wants_write() {
            let written = retry(socket.write(conn.transmit()))?;
            conn.advance(written.unwrap_or(0));
        } else if let Some(receiver) = lookup.take() {
            match receiver.recv_timeout(wait) {
                Ok(Ok(found)) => {
                    text = found;
                    conn.accept(&AcceptOptions::new())?;
                }
                Ok(Err(error)) if error.kind() == NotFound => conn.respond(&Response::new(404))?,
                Ok(Err(error)) if error.kind() == FileTooLarge => {
                    conn.respond(&Response::new(413).body("the file is too long"))?;
                }
                // If the handshake has timed out, `receive` ends the connection.
                Err(RecvTimeoutError::Timeout) => lookup = Some(receiver),
                result => {
                    log(format_args!("{peer}: lookup failed: {result:?}"));
                    conn.respond(&Response::new(500))?;
                }
            }
        } else if unread.is_empty() {
            socket.set_read_timeout(Some(wait))?;
            match retry(socket.read(&mut buf))? {
                Some(0) => conn.receive_eof(),
                received => unread = 0..received.unwrap_or(0),
            }
        }
        let mut input = Input::new(&mut buf[unread.clone()], start.elapsed());
        while let Some(event) = conn.receive(&mut input) {
            match event {
                // Browsers send an origin, whatever the page; other programs need not.
                Event::Request(request)
                    if request.origin().is_some() && !request.origin_among(&[&files.origin]) =>
                {
                    conn.respond(&Response::new(403))?;
                }
                Event::Request(request) => match files.look_up(request.resource()) {
                    Ok(receiver) => lookup = Some(receiver),
                    Err(error) => {
                        log(format_args!("{peer}: no thread: {error}"));
                        conn.respond(&Response::new(503))?;
                    }
                },
                Event::Open(_) => {
                    let text = mem::take(&mut text);
                    let mut message = conn.send_text_vectored(&text)?;
                    let slices = message.slices().map(IoSlice::new);
                    let written = retry(socket.write_vectored(&slices))?;
                    // What was not written is queued.
                    message.advance(written.unwrap_or(0));
                }
                Event::Closed(closed) => log(format_args!("{peer}: {closed}")),
                _ => {}
            }
        }
        // The bytes after a request are consumed once it is accepted.
        unread.start = unread.end - input.remaining().len();
    }
    // Dropping a socket with unread input can reset the connection and lose the last bytes sent.
    let _ = socket.shutdown(Shutdown::Write);
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    let end = start.elapsed() + Duration::from_secs(1);
    while start.elapsed() < end && socket.read(&mut buf).is_ok_and(|n| n > 0) {}
    Ok(())
}

/// Returns `None` if the call has to be repeated.
fn retry(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Err(error) if matches!(error.kind(), WouldBlock | TimedOut | Interrupted) => Ok(None),
        result => result.map(Some),
    }
}
