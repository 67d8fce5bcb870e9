//! The processor time of this thread: on a busy machine it is steady where wall time is not.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of processor time that this thread has had.
pub fn nanos() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
