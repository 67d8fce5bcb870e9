//! Counts instructions, which no load of the machine changes: `count` runs hybi's entries under
//! callgrind, compares with `instructions.tsv`, and fails when a row has grown by more than a tenth.
//! `count --write` writes the table anew; `count ROW ENTRY` counts any entry of any row of `regress`.
//!
//! Numbers are per message or opening, the difference of a short and a long run. They depend on
//! the compiler and on the processor's vectors, by less than the tenth where that is x86-64 with
//! AVX2.

use std::error::Error;
use std::fmt::Write;
use std::path::Path;
use std::process::{Command, ExitCode};

use hybi_bench::memory;
use hybi_bench::targets::{HYBI, groups};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The groups whose entry `hybi` is counted, and how few instructions are worth working for.
const ROWS: [(&str, Option<u64>); 17] = [
    ("hixie/text/16", Some(150)),
    ("hixie/text/125", Some(220)),
    ("hixie/text/1024", Some(700)),
    ("recv/text/16", Some(300)),
    ("recv/text/125", Some(500)),
    ("recv/text/1024", Some(1000)),
    ("recv/binary/16", None),
    ("recv/binary/125", None),
    ("recv/binary/1024", None),
    ("handshake/hixie76", Some(8000)),
    ("handshake/rfc6455", None),
    ("send/server/16", None),
    ("send/server/125", None),
    ("send/client/16", None),
    ("send/client/125", None),
    ("send/hixie/16", None),
    ("send/hixie/125", None),
];

/// Units of a short and of a long run, at least.
const UNITS: [u64; 2] = [1_000, 6_000];

/// How much a row may grow.
const SLACK: f64 = 1.1;

fn main() -> Result<ExitCode> {
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.tsv");
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => compare(&table),
        ["--write"] => write(&table),
        ["--work", row, entry, units] => work(row, entry, units.parse()?),
        [row, entry] => {
            println!("{}", count(row, entry)?);
            Ok(ExitCode::SUCCESS)
        }
        _ => Err("Usage: count [--write | ROW ENTRY]".into()),
    }
}

fn compare(table: &Path) -> Result<ExitCode> {
    if !has_valgrind() {
        println!("SKIPPED: no instructions are counted, valgrind is not installed");
        return Ok(ExitCode::SUCCESS);
    }
    let committed = std::fs::read_to_string(table)?;
    println!("| row | instructions | committed | target | verdict |");
    println!("| --- | ---: | ---: | ---: | --- |");
    let mut code = ExitCode::SUCCESS;
    for (row, target) in ROWS {
        let is_row = |line: &&str| line.split('\t').next() == Some(row);
        let line = committed.lines().find(is_row);
        let number = line.and_then(|line| line.split('\t').nth(1));
        let before: u64 = number.ok_or(format!("no {row} in the table"))?.parse()?;
        let now = count(row, HYBI)?;
        let grown = now as f64 / before as f64;
        let verdict = match target {
            _ if grown > SLACK => {
                code = ExitCode::FAILURE;
                "GROWN"
            }
            _ if grown < 1.0 / SLACK => "less: count --write",
            Some(target) if now <= target => "target reached",
            _ => "same",
        };
        let target = target.map_or(String::new(), |target| target.to_string());
        println!("| {row} | {now} | {before} | {target} | {verdict} |");
    }
    Ok(code)
}

fn write(table: &Path) -> Result<ExitCode> {
    if !has_valgrind() {
        return Err("no instructions can be counted: valgrind is not installed".into());
    }
    let mut text = String::from("row\tinstructions\n");
    for (row, _) in ROWS {
        writeln!(text, "{row}\t{}", count(row, HYBI)?)?;
    }
    std::fs::write(table, &text)?;
    print!("{text}");
    Ok(ExitCode::SUCCESS)
}

fn has_valgrind() -> bool {
    let version = Command::new("valgrind").arg("--version").output();
    version.is_ok_and(|output| output.status.success())
}

/// Instructions per unit.
fn count(row: &str, entry: &str) -> Result<u64> {
    let [short, long] = UNITS.map(|units| run(row, entry, units));
    let ((units, instructions), (more_units, more_instructions)) = (short?, long?);
    let difference = more_instructions - instructions;
    Ok(difference / (more_units - units))
}

/// Units done, and instructions of the whole run.
fn run(row: &str, entry: &str, units: u64) -> Result<(u64, u64)> {
    let (tunables, value) = memory::TUNABLES;
    let output = Command::new("valgrind")
        .env(tunables, value)
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["--work", row, entry, &units.to_string()])
        .output()?;
    let report = String::from_utf8(output.stderr)?;
    if !output.status.success() {
        return Err(report.into());
    }
    let collected = report.split("Collected :").nth(1);
    let number = collected.and_then(|rest| rest.split_whitespace().next());
    let instructions = number.ok_or("callgrind has collected nothing")?.parse()?;
    let units = String::from_utf8(output.stdout)?.trim().parse()?;
    Ok((units, instructions))
}

/// What callgrind looks at.
fn work(row: &str, entry: &str, least: u64) -> Result<ExitCode> {
    let group = groups().into_iter().find(|group| group.name == row);
    let mut entries = (group.ok_or("no such row")?.build)();
    let entry = entries.iter_mut().find(|other| other.name == entry);
    let entry = entry.ok_or("no such entry in that row")?;
    let mut units = 0;
    while units < least {
        units += entry.step();
    }
    println!("{units}");
    Ok(ExitCode::SUCCESS)
}
