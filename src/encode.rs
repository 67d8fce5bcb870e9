//! What goes round a payload on its way out.

use crate::config::Dialect;

/// The bytes before and behind a text message (FR-11): valid UTF-8 holds no 0xFF, so nothing
/// inside needs an escape.
pub(crate) fn text(dialect: Dialect) -> (&'static [u8], &'static [u8]) {
    match dialect {
        Dialect::Hixie75 | Dialect::Hixie76 => (&[0x00], &[0xFF]),
    }
}

/// The frame that starts or answers the closing handshake, where there is one (CL-1, CL-20).
pub(crate) fn close(dialect: Dialect) -> Option<&'static [u8]> {
    match dialect {
        Dialect::Hixie75 => None,
        Dialect::Hixie76 => Some(&[0xFF, 0x00]),
    }
}
