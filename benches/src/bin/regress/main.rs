//! Compares hybi with its peers: `regress [FILTER]` measures the rows whose name contains FILTER,
//! prints a table, and fails when a row misses its hard target. `regress --write` measures all of
//! them and writes `RESULTS.md`.
//!
//! `REGRESS_SLACK` multiplies the targets: 0.8 allows a fifth less.

mod fresh;
mod results;
mod table;

use std::error::Error;
use std::process::ExitCode;

use hybi_bench::memory;
use hybi_bench::rounds::Times;
use hybi_bench::targets::{Entries, Group, groups};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<ExitCode> {
    memory::tuned()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--fresh", row, entry] => fresh::measure(row, entry),
        ["--write"] => {
            let measured = measure("")?;
            results::write(&measured)?;
            report(&measured)
        }
        [] => report(&measure("")?),
        [filter] => report(&measure(filter)?),
        _ => Err("Usage: regress [--write | FILTER]".into()),
    }
}

/// A group, and the times of its entries.
struct Measured {
    group: Group,
    times: Times,
}

fn measure(filter: &str) -> Result<Vec<Measured>> {
    memory::settle();
    let chosen = groups().into_iter();
    let chosen = chosen.filter(|group| group.name.contains(filter));
    let measured = chosen.map(|group| {
        eprint!("\r{:40}", group.name);
        let times = match &group.entries {
            Entries::Shared(build) => Times::take(&mut build()),
            Entries::Fresh(candidates) => fresh::times(&group.name, candidates)?,
        };
        Ok(Measured { group, times })
    });
    let measured = measured.collect();
    eprintln!();
    measured
}

fn report(measured: &[Measured]) -> Result<ExitCode> {
    let slack = match std::env::var("REGRESS_SLACK") {
        Ok(slack) => slack.parse()?,
        Err(_) => 1.0,
    };
    let rows: Vec<_> = measured
        .iter()
        .flat_map(|measured| table::rows(measured, slack))
        .collect();
    println!("{}", table::HEAD);
    rows.iter().for_each(|row| println!("{row}"));
    let failed: Vec<_> = rows.iter().filter(|row| row.fails()).collect();
    if failed.is_empty() {
        println!("\nEvery hard target is met.");
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "\n{} below the hard target:\n\n{}",
        failed.len(),
        table::HEAD
    );
    failed.iter().for_each(|row| println!("{row}"));
    Ok(ExitCode::FAILURE)
}
