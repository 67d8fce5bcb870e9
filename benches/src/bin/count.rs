//! Counts instructions, which do not depend on the load of the machine: `count` runs hybi's entries
//! under callgrind, compares with `instructions.tsv`, and fails when a row has grown by more than a tenth.
//! `count --write` rewrites the table; `count ROW ENTRY` counts any entry of any row of `regress`.
//!
//! Numbers are per message or opening handshake: the difference of a short and a long run. They
//! depend on the compiler and on the vector instructions of the processor, on x86-64 with AVX2 by
//! less than a tenth.

use std::error::Error;
use std::fmt::Write;
use std::path::Path;
use std::process::{Command, ExitCode};

use hybi_bench::memory;
use hybi_bench::targets::{BY_REFERENCE, HYBI, groups};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The entries that are counted, and the goal for each.
const ROWS: [(&str, &str, Option<u64>); 23] = [
    ("hixie/text/16", HYBI, Some(150)),
    ("hixie/text/125", HYBI, Some(220)),
    ("hixie/text/1024", HYBI, Some(700)),
    ("recv/text/16", HYBI, Some(300)),
    ("recv/text/125", HYBI, Some(500)),
    ("recv/text/1024", HYBI, Some(1000)),
    ("recv/binary/16", HYBI, None),
    ("recv/binary/125", HYBI, None),
    ("recv/binary/1024", HYBI, None),
    ("hixie/text/16", BY_REFERENCE, None),
    ("hixie/text/125", BY_REFERENCE, None),
    ("hixie/text/1024", BY_REFERENCE, None),
    ("recv/text/16", BY_REFERENCE, None),
    ("recv/text/125", BY_REFERENCE, None),
    ("recv/text/1024", BY_REFERENCE, None),
    ("handshake/hixie76", HYBI, Some(8000)),
    ("handshake/rfc6455", HYBI, None),
    ("send/server/16", HYBI, None),
    ("send/server/125", HYBI, None),
    ("send/client/16", HYBI, None),
    ("send/client/125", HYBI, None),
    ("send/hixie/16", HYBI, None),
    ("send/hixie/125", HYBI, None),
];

/// The least number of units of a short run, and how many more a long one has at least.
const UNITS: u64 = 1_000;
const MORE_UNITS: u64 = 5_000;

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
    println!("| row | entry | instructions | committed | target | verdict |");
    println!("| --- | --- | ---: | ---: | ---: | --- |");
    let mut code = ExitCode::SUCCESS;
    for (row, entry, target) in ROWS {
        let name = format!("{row}\t{entry}\t");
        let number = committed.lines().find_map(|line| line.strip_prefix(&name));
        let number = number.ok_or(format!("no {row}, {entry} in the table"))?;
        let before: u64 = number.parse()?;
        let now = count(row, entry)?;
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
        println!("| {row} | {entry} | {now} | {before} | {target} | {verdict} |");
    }
    Ok(code)
}

fn write(table: &Path) -> Result<ExitCode> {
    if !has_valgrind() {
        return Err("no instructions can be counted: valgrind is not installed".into());
    }
    let mut text = String::from("row\tentry\tinstructions\n");
    for (row, entry, _) in ROWS {
        writeln!(text, "{row}\t{entry}\t{}", count(row, entry)?)?;
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
    let (units, instructions) = run(row, entry, UNITS)?;
    let (more_units, more_instructions) = run(row, entry, units + MORE_UNITS)?;
    let difference = more_instructions - instructions;
    Ok(difference / (more_units - units))
}

/// The number of units, and the instructions of the whole run.
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

/// The function that callgrind counts.
fn work(row: &str, entry: &str, least: u64) -> Result<ExitCode> {
    let group = groups().into_iter().find(|group| group.name == row);
    let entry = group.ok_or("no such row")?.entry(entry);
    let mut entry = entry.ok_or("no such entry in that row")?;
    let mut units = 0;
    while units < least {
        units += entry.step();
    }
    println!("{units}");
    Ok(ExitCode::SUCCESS)
}
