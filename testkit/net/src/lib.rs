//! Tests of servers in processes of their own, over loopback: a raw TCP client, and the server.

pub mod eof_states;
pub mod peer;
pub mod server;
