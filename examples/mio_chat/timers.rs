//! Who is to be looked at when, without looking at everybody.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// One moment at most for each key.
#[derive(Default)]
pub struct Timers {
    queue: BTreeSet<(Duration, usize)>,
    moments: HashMap<usize, Duration>,
}

impl Timers {
    /// Has `key` come up at `at`, or at the earlier moment that is set for it: whoever is looked
    /// at too early sets the next. So a deadline that moves on with each byte costs nothing.
    pub fn set(&mut self, key: usize, at: Duration) {
        if self.moments.get(&key).is_none_or(|&set| at < set) {
            self.cancel(key);
            self.moments.insert(key, at);
            self.queue.insert((at, key));
        }
    }

    pub fn cancel(&mut self, key: usize) {
        if let Some(at) = self.moments.remove(&key) {
            self.queue.remove(&(at, key));
        }
    }

    /// A key whose moment has come.
    pub fn pop(&mut self, now: Duration) -> Option<usize> {
        let &(_, key) = self.queue.first().filter(|(at, _)| *at <= now)?;
        self.cancel(key);
        Some(key)
    }

    /// How long until the first moment.
    pub fn wait(&self, now: Duration) -> Option<Duration> {
        let (at, _) = self.queue.first()?;
        Some(at.saturating_sub(now))
    }
}
