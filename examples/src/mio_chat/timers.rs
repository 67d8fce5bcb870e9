//! A timer queue.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// At most one deadline per key.
#[derive(Default)]
pub struct Timers {
    queue: BTreeSet<(Duration, usize)>,
    deadlines: HashMap<usize, Duration>,
}

impl Timers {
    /// Sets the deadline of `key`, unless it already has an earlier one.
    ///
    /// When the earlier one expires, the caller sets the next. So extending a deadline, which
    /// happens with every byte, costs nothing.
    pub fn set(&mut self, key: usize, deadline: Duration) {
        if self.deadlines.get(&key).is_none_or(|&set| deadline < set) {
            self.cancel(key);
            self.deadlines.insert(key, deadline);
            self.queue.insert((deadline, key));
        }
    }

    pub fn cancel(&mut self, key: usize) {
        if let Some(deadline) = self.deadlines.remove(&key) {
            self.queue.remove(&(deadline, key));
        }
    }

    /// Removes a key whose deadline has expired and returns it.
    pub fn pop(&mut self, now: Duration) -> Option<usize> {
        let &(_, key) = self.queue.first().filter(|(at, _)| *at <= now)?;
        self.cancel(key);
        Some(key)
    }

    /// Returns the time until the first deadline.
    pub fn timeout(&self, now: Duration) -> Option<Duration> {
        let (deadline, _) = self.queue.first()?;
        Some(deadline.saturating_sub(now))
    }
}
