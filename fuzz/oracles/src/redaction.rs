//! Checks of `Display` and `Debug` output, which ends up in logs.

use std::error::Error;
use std::fmt::{Debug, Display};

/// Asserts that text a peer may have influenced is one line without control characters.
pub(crate) fn check_line(text: &dyn Display) {
    let line = text.to_string();
    assert!(
        !line.is_empty() && !line.contains(char::is_control),
        "{line:?}"
    );
}

/// Asserts that the messages of an error and of its source are one line each, and that the error's
/// does not repeat its source's.
pub(crate) fn check_error(error: &dyn Error) {
    check_line(error);
    if let Some(source) = error.source() {
        check_error(source);
        assert!(!error.to_string().contains(&source.to_string()), "{error}");
    }
}

/// Asserts that the `Debug` output of a payload shows only its length and whether it is final.
pub(crate) fn check_payload(payload: &dyn Debug, len: usize) {
    const WORDS: [&str; 13] = [
        "Text",
        "TextChunk",
        "Binary",
        "BinaryChunk",
        "Ping",
        "Pong",
        "Payload",
        "len",
        "last",
        "is_final",
        "true",
        "false",
        "bytes",
    ];
    let shown = format!("{payload:?}");
    let mut words = shown.split([' ', '{', '}', '(', ')', ':', ',']);
    let is_known =
        |word: &str| word.is_empty() || WORDS.contains(&word) || word.parse::<usize>() == Ok(len);
    assert!(words.all(is_known), "{shown}");
}

/// Asserts that two values which differ only in secrets have the same `Debug` output.
pub(crate) fn check_same_debug(one: &dyn Debug, other: &dyn Debug) {
    assert_eq!(format!("{one:?}"), format!("{other:?}"));
}
