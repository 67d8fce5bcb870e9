//! The `mio_chat` server.

pub mod clients;
pub mod link;
pub mod server;
pub mod timers;
