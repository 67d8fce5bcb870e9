//! What the examples share: the chat, the command line, and the I/O loops around
//! [`hybi::Connection`].

pub mod chat;
pub mod cli;
pub mod compression;
pub mod link;
pub mod mio_chat;
pub mod outbox;
