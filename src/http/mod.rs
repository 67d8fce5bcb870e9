//! Parsing of HTTP/1.1 heads: a start line, header fields and a blank line. Independent of
//! WebSocket.

mod head;
mod line;
mod swar;

pub(crate) use head::{Head, Header, Limits, Progress};
pub(crate) use line::trim;
pub(crate) use swar::{is_forbidden_control, is_reg_name, is_token, visible_len};
