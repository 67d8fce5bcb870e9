//! What ends up in logs.

use std::error::Error;
use std::fmt::{Debug, Display};

/// Of text that a peer may have had a part in: no control character starts another line.
pub fn check_line(events: &dyn Display) {
    let line = events.to_string();
    assert!(
        !line.is_empty() && !line.contains(char::is_control),
        "{line:?}"
    );
}

/// What an error says holds what its cause says.
pub fn check_error(error: &dyn Error) {
    check_line(error);
    if let Some(cause) = error.source() {
        assert!(error.to_string().ends_with(&cause.to_string()), "{error}");
    }
}

/// Of a payload only the length is shown, and whether it is the last piece.
pub fn check_piece(piece: &dyn Debug, length: usize) {
    const WORDS: [&str; 10] = [
        "Text", "Binary", "Ping", "Pong", "Payload", "len", "last", "true", "false", "bytes",
    ];
    let shown = format!("{piece:?}");
    let mut words = shown.split([' ', '{', '}', '(', ')', ':', ',']);
    let is_known = |word: &str| {
        word.is_empty() || WORDS.contains(&word) || word.parse::<usize>() == Ok(length)
    };
    assert!(words.all(is_known), "{shown}");
}

/// Nothing that differs in these two is shown.
pub fn check_same(one: &dyn Debug, other: &dyn Debug) {
    assert_eq!(format!("{one:?}"), format!("{other:?}"));
}
