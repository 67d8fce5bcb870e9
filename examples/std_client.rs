//! A client for the command line: lines in, messages out, and the other way round.

#[path = "common/link.rs"]
mod link;

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use hybi::{
    ClientRequest, Close, Closed, Config, Connection, Dialect, Event, MessageAssembler, Refused,
};
use link::Link;

const HELP: &str = "\
Sends each line of standard input as a message, prints each message as a line.

Usage: std_client URL [--dialect DIALECT] [--origin ORIGIN] [--protocol NAME]

URL is ws://HOST[:PORT]/PATH. DIALECT is rfc6455 (the default), hybi-8, hybi-7,
hixie-76 or hixie-75; the last two always name an origin, by default that of a
page of HOST. At the end of input the connection is closed.";

const MAX_MESSAGE: usize = 64 << 20;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("std_client: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let Some(target) = arguments()? else {
        println!("{HELP}");
        return Ok(());
    };
    if target.is_tls() {
        return Err("this client has no TLS".into());
    }
    let host = target.host().trim_matches(['[', ']']);
    let socket = TcpStream::connect((host, target.port()))?;
    let mut entropy = [0; 32];
    getrandom::fill(&mut entropy)?;
    let config = Config::new().max_send_buffer(MAX_MESSAGE);
    let link = Arc::new(Link::new(
        socket,
        Connection::client(&config, &target, entropy),
    )?);

    let sender = Arc::clone(&link);
    thread::spawn(move || send_lines(&sender));

    let mut message = MessageAssembler::new(MAX_MESSAGE);
    let mut ending = None;
    let on_event = |event: Event<'_>| match event {
        Event::Text(piece) => {
            let shown = match message.push_text(&piece) {
                Ok(Some(text)) => writeln!(io::stdout(), "{text}"),
                Ok(None) => Ok(()),
                Err(error) => Err(io::Error::other(error)),
            };
            if let Err(error) = shown {
                link.cut(error.to_string());
            }
        }
        Event::Binary(_) => link.cut("a binary message, which is no line".to_owned()),
        Event::Closed(why) => ending = Some(why),
        _ => {}
    };
    // Only servers are asked.
    link.run(|_, _| Ok(()), on_event);
    match ending {
        // Hixie-75 knows no more of an end than that we made it.
        Some(Closed::LocallyClosed) => Ok(()),
        Some(Closed::Clean(close)) if matches!(close.code(), None | Some(1000 | 1001 | 1005)) => {
            Ok(())
        }
        _ => Err(link.why().into()),
    }
}

fn arguments() -> Result<Option<ClientRequest>, Box<dyn Error>> {
    use lexopt::prelude::*;
    let (mut url, mut origin, mut protocol) = (None, None, None);
    let mut dialect = Dialect::Rfc6455;
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(None),
            Long("dialect") => {
                dialect = match parser.value()?.string()?.as_str() {
                    "hixie-75" => Dialect::Hixie75,
                    "hixie-76" => Dialect::Hixie76,
                    "hybi-7" => Dialect::HyBi7,
                    "hybi-8" => Dialect::HyBi8,
                    "rfc6455" => Dialect::Rfc6455,
                    other => return Err(format!("unknown dialect {other:?}").into()),
                };
            }
            Long("origin") => origin = Some(parser.value()?.string()?),
            Long("protocol") => protocol = Some(parser.value()?.string()?),
            Value(value) if url.is_none() => url = Some(value.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    let url = url.ok_or("no URL given; --help says how")?;
    let mut target = ClientRequest::new(&url)?.with_dialect(dialect);
    if let Some(origin) = origin {
        target = target.with_origin(&origin)?;
    }
    if let Some(protocol) = protocol {
        target = target.with_protocol(&protocol)?;
    }
    Ok(Some(target))
}

/// Runs beside the connection, and is left behind with a line half read when that ends first.
fn send_lines(link: &Link) {
    for line in io::stdin().lock().lines() {
        let sent = match line {
            Ok(line) => link.until(|conn| send(conn, &line)),
            Err(error) => return link.cut(error.to_string()),
        };
        match sent {
            Ok(()) => {}
            Err(Refused::Closing) => return,
            Err(error) => return link.cut(error.to_string()),
        }
    }
    // Refused when the connection has ended by itself.
    let _ = link.until(|conn| {
        let through = conn.is_open() || conn.closed().is_some();
        through.then(|| conn.close(&Close::EMPTY))
    });
}

/// Nothing until the connection is open and has room.
fn send(conn: &mut Connection, line: &str) -> Option<Result<(), Refused>> {
    match conn.send_text(line) {
        Err(Refused::NotOpen) => None,
        Err(Refused::BufferFull { .. }) if conn.wants_write() => None,
        result => Some(result),
    }
}
