//! The command line and the log of the chat servers.

use std::fmt::Display;
use std::io::Write;

/// Returns the address to listen on, or `None` if `--help` is given.
pub fn listen_address() -> Result<Option<String>, lexopt::Error> {
    use lexopt::prelude::*;
    let mut address = None;
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(None),
            Value(value) if address.is_none() => address = Some(value.string()?),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(address.unwrap_or("127.0.0.1:1234".to_owned())))
}

/// Prints a line. Unlike `println!`, it does not panic if stdout is closed.
pub fn log(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
