//! The server of `poke` for thousands of connections on one thread: edge-triggered readiness from
//! mio, one read buffer for all connections, and one write per connection and iteration of
//! the loop.

use std::error::Error;
use std::net::ToSocketAddrs;

use hybi_examples::chat;
use hybi_examples::cli::{self, log};
use hybi_examples::mio_chat::server::{self, Server};
use mio::net::TcpListener;
use mio::{Poll, Waker};

const HELP: &str = "\
Serves the poke page and its WebSocket on a single thread.

Usage: mio_chat [ADDR] [--no-compression] [--max-message-len BYTES]

ADDR defaults to 127.0.0.1:1234; port 0 picks a free port. The longest message has
65536 bytes, unless BYTES is given.";

fn main() -> Result<(), Box<dyn Error>> {
    let Some(options) = cli::server_options(false)? else {
        log(HELP);
        return Ok(());
    };
    let poll = Poll::new()?;
    let interrupt = Waker::new(poll.registry(), server::INTERRUPT)?;
    ctrlc::set_handler(move || {
        let _ = interrupt.wake();
    })?;
    let address = options.address.to_socket_addrs()?.next();
    let listener = TcpListener::bind(address.ok_or("the host name has no address")?)?;
    cli::log_address(listener.local_addr()?);
    let max_message_len = options.max_message_len;
    let config = chat::config(options.compression, max_message_len);
    Server::new(poll, listener, config, max_message_len)?.run()?;
    Ok(())
}
