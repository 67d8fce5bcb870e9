//! The processor time that a whole echo process uses for each compressed message, and the length of
//! the messages. `compression` compares hybi with yawc, node's ws and Python's websockets;
//! `compression -- --windows` compares windows and levels of hybi.

mod client;
mod messages;
mod server;
mod windows;

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use client::Client;
use hybi_bench::clock;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The windows for both directions, in bits; `None` for messages that are not compressed.
const WINDOWS: [Option<u8>; 4] = [None, Some(10), Some(12), Some(15)];

const ROUNDS: usize = 5;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// What starts an echo server for a window, which prints its port.
struct Server {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<PathBuf>,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => compare(),
        ["--serve", "hybi", window] => server::hybi(server::config(window)?),
        ["--serve", "yawc", window] => server::yawc(server::config(window)?),
        ["--windows"] => windows::compare(),
        _ => Err("Usage: compression [--windows]".into()),
    }
}

fn compare() -> Result<()> {
    println!("Microseconds per message of processor time, and bytes per echoed message.\n");
    print_header("server", "plain", &WINDOWS);
    for server in servers()? {
        print!("| {} |", server.name);
        for window in WINDOWS {
            match measure(&server, window) {
                Ok((time, len)) => print!(" {time:.1}, {len:.0} |"),
                Err(error) => print!(" {error} |"),
            }
        }
        println!();
    }
    Ok(())
}

/// Prints the first lines of a table with a column for each window. `none` is the one without.
fn print_header(rows: &str, none: &str, windows: &[Option<u8>]) {
    let columns = windows.iter().map(|window| match window {
        None => none.to_owned(),
        Some(bits) => format!("{bits} bits"),
    });
    println!("| {rows} | {} |", columns.collect::<Vec<_>>().join(" | "));
    println!("| --- |{}", " ---: |".repeat(windows.len()));
}

/// Where `tests/peers/run` installs ws and websockets.
fn installed() -> PathBuf {
    let installed = std::env::var_os("HYBI_PEERS").unwrap_or("target/peers".into());
    Path::new(ROOT).join(installed)
}

fn servers() -> Result<[Server; 4]> {
    let own = |name: &'static str| -> Result<Server> {
        Ok(Server {
            name,
            program: std::env::current_exe()?,
            arguments: vec!["--serve".into(), name.into()],
        })
    };
    let script = |name, program, script: &str| Server {
        name,
        program,
        arguments: vec![Path::new(ROOT).join("benches/peers").join(script)],
    };
    Ok([
        own("hybi")?,
        own("yawc")?,
        script("ws", "node".into(), "ws_echo.js"),
        script(
            "websockets",
            installed().join("venv/bin/python"),
            "websockets_echo.py",
        ),
    ])
}

/// Returns microseconds, the median of the rounds, and the mean length.
fn measure(server: &Server, window: Option<u8>) -> Result<(f64, f64)> {
    let argument = window.map_or("plain".to_owned(), |bits| bits.to_string());
    let child = Command::new(&server.program)
        .args(&server.arguments)
        .arg(argument)
        .env("NODE_PATH", installed().join("node_modules"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|_| "not installed")?;
    let mut child = Killed(child);
    let mut port = String::new();
    let output = child.0.stdout.take().ok_or("no output")?;
    BufReader::new(output).read_line(&mut port)?;
    let mut client = Client::connect(port.trim().parse().map_err(|_| "not installed")?, window)?;
    client.turn()?;
    let mut times = [0.0; ROUNDS];
    for time in &mut times {
        let before = clock::nanos_of_process(child.0.id())?;
        client.turn()?;
        let used = clock::nanos_of_process(child.0.id())? - before;
        *time = used as f64 / 1e3 / client::MESSAGES as f64;
    }
    times.sort_by(f64::total_cmp);
    Ok((times[ROUNDS / 2], client.mean_len()))
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
