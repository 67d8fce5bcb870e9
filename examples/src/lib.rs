//! What the example servers share: the chat, the command line, and the adapters around
//! [`hybi::Connection`].

pub mod chat;
pub mod cli;
pub mod link;
pub mod mio_chat;
