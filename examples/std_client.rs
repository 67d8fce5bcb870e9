//! A command-line client: sends lines of standard input as messages and prints received messages.

use std::borrow::Cow;
use std::error::Error;
use std::io::{self, BufRead, IsTerminal, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use hybi::{
    ClientRequest, Close, Closed, Config, Connection, Dialect, Entropy, Event, MessageAssembler,
    SendError,
};
use hybi_examples::link::{BlockingConnection, WhenCongested};
use hybi_examples::{cli, compression};

const HELP: &str = "\
Sends each line of standard input as a text message and prints received ones, on a
terminal with control characters escaped.

Usage: std_client URL [--dialect DIALECT] [--origin ORIGIN] [--protocol NAME]
                      [--no-compression]

URL is ws://HOST[:PORT]/PATH. DIALECT is rfc6455 (the default), hybi-8, hybi-7,
hixie-76 or hixie-75. The last two always send an origin, by default http://HOST.
After the end of input, the connection is closed once no message arrives for a
second.";

const MAX_MESSAGE_LEN: usize = 64 << 20;

/// How long to wait for another answer after the end of input: some servers answer nothing that they
/// read before a close frame but have not handled yet.
const LAST_ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// Longer than the default, since other servers answer everything first.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(15);

fn main() -> ExitCode {
    match run() {
        Ok(exit_code) => exit_code,
        Err(error) => {
            eprintln!("std_client: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode, Box<dyn Error>> {
    let Some((request, has_compression)) = parse_args()? else {
        println!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    };
    if request.is_tls() {
        return Err("wss:// URLs are not supported".into());
    }
    let host = request.host().trim_matches(['[', ']']);
    let socket = TcpStream::connect((host, request.port()))?;
    let mut entropy = [0; 32];
    getrandom::fill(&mut entropy)?;
    let mut config = Config::new()
        .max_frame_len(MAX_MESSAGE_LEN as u64)
        .max_send_buffer(MAX_MESSAGE_LEN)
        .close_timeout(CLOSE_TIMEOUT);
    if has_compression {
        config = compression::enable(config, MAX_MESSAGE_LEN);
    }
    let connection = Arc::new(BlockingConnection::new(
        socket,
        Connection::client(config, &request, Entropy::from_bytes(entropy)),
        WhenCongested::ReadOn,
    )?);

    let last_answer = Arc::new(Mutex::new(Instant::now()));
    let (sender, received) = (Arc::clone(&connection), Arc::clone(&last_answer));
    // Not joined: it may still be waiting for a line when the connection has ended.
    thread::Builder::new().spawn(move || send_lines(&sender, &received))?;

    let is_terminal = io::stdout().is_terminal();
    let mut message = MessageAssembler::new(MAX_MESSAGE_LEN);
    let on_event = |event: Event<'_>| {
        // Locked while the message is printed, which may take long.
        let mut last_answer = lock(&last_answer);
        match event {
            Event::Text(chunk) => match message.push_text(chunk) {
                Ok(Some(text)) => {
                    let text = if is_terminal {
                        cli::escape_controls(text)
                    } else {
                        Cow::Borrowed(text)
                    };
                    if let Err(error) = writeln!(io::stdout(), "{text}") {
                        connection.abort(error.to_string());
                    }
                }
                Ok(None) => {}
                Err(error) => close(&connection, 1009, &error.to_string()),
            },
            Event::Binary(_) => close(&connection, 1003, "binary messages are not supported"),
            _ => {}
        }
        *last_answer = Instant::now();
    };
    // Only servers receive requests.
    connection.run(|_, _| Ok(()), on_event);
    let closed = connection.result()?;
    match &closed {
        Closed::Protocol(error) => eprintln!("std_client: protocol error: {error}"),
        closed => eprintln!("std_client: {closed}"),
    }
    Ok(match closed {
        // Hixie-75 has no closing handshake.
        Closed::LocallyClosed => ExitCode::SUCCESS,
        Closed::Clean(close) if matches!(close.code(), None | Some(1000 | 1001 | 1005)) => {
            ExitCode::SUCCESS
        }
        _ => ExitCode::FAILURE,
    })
}

fn close(connection: &BlockingConnection, code: u16, reason: &str) {
    // Cannot fail: the code is valid, and the reason is short.
    let _ = connection.with(|conn| conn.close(&Close::new(code, reason)));
}

/// Returns the request and whether to offer compression, or `None` if `--help` is given.
fn parse_args() -> Result<Option<(ClientRequest, bool)>, Box<dyn Error>> {
    use lexopt::prelude::*;
    let (mut url, mut origin, mut protocol) = (None, None, None);
    let (mut dialect, mut has_compression) = (Dialect::Rfc6455, true);
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(None),
            Long("dialect") => dialect = parser.value()?.parse()?,
            Long("no-compression") => has_compression = false,
            Long("origin") => origin = Some(parser.value()?.string()?),
            Long("protocol") => protocol = Some(parser.value()?.string()?),
            Value(value) if url.is_none() => url = Some(value.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    let url = url.ok_or("no URL given; see --help")?;
    let mut request = ClientRequest::new(&url)?.with_dialect(dialect);
    if let Some(origin) = origin {
        request = request.with_origin(&origin)?;
    }
    if let Some(protocol) = protocol {
        request = request.with_protocol(&protocol)?;
    }
    Ok(Some((request, has_compression)))
}

fn lock(time: &Mutex<Instant>) -> MutexGuard<'_, Instant> {
    time.lock().unwrap_or_else(PoisonError::into_inner)
}

fn send_lines(connection: &BlockingConnection, last_answer: &Mutex<Instant>) {
    for line in io::stdin().lock().lines() {
        let result = match line {
            Ok(line) => connection.wait_for(|conn| try_send(conn, &line)),
            Err(error) => return connection.abort(error.to_string()),
        };
        match result {
            Ok(()) => {}
            Err(SendError::Closing) => return,
            Err(error) => return connection.abort(error.to_string()),
        }
    }
    connection.wait_for(|conn| {
        let is_sent = conn.is_open() && !conn.wants_write();
        (is_sent || conn.is_done()).then_some(())
    });
    let mut last = Instant::now();
    while let Some(wait) = LAST_ANSWER_TIMEOUT.checked_sub(last.elapsed()) {
        thread::sleep(wait);
        last = last.max(*lock(last_answer));
    }
    // Has no effect if the connection has ended. Cannot fail without a code and reason.
    let _ = connection.with(|conn| conn.close(&Close::EMPTY));
}

/// Returns `None` if the line cannot be sent yet: during the handshake, or while earlier lines are
/// pending.
fn try_send(conn: &mut Connection, line: &str) -> Option<Result<(), SendError>> {
    if conn.is_congested() {
        return None;
    }
    match conn.send_text(line) {
        Err(SendError::NotOpen) => None,
        Err(SendError::BufferFull { .. }) if conn.wants_write() => None,
        result => Some(result),
    }
}
