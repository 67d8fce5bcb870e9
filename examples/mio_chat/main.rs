//! The same server as `poke`, for thousands of connections on one thread: edge-triggered readiness
//! from mio, one buffer for all that is read, one write for all that is said.

mod broadcast;
#[path = "../common/chat.rs"]
mod chat;
#[path = "../common/cli.rs"]
mod cli;
mod clients;
mod link;
mod server;
mod timers;

use std::error::Error;
use std::net::ToSocketAddrs;

use cli::say;
use mio::net::TcpListener;
use mio::{Poll, Waker};
use server::Room;

const HELP: &str = "\
Serves the poke page and its WebSocket, all on one thread.

Usage: mio_chat [ADDR]

ADDR defaults to 127.0.0.1:1234; port 0 takes any that is free.";

fn main() -> Result<(), Box<dyn Error>> {
    let Some(address) = cli::address()? else {
        say(HELP);
        return Ok(());
    };
    let poll = Poll::new()?;
    let interrupt = Waker::new(poll.registry(), server::INTERRUPT)?;
    ctrlc::set_handler(move || {
        let _ = interrupt.wake();
    })?;
    let address = address.to_socket_addrs()?.next();
    let listener = TcpListener::bind(address.ok_or("the name has no address")?)?;
    say(format_args!(
        "listening on ws://{}/",
        listener.local_addr()?
    ));
    Room::new(poll, listener)?.run()?;
    Ok(())
}
