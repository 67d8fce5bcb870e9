//! Processor time, which varies less than wall time on a busy machine.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of processor time used by this thread.
pub fn nanos() -> u64 {
    read(ClockId::ThreadCPUTime)
}

/// Nanoseconds of processor time used by this process, user and system.
pub fn process_nanos() -> u64 {
    read(ClockId::ProcessCPUTime)
}

fn read(clock: ClockId) -> u64 {
    let now = clock_gettime(clock);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
