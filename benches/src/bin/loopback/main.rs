//! Echoes over the loopback device. `loopback` prints messages per second of wall time; `loopback --cpu`
//! prints the processor time of the server per message, and `loopback --arena PROGRAM` how many messages
//! an echo server, such as the example io_uring, handles in a second of it. There are no targets.

mod client;
mod cpu;
mod peers;
mod server;

use std::error::Error;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread;

use client::Speech;
use hybi_bench::memory;

/// Connections, and messages in flight on each.
const LOADS: [(usize, usize); 4] = [(1, 1), (1, 64), (64, 1), (64, 16)];

type Serve = fn(TcpListener) -> io::Result<()>;

const SERVERS: [(&str, Speech, Serve); 5] = [
    ("hybi, mio, RFC 6455", Speech::Rfc6455, server::serve),
    ("hybi, mio, Hixie-76", Speech::Hixie76, server::serve),
    ("tungstenite, threads", Speech::Rfc6455, peers::tungstenite),
    (
        "fastwebsockets, tokio",
        Speech::Rfc6455,
        peers::fastwebsockets,
    ),
    ("raw TCP, threads", Speech::Raw, peers::raw),
];

fn main() -> Result<(), Box<dyn Error>> {
    memory::tuned()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => Ok(rates()?),
        ["--cpu"] => cpu::compare(),
        ["--arena", program] => cpu::arena(program),
        ["--serve", name] => cpu::serve(name),
        _ => Err("Usage: loopback [--cpu | --arena PROGRAM]".into()),
    }
}

fn rates() -> io::Result<()> {
    println!("Messages of {} bytes a second.\n", client::SIZE);
    print!("| server |");
    for (connections, in_flight) in LOADS {
        print!(" {connections} x {in_flight} |");
    }
    println!("\n| --- | ---: | ---: | ---: | ---: |");
    for (name, speech, serve) in SERVERS {
        let address = start(serve)?;
        print!("| {name} |");
        for (connections, in_flight) in LOADS {
            let rate = client::rate(address, speech, connections, in_flight)?;
            print!(" {rate:.0} |");
        }
        println!();
    }
    Ok(())
}

/// The server runs until the program ends.
fn start(serve: Serve) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        if let Err(error) = serve(listener) {
            eprintln!("{error}");
        }
    });
    Ok(address)
}
