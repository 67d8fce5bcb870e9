//! Close codes (RFC 6455, section 7.4.1, and its registry at IANA).
//!
//! Applications may also send 3000 to 3999, which libraries register, and 4000 to 4999, which are
//! for private use. [`Connection::close`](crate::Connection::close) accepts all of these except
//! 1005 and 1006.

/// The purpose of the connection is fulfilled.
pub const NORMAL_CLOSURE: u16 = 1000;

/// The server shuts down, or the browser left the page.
pub const GOING_AWAY: u16 = 1001;

/// The peer violated the protocol.
pub const PROTOCOL_ERROR: u16 = 1002;

/// The endpoint cannot accept this type of message.
pub const UNSUPPORTED_DATA: u16 = 1003;

/// The close frame had no code. Reported, never sent.
pub const NO_STATUS_RECEIVED: u16 = 1005;

/// The connection ended without a close frame. Reported, never sent.
pub const ABNORMAL_CLOSURE: u16 = 1006;

/// The content of a message does not fit its type, such as text that is not UTF-8.
pub const INVALID_PAYLOAD: u16 = 1007;

/// A message violates a policy of the endpoint.
pub const POLICY_VIOLATION: u16 = 1008;

/// A message is too long for the endpoint.
pub const MESSAGE_TOO_BIG: u16 = 1009;

/// The client needs an extension that the server did not select.
pub const MANDATORY_EXTENSION: u16 = 1010;

/// The server met an unexpected condition.
pub const INTERNAL_ERROR: u16 = 1011;

/// The server restarts.
pub const SERVICE_RESTART: u16 = 1012;

/// The server is overloaded.
pub const TRY_AGAIN_LATER: u16 = 1013;

/// A gateway received an invalid response from the server behind it.
pub const BAD_GATEWAY: u16 = 1014;
