//! Load-tests an example server in a separate process on the loopback interface and compares the
//! measurements with fixed limits.

mod report;
mod scenarios;

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use scenarios::{SCENARIOS, Scale};

const HELP: &str = "\
Load-tests an example server and checks the results against fixed limits.

Usage: hybi-load SERVER [CONNECTIONS]

SERVER is the name of an example of this crate; cargo builds it first.
CONNECTIONS is the largest number of concurrent connections (default 10000);
all other numbers scale with it.

Exits with status 0 if all checks pass.";

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

/// Returns whether all scenarios passed.
fn run() -> Result<bool, Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (example, connections) = match &arguments[..] {
        [example] if !example.starts_with('-') => (example, 10_000),
        [example, connections] => (example, connections.parse()?),
        _ => {
            println!("{HELP}");
            return Ok(false);
        }
    };
    let program = build(example)?;
    report::start_time_limit();
    report::print_heading(example);
    let scale = Scale(connections);
    // Count all failures instead of stopping at the first.
    let failed = SCENARIOS
        .iter()
        .filter(|scenario| !report::run(scenario, &program, scale));
    Ok(failed.count() == 0)
}

/// Builds the example and returns the path of its executable.
fn build(example: &str) -> Result<PathBuf, Box<dyn Error>> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.args(["build", "--release", "--example", example]);
    cargo.arg("--manifest-path").arg(manifest);
    cargo.arg("--message-format=json-render-diagnostics");
    let output = cargo.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("cargo could not build the example {example}").into());
    }
    let messages = String::from_utf8(output.stdout)?;
    let mut paths = messages.lines().filter_map(|message| {
        let (_, after) = message.split_once("\"executable\":\"")?;
        Some(after.split_once('"')?.0)
    });
    let path = paths.next().ok_or("cargo reported no executable")?;
    Ok(PathBuf::from(path))
}
