//! Dialects and the header fields that identify them.

use hybi::{Dialect, Dialects};

/// All dialects, the oldest first.
pub(crate) const ALL: [Dialect; 5] = [
    Dialect::Hixie75,
    Dialect::Hixie76,
    Dialect::HyBi7,
    Dialect::HyBi8,
    Dialect::Rfc6455,
];

pub(crate) const KEY1: &str = "Sec-WebSocket-Key1";
pub(crate) const KEY2: &str = "Sec-WebSocket-Key2";
pub(crate) const PROTOCOL_75: &str = "WebSocket-Protocol";
pub(crate) const PROTOCOL: &str = "Sec-WebSocket-Protocol";
pub(crate) const KEY: &str = "Sec-WebSocket-Key";
pub(crate) const VERSION: &str = "Sec-WebSocket-Version";
pub(crate) const DRAFT: &str = "Sec-WebSocket-Draft";
pub(crate) const HYBI_ORIGIN: &str = "Sec-WebSocket-Origin";
pub(crate) const VERSIONS: [(Dialect, &str); 3] = [
    (Dialect::Rfc6455, "13"),
    (Dialect::HyBi8, "8"),
    (Dialect::HyBi7, "7"),
];

pub(crate) fn is_hybi(dialect: Dialect) -> bool {
    !matches!(dialect, Dialect::Hixie75 | Dialect::Hixie76)
}

/// The set of enabled dialects, given a flag for each, the oldest first.
pub(crate) fn dialect_set(enabled: [bool; 5]) -> Dialects {
    let (on, off): (Vec<_>, Vec<_>) = ALL.into_iter().zip(enabled).partition(|(_, on)| *on);
    let with = |set: Dialects, (dialect, _)| set.with(dialect);
    let without = |set: Dialects, (dialect, _)| set.without(dialect);
    let set = on.into_iter().fold(Dialects::NONE, with);
    assert_eq!(off.into_iter().fold(Dialects::ALL, without), set);
    set
}
