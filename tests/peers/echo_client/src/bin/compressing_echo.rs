//! Echoes every message of one connection, with parameters of compression, as a client or as a
//! server that prints its port first.

use std::net::TcpListener;

use echo_client::{CONFIG, MAX_MESSAGE, Result, check_end, echo, parse_window, run, run_client};
use hybi::{Connection, Deflate};

const USAGE: &str = "Usage: compressing_echo ws://HOST:PORT|server SEND RECEIVE LEVEL
SEND and RECEIVE are the windows in bits, or none; LEVEL is 1 to 9.";

fn main() -> Result {
    let [_, server, send, receive, level] = &std::env::args().collect::<Vec<_>>()[..] else {
        return Err(USAGE.into());
    };
    let deflate = Deflate::new()
        .send_window(parse_window(send)?)
        .receive_window(parse_window(receive)?)
        .level(level.parse()?)
        .max_inflated_len(MAX_MESSAGE as u64);
    let config = CONFIG.deflate(deflate);
    if server != "server" {
        return run_client(config, server, echo);
    }
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    let (socket, _) = listener.accept()?;
    check_end(run(Connection::server(config), socket, echo)?)
}
