//! The processor time that a whole echo process uses per message, user and system: over one connection
//! for large messages, over many for small ones. Each server runs in its own process; they take turns.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use hybi_bench::clock;

use crate::client::{self, Speech};
use crate::{Serve, peers, server, start};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const SERVERS: [(&str, Serve); 7] = [
    ("hybi, mio", server::serve),
    ("read, unmask and write, threads", peers::unmask),
    ("tungstenite, threads", peers::tungstenite),
    ("hybi-tokio", peers::hybi_tokio),
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
const EVENT_DRIVEN: [&str; 5] = [
    "hybi, mio",
    "hybi-tokio",
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
    let names = SERVERS.map(|(name, _)| name);
    table(&names, &SIZES.map(|(size, messages)| (size, 1, messages)))?;
    println!(
        "\nMessages of {} bytes over many connections:\n",
        client::SIZE
    );
    println!("| server | 1 | 64 | 1,000 | 10,000 |\n| --- | ---: | ---: | ---: | ---: |");
    // One server after the other, since file descriptors are limited.
    for name in EVENT_DRIVEN {
        let loads = CONNECTIONS.map(|(connections, turns)| (client::SIZE, connections, turns));
        table(&[name], &loads)?;
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
    let mut echo = Echo::start(name, client::SIZE, 0)?;
    let before = echo.resident()?;
    echo.connect(IDLE)?;
    echo.turn(1)?;
    Ok((echo.resident()? - before) / IDLE as u64)
}

/// One row per server; one column per message size, connections and turns.
fn table(names: &[&str], loads: &[(usize, usize, u64)]) -> Result<()> {
    let mut times = vec![Vec::new(); names.len()];
    for &(size, connections, turns) in loads {
        let mut echoes = names
            .iter()
            .map(|name| Echo::start(name, size, connections))
            .collect::<Result<Vec<_>>>()?;
        for echo in &mut echoes {
            echo.turn(turns)?;
        }
        let mut rounds = vec![Vec::new(); names.len()];
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
    for (name, times) in names.iter().zip(times) {
        print!("| {name} |");
        times.iter().for_each(|time| print!(" {time:.1} |"));
        println!();
    }
    Ok(())
}

/// Prints its address, then for each line of input the processor time used so far.
pub fn serve(name: &str) -> Result<()> {
    let server = SERVERS.iter().find(|(server, _)| *server == name);
    let (_, serve) = server.ok_or("no such server")?;
    println!("{}", start(*serve)?);
    for line in io::stdin().lines() {
        line?;
        println!("{}", clock::process_nanos());
    }
    Ok(())
}

/// A server, and the client's ends of the connections to it.
struct Echo {
    server: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    address: SocketAddr,
    sockets: Vec<TcpStream>,
    message: Vec<u8>,
    echo: Vec<u8>,
    buf: Vec<u8>,
}

impl Echo {
    fn start(name: &str, size: usize, connections: usize) -> Result<Self> {
        let mut server = Command::new(std::env::current_exe()?)
            .args(["--serve", name])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = server.stdin.take().ok_or("no input")?;
        let mut output = BufReader::new(server.stdout.take().ok_or("no output")?);
        let mut address = String::new();
        output.read_line(&mut address)?;
        let [message, echo] = Speech::Rfc6455.message(size);
        let mut server = Self {
            server,
            input,
            output,
            address: address.trim().parse()?,
            sockets: Vec::new(),
            message,
            buf: vec![0; echo.len()],
            echo,
        };
        server.connect(connections)?;
        Ok(server)
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

    fn nanos(&mut self) -> Result<u64> {
        self.input.write_all(b"\n")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim().parse()?)
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
