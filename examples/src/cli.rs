//! The command line and the log of the chat servers, and output to a terminal.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::Write;
use std::net::SocketAddr;
use std::num::NonZero;

use crate::chat::MAX_MESSAGE_LEN;

/// What the command line of a chat server says.
pub struct ServerOptions {
    /// Where to listen.
    pub address: String,
    pub origins: Vec<String>,
    pub compression: bool,
    pub max_message_len: usize,
}

/// Reads the command line of a chat server, with `--origin` or without. Returns `None` if `--help`
/// is given.
pub fn server_options(has_origins: bool) -> Result<Option<ServerOptions>, lexopt::Error> {
    use lexopt::prelude::*;
    let (mut address, mut origins, mut compression) = (None, Vec::new(), true);
    let mut max_message_len = MAX_MESSAGE_LEN;
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(None),
            Long("no-compression") => compression = false,
            Long("max-message-len") => {
                max_message_len = parser.value()?.parse::<NonZero<usize>>()?.get();
            }
            Long("origin") if has_origins => origins.push(parser.value()?.string()?),
            Value(value) if address.is_none() => address = Some(value.string()?),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(ServerOptions {
        address: address.unwrap_or("127.0.0.1:1234".to_owned()),
        origins,
        compression,
        max_message_len,
    }))
}

/// Prints where to connect to, for programs and for people.
pub fn log_address(address: SocketAddr) {
    log(format_args!("listening on ws://{address}/"));
    log(format_args!("the chat page is http://{address}/"));
}

/// Escapes control characters: they can move the cursor of a terminal, change its settings, or write
/// to the clipboard.
pub fn escape_controls(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// Prints a line. Unlike `println!`, it does not panic if stdout is closed.
pub fn log(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
