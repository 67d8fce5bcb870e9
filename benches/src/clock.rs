//! Processor time, which varies less than wall time on a busy machine.

use std::{fs, io};

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of processor time used by this thread.
pub fn nanos() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// The processor time of all threads of a process, user and system, in nanoseconds.
pub fn nanos_of_process(process: u32) -> io::Result<u64> {
    let mut nanos = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let times = fs::read_to_string(thread?.path().join("schedstat"))?;
        let running = times.split(' ').next().unwrap_or_default();
        nanos += running.parse::<u64>().map_err(io::Error::other)?;
    }
    Ok(nanos)
}
