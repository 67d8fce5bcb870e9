//! Points in time, as the connection stores them.

use core::time::Duration;

/// A time on the caller's clock, in nanoseconds since its origin: half the size of a [`Duration`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time(u64);

impl Time {
    pub(crate) const ORIGIN: Self = Self(0);
    pub(crate) const NEVER: Self = Self(u64::MAX);

    /// Saturates just below [`NEVER`](Self::NEVER), which no clock reaches.
    #[inline]
    pub(crate) fn new(time: Duration) -> Self {
        Self(nanoseconds(time).min(Self::NEVER.0 - 1))
    }

    /// Saturates at [`NEVER`](Self::NEVER).
    #[inline]
    pub(crate) fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanoseconds(duration)))
    }

    pub(crate) fn since_origin(self) -> Duration {
        Duration::from_nanos(self.0)
    }
}

#[inline]
fn nanoseconds(duration: Duration) -> u64 {
    let nanoseconds = duration.as_secs().checked_mul(1_000_000_000);
    nanoseconds.map_or(u64::MAX, |n| {
        n.saturating_add(u64::from(duration.subsec_nanos()))
    })
}
