//! Loads a demo server, which runs in a process of its own, and holds what comes of it against
//! figures. Both stay on this machine.

#[path = "../../common/peer.rs"]
mod peer;
mod report;
mod scenarios;
#[path = "../../common/server.rs"]
mod server;
#[path = "../../common/eof_states.rs"]
mod eof_states;

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use scenarios::{ROWS, Scale};

const HELP: &str = "\
Loads a demo server and tells whether it bears it.

Usage: hybi-load SERVER [CONNECTIONS]

SERVER is an example of the crate, which cargo builds first. CONNECTIONS, of
which the other numbers are parts and multiples, defaults to 10000.";

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("hybi-load: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every row holds.
fn run() -> Result<bool, Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (name, connections) = match &arguments[..] {
        [name] if !name.starts_with('-') => (name, 10_000),
        [name, connections] => (name, connections.parse()?),
        _ => {
            println!("{HELP}");
            return Ok(false);
        }
    };
    let program = build(name)?;
    report::limit_time();
    report::heading(name);
    let scale = Scale(connections);
    // All rows are run, also after one that fails.
    let failed = ROWS.iter().filter(|row| !report::run(row, &program, scale));
    Ok(failed.count() == 0)
}

/// Builds the example as cargo does, and returns where it is.
fn build(name: &str) -> Result<PathBuf, Box<dyn Error>> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.args(["build", "--release", "--example", name, "--manifest-path"]);
    cargo.arg(manifest);
    cargo.arg("--message-format=json-render-diagnostics");
    let output = cargo.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("cargo can't build {name}").into());
    }
    let messages = String::from_utf8(output.stdout)?;
    let mut paths = messages.lines().filter_map(|message| {
        let (_, rest) = message.split_once("\"executable\":\"")?;
        Some(rest.split_once('"')?.0)
    });
    let path = paths.next().ok_or("cargo names no executable")?;
    Ok(PathBuf::from(path))
}
