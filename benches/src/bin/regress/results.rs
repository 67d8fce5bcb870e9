//! `RESULTS.md`: rows lost to a peer first, then rows won, then rows without a peer.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use hybi_bench::targets::{BY_REFERENCE, Base, Class, HYBI};

use crate::table::digits;
use crate::{Measured, Result};

const COMMAND: &str =
    "cargo run --release --manifest-path benches/Cargo.toml --bin regress -- --write";

/// Other programs of this package, whose tables the results contain.
const SECTIONS: [&[&str]; 2] = [&["allocations"], &["loopback", "--cpu"]];

const HEAD: &str = "\
| row | hybi, ns | by reference, ns | best peer | its ns | ratio | floors, ns (ratio) |
| --- | ---: | ---: | --- | ---: | ---: | --- |";

pub fn write(measured: &[Measured]) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    writeln!(text, "# Results\n")?;
    writeln!(
        text,
        "{}, {}, {}, by `{COMMAND}`.\n",
        output("date", &["-u", "+%Y-%m-%d"])?,
        processor()?,
        output("rustc", &["--version"])?,
    )?;
    writeln!(
        text,
        "The ratio is the best peer's time by hybi's: above 1 hybi is faster. [README.md](README.md) says \
         what the rows and entries are and how they are measured.\n"
    )?;
    let mut compared: Vec<_> = measured.iter().filter_map(Comparison::of).collect();
    compared.sort_by(|a, b| a.ratio.total_cmp(&b.ratio));
    let (lost, won): (Vec<_>, Vec<_>) = compared.into_iter().partition(|row| row.ratio < 1.0);
    for (title, rows) in [("Rows lost", lost), ("Rows won", won)] {
        writeln!(text, "## {title}\n\n{HEAD}")?;
        rows.iter().try_for_each(|row| row.write(&mut text))?;
        writeln!(text)?;
    }
    writeln!(
        text,
        "## Rows without a peer\n\n| row | entries, ns |\n| --- | --- |"
    )?;
    for measured in measured.iter().filter(|row| !row.has_peer()) {
        writeln!(text, "| {} | {} |", measured.group.name, measured.entries())?;
    }
    for arguments in SECTIONS {
        writeln!(text, "\n{}", section(arguments)?)?;
    }
    writeln!(text, "\n## Every entry\n\n| row | ns |\n| --- | --- |")?;
    for measured in measured.iter().filter(|row| row.has_peer()) {
        writeln!(text, "| {} | {} |", measured.group.name, measured.entries())?;
    }
    std::fs::write(root.join("RESULTS.md"), text)?;
    Ok(())
}

/// A row with a best peer.
struct Comparison<'a> {
    measured: &'a Measured,
    hybi: usize,
    peer: usize,
    ratio: f64,
}

impl<'a> Comparison<'a> {
    fn of(measured: &'a Measured) -> Option<Self> {
        if !measured.has_peer() {
            return None;
        }
        let hybi = measured.times.find(HYBI)?;
        let peer = measured.best(Class::Peer)?;
        Some(Self {
            measured,
            hybi,
            peer,
            ratio: measured.times.ratio(hybi, peer),
        })
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let times = &self.measured.times;
        let by_reference = times.find(BY_REFERENCE);
        writeln!(
            text,
            "| {} | {} | {} | {} | {} | {:.2} | {} |",
            self.measured.group.name,
            digits(times.median(self.hybi)),
            by_reference.map_or(String::new(), |entry| digits(times.median(entry))),
            times.names()[self.peer],
            digits(times.median(self.peer)),
            self.ratio,
            self.floors(),
        )
    }

    /// Names, times and ratios, the fastest first.
    fn floors(&self) -> String {
        let times = &self.measured.times;
        let fastest_first = self.measured.fastest_first().into_iter();
        let floors = fastest_first.filter_map(|entry| {
            let name = times.names()[entry].strip_prefix("floor, ")?;
            let ratio = times.ratio(self.hybi, entry);
            Some(format!(
                "{name} {} ({ratio:.2})",
                digits(times.median(entry))
            ))
        });
        floors.collect::<Vec<_>>().join("; ")
    }
}

impl Measured {
    /// Whether hybi is compared with the best peer.
    fn has_peer(&self) -> bool {
        let mut targets = self.group.targets.iter();
        targets.any(|target| matches!(target.base, Base::BestPeer))
    }

    /// Names and times, the fastest first.
    fn entries(&self) -> String {
        let fastest_first = self.fastest_first().into_iter();
        let entries = fastest_first.map(|entry| {
            let nanos = digits(self.times.median(entry));
            format!("{} {nanos}", self.times.names()[entry])
        });
        entries.collect::<Vec<_>>().join("; ")
    }

    fn fastest_first(&self) -> Vec<usize> {
        let mut entries: Vec<_> = (0..self.times.names().len()).collect();
        entries.sort_by(|a, b| self.times.median(*a).total_cmp(&self.times.median(*b)));
        entries
    }
}

fn processor() -> Result<String> {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo")?;
    let mut names = cpuinfo
        .lines()
        .filter(|line| line.starts_with("model name"));
    let name = names.next().and_then(|line| line.split(": ").nth(1));
    let cores = 1 + names.count();
    Ok(format!(
        "{} ({cores} cores)",
        name.unwrap_or("unknown processor")
    ))
}

fn section(arguments: &[&str]) -> Result<String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let run = ["run", "--release", "--manifest-path", manifest, "--bin"];
    let (bin, arguments) = arguments.split_first().ok_or("no program")?;
    let arguments = [&run[..], &[*bin, "--"], arguments].concat();
    output(&cargo, &arguments)
}

fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}
