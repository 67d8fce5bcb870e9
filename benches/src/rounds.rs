//! Times of entries that take turns, so that whatever slows the machine down slows all of them.

use crate::clock;
use crate::entry::Entry;

pub const ROUNDS: usize = 31;

/// Processor time of one entry's turn.
const TURN: u64 = 1_000_000;

/// Nanoseconds per unit, for each entry, for each round.
pub struct Times(Vec<Vec<f64>>);

impl Times {
    pub fn take(entries: &mut [Entry]) -> Self {
        let steps: Vec<u64> = entries.iter_mut().map(steps_in_a_turn).collect();
        let mut times = vec![Vec::with_capacity(ROUNDS); entries.len()];
        for _ in 0..ROUNDS {
            for ((entry, steps), times) in entries.iter_mut().zip(&steps).zip(&mut times) {
                let begin = clock::nanos();
                let units: u64 = (0..*steps).map(|_| entry.step()).sum();
                times.push((clock::nanos() - begin) as f64 / units as f64);
            }
        }
        Self(times)
    }

    /// The median of an entry's times.
    pub fn median(&self, entry: usize) -> f64 {
        median(self.0[entry].clone())
    }

    /// The median over the rounds of how many times as long `base` took.
    pub fn ratio(&self, entry: usize, base: usize) -> f64 {
        let rounds = self.0[base].iter().zip(&self.0[entry]);
        median(rounds.map(|(base, entry)| base / entry).collect())
    }
}

/// Also warms up what has to be.
fn steps_in_a_turn(entry: &mut Entry) -> u64 {
    let (begin, mut steps) = (clock::nanos(), 0);
    loop {
        entry.step();
        steps += 1;
        // Reading the clock costs a system call: rarely, then.
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
