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

/// Escapes control characters, which can move the cursor of a terminal, change its settings, or write
/// to the clipboard, and the format characters that reorder a line.
pub fn escape_controls(text: &str) -> Cow<'_, str> {
    if !text.contains(is_control) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if is_control(c) {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

fn is_control(c: char) -> bool {
    let is_directional = matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    c.is_control() || is_directional
}

/// Prints a line. Unlike `println!`, it does not panic if stdout is closed.
pub fn log(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_moves_the_cursor_or_reorders_a_line() {
        for text in [
            "",
            "h\u{e9} \u{2603} \u{1f600} \u{5d0}\u{2060}\u{200d}",
            "{\\}",
        ] {
            assert!(matches!(escape_controls(text), Cow::Borrowed(same) if same == text));
        }
        for (first, last) in [
            ('\0', '\u{1f}'),
            ('\u{7f}', '\u{9f}'),
            ('\u{61c}', '\u{61c}'),
            ('\u{200e}', '\u{200f}'),
            ('\u{202a}', '\u{202e}'),
            ('\u{2066}', '\u{2069}'),
        ] {
            for c in first..=last {
                let escaped = format!("a{}b", c.escape_default());
                assert_eq!(escape_controls(&format!("a{c}b")), escaped);
            }
        }
    }
}
