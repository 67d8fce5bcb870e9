//! The table of targets.

use std::fmt;

use hybi_bench::targets::{Base, Class, Target};

use crate::Measured;

pub const HEAD: &str = "\
| row | entry | ns | base | ns | times as fast | hard | stretch | verdict |
| --- | --- | ---: | --- | ---: | ---: | ---: | ---: | --- |";

/// A row for each target, and one for each entry that no target names.
pub fn rows(measured: &Measured, slack: f64) -> Vec<Row> {
    let times = &measured.times;
    let find = |name| times.find(name).expect("the group has that entry");
    let row = |entry: usize, comparison| Row {
        group: measured.group.name.clone(),
        entry: times.names()[entry],
        nanos: times.median(entry),
        comparison,
    };
    let mut rows = Vec::new();
    let mut named = Vec::new();
    for target in &measured.group.targets {
        let entry = find(target.entry);
        named.push(entry);
        let base = match target.base {
            Base::BestPeer => Some(measured.best(Class::Peer).expect("the group has peers")),
            Base::Entry(name) => Some(find(name)),
            Base::Nanos(_) => None,
        };
        let (name, nanos, ratio) = match (target.base, base) {
            (_, Some(base)) => {
                named.push(base);
                (
                    times.names()[base],
                    times.median(base),
                    times.ratio(entry, base),
                )
            }
            (Base::Nanos(nanos), _) => ("a fixed time", nanos, nanos / times.median(entry)),
            (_, None) => unreachable!("every other base is an entry"),
        };
        let comparison = Comparison::new(target, slack, name, nanos, ratio);
        rows.push(row(entry, Some(comparison)));
    }
    let others = (0..times.names().len()).filter(|entry| !named.contains(entry));
    rows.extend(others.map(|entry| row(entry, None)));
    rows
}

impl Measured {
    /// The fastest of a class.
    pub fn best(&self, class: Class) -> Option<usize> {
        let times = &self.times;
        let of_class = (0..times.names().len()).filter(|i| Class::of(times.names()[*i]) == class);
        of_class.min_by(|a, b| times.median(*a).total_cmp(&times.median(*b)))
    }
}

/// A line of the table.
pub struct Row {
    group: String,
    entry: &'static str,
    nanos: f64,
    comparison: Option<Comparison>,
}

/// A target, and the result as a share of it.
struct Comparison {
    base: &'static str,
    nanos: f64,
    ratio: f64,
    hard: Option<f64>,
    stretch: Option<f64>,
}

impl Comparison {
    fn new(target: &Target, slack: f64, base: &'static str, nanos: f64, ratio: f64) -> Self {
        Self {
            base,
            nanos,
            ratio,
            hard: target.hard.map(|hard| hard * slack),
            stretch: target.stretch.map(|stretch| stretch * slack),
        }
    }

    fn fails(&self) -> bool {
        self.hard.is_some_and(|hard| self.ratio < hard)
    }
}

impl Row {
    pub fn fails(&self) -> bool {
        self.comparison.as_ref().is_some_and(Comparison::fails)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = digits(self.nanos);
        write!(f, "| {} | {} | {nanos} ", self.group, self.entry)?;
        let Some(comparison) = &self.comparison else {
            return f.write_str("| | | | | | |");
        };
        let verdict = match (comparison.hard, comparison.stretch) {
            _ if comparison.fails() => "FAILS",
            (_, Some(stretch)) if comparison.ratio >= stretch => "stretch",
            (Some(_), _) => "passes",
            (None, Some(_)) => "not yet",
            (None, None) => "",
        };
        let target = |target: Option<f64>| target.map_or(String::new(), |t| format!("{t:.2}"));
        write!(
            f,
            "| {} | {} | {:.2} | {} | {} | {verdict} |",
            comparison.base,
            digits(comparison.nanos),
            comparison.ratio,
            target(comparison.hard),
            target(comparison.stretch),
        )
    }
}

/// Three significant digits.
pub fn digits(nanos: f64) -> String {
    let last = nanos.log10().floor() as i32 - 2;
    let unit = 10_f64.powi(last);
    let decimals = usize::try_from(-last).unwrap_or(0);
    format!("{:.decimals$}", (nanos / unit).round() * unit)
}
