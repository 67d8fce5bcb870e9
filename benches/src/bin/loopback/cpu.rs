//! The processor time that a whole echo process uses per message, user and system: over one connection
//! for large messages, over many for small ones. Each server runs in its own process; they take turns.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use hybi_bench::clock;

use crate::client::{self, Speech};
use crate::{Serve, peers, server, start};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const SERVERS: [(&str, Serve); 8] = [
    ("hybi, mio", server::serve),
    ("read, unmask and write, threads", peers::unmask),
    ("tungstenite, threads", peers::tungstenite),
    ("hybi-tokio", peers::hybi_tokio),
    ("actix-ws", peers::actix_ws),
    ("tokio-tungstenite", peers::tokio_tungstenite),
    ("tokio-websockets", peers::tokio_websockets),
    ("fastwebsockets, tokio", peers::fastwebsockets),
];

/// The size of a message, and messages in a turn.
const SIZES: [(usize, u64); 2] = [(200_000, 300), (1_000_000, 60)];

const ROUNDS: usize = 15;

/// Connections, each with one message in flight, and turns of all of them in a round.
const CONNECTIONS: [(usize, u64); 4] = [(1, 20_000), (64, 300), (1_000, 20), (10_000, 2)];

/// Those that serve ten thousand connections in one process.
const EVENT_DRIVEN: [&str; 6] = [
    "hybi, mio",
    "hybi-tokio",
    "actix-ws",
    "tokio-tungstenite",
    "tokio-websockets",
    "fastwebsockets, tokio",
];

/// Connections whose memory is measured.
const IDLE: usize = 9_000;

pub fn compare() -> Result<()> {
    println!("## Processor time of an echo process, microseconds per message\n");
    println!("`cargo run --release --manifest-path benches/Cargo.toml --bin loopback -- --cpu`\n");
    println!("| server | 200 KB | 1 MB |\n| --- | ---: | ---: |");
    // actix-ws has a limit of 64 KiB.
    let names = SERVERS.map(|(name, _)| name);
    let names = names.into_iter().filter(|name| *name != "actix-ws");
    let servers = names.map(Server::own).collect::<Result<Vec<_>>>()?;
    table(&servers, &SIZES.map(|(size, messages)| (size, 1, messages)))?;
    println!(
        "\nMessages of {} bytes over many connections:\n",
        client::SIZE
    );
    println!("| server | 1 | 64 | 1,000 | 10,000 |\n| --- | ---: | ---: | ---: | ---: |");
    // One server after the other, since file descriptors are limited.
    for name in EVENT_DRIVEN {
        let loads = CONNECTIONS.map(|(connections, turns)| (client::SIZE, connections, turns));
        table(&[Server::own(name)?], &loads)?;
    }
    println!(
        "\nMemory of the process per connection, of {IDLE} that have each echoed one message:\n"
    );
    println!("| server | bytes |\n| --- | ---: |");
    for name in EVENT_DRIVEN {
        println!("| {name} | {} |", memory(name)?);
    }
    Ok(())
}

/// Bytes of resident memory per connection.
fn memory(name: &str) -> Result<u64> {
    let mut echo = Echo::start(&Server::own(name)?, client::SIZE, 0)?;
    let before = echo.resident()?;
    echo.connect(IDLE)?;
    echo.turn(1)?;
    Ok((echo.resident()? - before) / IDLE as u64)
}

/// One row per server; one column per message size, connections and turns.
fn table(servers: &[Server], loads: &[(usize, usize, u64)]) -> Result<()> {
    for (server, times) in servers.iter().zip(measure(servers, loads)?) {
        print!("| {} |", server.name);
        times.iter().for_each(|time| print!(" {time:.1} |"));
        println!();
    }
    Ok(())
}

/// Microseconds per message, by server and load.
fn measure(servers: &[Server], loads: &[(usize, usize, u64)]) -> Result<Vec<Vec<f64>>> {
    let mut times = vec![Vec::new(); servers.len()];
    for &(size, connections, turns) in loads {
        let mut echoes = servers
            .iter()
            .map(|server| Echo::start(server, size, connections))
            .collect::<Result<Vec<_>>>()?;
        for echo in &mut echoes {
            echo.turn(turns)?;
        }
        let mut rounds = vec![Vec::new(); servers.len()];
        for _ in 0..ROUNDS {
            for (echo, rounds) in echoes.iter_mut().zip(&mut rounds) {
                rounds.push(echo.turn(turns)?);
            }
        }
        for (rounds, times) in rounds.iter_mut().zip(&mut times) {
            rounds.sort_by(f64::total_cmp);
            times.push(rounds[ROUNDS / 2]);
        }
    }
    Ok(times)
}

/// Messages of 5 bytes, one in flight on each connection, as the benchmark HttpArena has them.
pub fn arena(program: &str) -> Result<()> {
    const LOADS: [(usize, usize, u64); 3] = [(5, 512, 40), (5, 4_096, 5), (5, 16_384, 1)];
    println!("Messages of 5 bytes per second of processor time over many connections:\n");
    println!("| server | 512 | 4,096 | 16,384 |\n| --- | ---: | ---: | ---: |");
    let mut servers = vec![Server {
        name: program.rsplit('/').next().unwrap_or(program),
        program: program.into(),
        arguments: vec!["127.0.0.1:0"],
    }];
    for name in EVENT_DRIVEN {
        servers.push(Server::own(name)?);
    }
    for server in servers {
        print!("| {} |", server.name);
        for time in measure(&[server], &LOADS)?.concat() {
            print!(" {:.0} |", 1e6 / time);
        }
        println!();
    }
    Ok(())
}

/// Prints its address, and serves until it is killed.
pub fn serve(name: &str) -> Result<()> {
    let server = SERVERS.iter().find(|(server, _)| *server == name);
    let (_, serve) = server.ok_or("no such server")?;
    println!("listening on ws://{}/", start(*serve)?);
    loop {
        std::thread::park();
    }
}

/// A program that prints its address, and echoes.
struct Server<'a> {
    name: &'a str,
    program: PathBuf,
    arguments: Vec<&'a str>,
}

impl<'a> Server<'a> {
    fn own(name: &'a str) -> Result<Self> {
        Ok(Self {
            name,
            program: std::env::current_exe()?,
            arguments: vec!["--serve", name],
        })
    }
}

/// A server, and the client's ends of the connections to it.
struct Echo {
    server: Child,
    /// What the server prints goes nowhere, but has to.
    _output: BufReader<ChildStdout>,
    address: SocketAddr,
    sockets: Vec<TcpStream>,
    message: Vec<u8>,
    echo: Vec<u8>,
    buf: Vec<u8>,
}

impl Echo {
    fn start(server: &Server, size: usize, connections: usize) -> Result<Self> {
        let mut child = Command::new(&server.program)
            .args(&server.arguments)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut output = BufReader::new(child.stdout.take().ok_or("no output")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let address = line.trim().strip_prefix("listening on ws://");
        let address = address.ok_or("no address")?.trim_end_matches('/');
        let [message, echo] = Speech::Rfc6455.message(size);
        let mut echo = Self {
            server: child,
            _output: output,
            address: address.parse()?,
            sockets: Vec::new(),
            message,
            buf: vec![0; echo.len()],
            echo,
        };
        echo.connect(connections)?;
        Ok(echo)
    }

    fn connect(&mut self, connections: usize) -> io::Result<()> {
        for _ in 0..connections {
            let socket = client::connect(self.address, Speech::Rfc6455)?;
            self.sockets.push(socket);
        }
        Ok(())
    }

    /// Bytes of resident memory of the server.
    fn resident(&self) -> Result<u64> {
        const PAGE: u64 = 4096;
        let sizes = std::fs::read_to_string(format!("/proc/{}/statm", self.server.id()))?;
        let resident = sizes.split(' ').nth(1).ok_or("no size")?;
        Ok(resident.parse::<u64>()? * PAGE)
    }

    /// Microseconds per message.
    fn turn(&mut self, turns: u64) -> Result<f64> {
        let before = self.nanos()?;
        for _ in 0..turns {
            for socket in &mut self.sockets {
                socket.write_all(&self.message)?;
            }
            for socket in &mut self.sockets {
                socket.read_exact(&mut self.buf)?;
                assert!(self.buf == self.echo, "the echo is not what was sent");
            }
        }
        let nanos = self.nanos()? - before;
        Ok(nanos as f64 / (turns * self.sockets.len() as u64) as f64 / 1000.0)
    }

    fn nanos(&self) -> Result<u64> {
        Ok(clock::nanos_of_process(self.server.id())?)
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
