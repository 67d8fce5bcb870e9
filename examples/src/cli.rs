//! The command line and the log of the chat servers, and output to a terminal.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::Write;
use std::net::SocketAddr;

/// Returns the address to listen on, or `None` if `--help` is given. If there are `origins`, appends
/// the values of the option `--origin`.
pub fn listen_address(
    mut origins: Option<&mut Vec<String>>,
) -> Result<Option<String>, lexopt::Error> {
    use lexopt::prelude::*;
    let mut address = None;
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match (argument, &mut origins) {
            (Short('h') | Long("help"), _) => return Ok(None),
            (Long("origin"), Some(origins)) => origins.push(parser.value()?.string()?),
            (Value(value), _) if address.is_none() => address = Some(value.string()?),
            (other, _) => return Err(other.unexpected()),
        }
    }
    Ok(Some(address.unwrap_or("127.0.0.1:1234".to_owned())))
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
