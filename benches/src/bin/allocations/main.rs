//! Allocations and page faults per message in the steady state, each entry in its own process, whose
//! allocator is as the system sets it up.

mod counting;
mod entries;

use std::error::Error;
use std::process::Command;

use entries::{Entry, rows};
use hybi_bench::memory;

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

/// Messages before the first one that counts.
const WARM_UP: u64 = 16;
const MESSAGES: u64 = 64;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    memory::tuned()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [row, entry] = &arguments[..] {
        let row = rows().into_iter().find(|(name, _)| name == row);
        let (_, entries) = row.ok_or("no such row")?;
        let entry = entries.into_iter().find(|(name, _)| name == entry);
        let (_, build) = entry.ok_or("no such entry in that row")?;
        println!("{}", count(build()));
        return Ok(());
    }
    println!("## Allocations and page faults per message\n");
    println!("`cargo run --release --manifest-path benches/Cargo.toml --bin allocations`\n");
    println!("| row | entry | allocations | bytes allocated | page faults |");
    println!("| --- | --- | ---: | ---: | ---: |");
    for (row, entries) in rows() {
        for (name, _) in entries {
            let program = std::env::current_exe()?;
            let output = Command::new(program).args([&row, name]).output()?;
            if !output.status.success() {
                return Err(String::from_utf8_lossy(&output.stderr).into());
            }
            let counts = String::from_utf8(output.stdout)?;
            println!("| {row} | {name} | {} |", counts.trim_end());
        }
    }
    Ok(())
}

fn count(mut entry: Entry) -> String {
    (0..WARM_UP).for_each(|_| entry());
    let faults_before = page_faults();
    let [allocations_before, bytes_before] = counting::counts();
    (0..MESSAGES).for_each(|_| entry());
    let [allocations, bytes] = counting::counts();
    let faults = page_faults() - faults_before;
    let each = |count: u64| count as f64 / MESSAGES as f64;
    format!(
        "{:.1} | {:.0} | {:.1}",
        each(allocations - allocations_before),
        each(bytes - bytes_before),
        each(faults),
    )
}

/// The page faults of this process that needed no input: `ru_minflt`.
fn page_faults() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields = stat.rsplit(')').next().map(str::split_whitespace);
    let minflt = fields.and_then(|mut fields| fields.nth(7));
    minflt
        .and_then(|field| field.parse().ok())
        .expect("a number")
}
