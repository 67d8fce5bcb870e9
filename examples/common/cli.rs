//! What the demo servers have to do with the one who runs them.

use std::fmt::Display;
use std::io::Write;

/// The one argument of a server, an address to listen on; `None` when help was asked for.
pub fn address() -> Result<Option<String>, lexopt::Error> {
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

/// A line for the operator, whom nobody has to be.
pub fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
