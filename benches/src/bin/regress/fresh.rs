//! Entries measured in their own processes, where the allocator is in its initial state.

use std::process::{Command, ExitCode};

use hybi_bench::rounds::Times;
use hybi_bench::targets::{Candidate, groups};

use crate::Result;

/// Processes for each entry.
const PROCESSES: usize = 7;

pub fn times(row: &str, candidates: &[Candidate]) -> Result<Times> {
    let names: Vec<_> = candidates.iter().map(|candidate| candidate.name).collect();
    let mut times = Times::new(names.clone());
    for _ in 0..PROCESSES {
        for (i, name) in names.iter().enumerate() {
            let program = std::env::current_exe()?;
            let output = Command::new(program)
                .args(["--fresh", row, name])
                .output()?;
            if !output.status.success() {
                return Err(String::from_utf8_lossy(&output.stderr).into());
            }
            times.push(i, String::from_utf8(output.stdout)?.trim().parse()?);
        }
    }
    Ok(times)
}

/// Prints the entry's time.
pub fn measure(row: &str, entry: &str) -> Result<ExitCode> {
    let group = groups().into_iter().find(|group| group.name == row);
    let entry = group.ok_or("no such row")?.entry(entry);
    let mut entries = [entry.ok_or("no such entry in that row")?];
    println!("{}", Times::take(&mut entries).median(0));
    Ok(ExitCode::SUCCESS)
}
