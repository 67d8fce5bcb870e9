//! Times of entries that take turns, so that what slows the machine down slows all of them.

use crate::clock;
use crate::entry::Entry;

pub const ROUNDS: usize = 31;

/// Processor time of one entry's turn.
const TURN: u64 = 1_000_000;

/// Nanoseconds per unit.
pub struct Times {
    names: Vec<&'static str>,
    /// For each entry, for each round.
    nanos: Vec<Vec<f64>>,
}

impl Times {
    pub fn new(names: Vec<&'static str>) -> Self {
        let nanos = vec![Vec::new(); names.len()];
        Self { names, nanos }
    }

    pub fn take(entries: &mut [Entry]) -> Self {
        let mut times = Self::new(entries.iter().map(|entry| entry.name).collect());
        let steps: Vec<u64> = entries.iter_mut().map(steps_in_a_turn).collect();
        for _ in 0..ROUNDS {
            for (i, (entry, steps)) in entries.iter_mut().zip(&steps).enumerate() {
                let begin = clock::nanos();
                let units: u64 = (0..*steps).map(|_| entry.step()).sum();
                times.push(i, (clock::nanos() - begin) as f64 / units as f64);
            }
        }
        times
    }

    /// Adds a round of an entry.
    pub fn push(&mut self, entry: usize, nanos: f64) {
        self.nanos[entry].push(nanos);
    }

    pub fn names(&self) -> &[&'static str] {
        &self.names
    }

    pub fn find(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|other| *other == name)
    }

    /// The median of an entry's times.
    pub fn median(&self, entry: usize) -> f64 {
        median(self.nanos[entry].clone())
    }

    /// The median over the rounds of the time of `base` divided by the entry's.
    pub fn ratio(&self, entry: usize, base: usize) -> f64 {
        let rounds = self.nanos[base].iter().zip(&self.nanos[entry]);
        median(rounds.map(|(base, entry)| base / entry).collect())
    }
}

/// Also warms up caches and branch predictors.
fn steps_in_a_turn(entry: &mut Entry) -> u64 {
    let (begin, mut steps) = (clock::nanos(), 0);
    loop {
        entry.step();
        steps += 1;
        // Reading the clock is a system call, so it is read rarely.
        if steps % 16 == 0 || steps < 16 {
            let took = clock::nanos() - begin;
            if took > 2 * TURN {
                return (steps * TURN / took).max(1);
            }
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
