//! Runs scenarios and prints a table of their measurements and checks.

use std::fmt::Display;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use crate::scenarios::{Scale, Scenario};
use testkit_net::peer::Peer;
use testkit_net::server::{Resources, Server, signal};

/// Time limit for all scenarios together.
const TIME_LIMIT: Duration = Duration::from_secs(290);

/// Process id of the running server, to kill it at the time limit; 0 if there is none.
static SERVER_ID: AtomicU32 = AtomicU32::new(0);

/// A server under load, and what was measured of it.
pub(crate) struct LoadTest {
    pub server: Server,
    /// A well-behaved client that must be served throughout.
    pub probe: Peer,
    resources_before: Resources,
    resources_after: Option<Resources>,
    pub connections: usize,
    pub memory_per_connection: Option<f64>,
    pub messages_per_second: Option<f64>,
    pub echo_times: Vec<Duration>,
    cpu_before: f64,
    checks: Vec<(bool, String)>,
}

impl LoadTest {
    fn new(program: &Path) -> Self {
        let server = Server::start(program);
        SERVER_ID.store(server.id(), Relaxed);
        let mut probe = Peer::open_76(server.address());
        probe.poke();
        Self {
            resources_before: server.resources(),
            cpu_before: server.cpu_time(),
            server,
            probe,
            resources_after: None,
            connections: 0,
            memory_per_connection: None,
            messages_per_second: None,
            echo_times: Vec::new(),
            checks: Vec::new(),
        }
    }

    /// Returns the server's private memory in bytes.
    pub(crate) fn memory(&self) -> f64 {
        self.server.private_bytes().unwrap() as f64
    }

    pub(crate) fn check(&mut self, passed: bool, description: impl Display) {
        self.checks.push((passed, description.to_string()));
    }

    pub(crate) fn check_time(&mut self, what: impl Display, elapsed: Duration, limit: Duration) {
        self.check(
            elapsed < limit,
            format_args!("{what} in {elapsed:.1?} (limit {limit:?})"),
        );
    }

    /// Checks that the server uses next to no CPU time while idle.
    pub(crate) fn check_idle(&mut self) {
        let load = self.server.cpu_load(Duration::from_secs(5)) * 100.0;
        let description = format!("{load:.1} % CPU over 5 s while idle (limit 2 %)");
        self.check(load < 2.0, description);
    }

    /// Waits until all resources of connections other than the probe's are released.
    pub(crate) fn wait_until_released(&mut self) {
        self.server.wait_for_resources(self.resources_before);
        self.resources_after = Some(self.server.resources());
    }

    /// Returns the given percentile of the echo times.
    pub(crate) fn echo_percentile(&mut self, percent: usize) -> Option<Duration> {
        self.echo_times.sort_unstable();
        let last = self.echo_times.len().checked_sub(1)?;
        self.echo_times.get(last * percent / 100).copied()
    }

    fn print(&mut self, name: &str) {
        fn cell(value: Option<impl Display>) -> String {
            value.map_or("-".into(), |value| value.to_string())
        }
        let milliseconds = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1e3);
        let p50 = self.echo_percentile(50).map(milliseconds);
        let p99 = self.echo_percentile(99).map(milliseconds);
        let fds_before = self.resources_before.descriptors;
        let fds_after = self.resources_after.map(|resources| resources.descriptors);
        print_line([
            name,
            &self.connections.to_string(),
            &cell(
                self.memory_per_connection
                    .map(|bytes| format!("{bytes:.0} B")),
            ),
            &cell(self.messages_per_second.map(|rate| format!("{rate:.0}"))),
            &cell(p50),
            &cell(p99),
            &format!("{fds_before} / {}", cell(fds_after)),
            &format!("{:.2} s", self.server.cpu_time() - self.cpu_before),
        ]);
    }
}

/// Runs a scenario, prints its results and returns whether all checks passed.
pub(crate) fn run(scenario: &Scenario, program: &Path, scale: Scale) -> bool {
    let mut checks = Vec::new();
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
        let mut test = LoadTest::new(program);
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| (scenario.run)(&mut test, scale)));
        test.print(scenario.name);
        checks.append(&mut test.checks);
        outcome.unwrap_or_else(|panic| panic::resume_unwind(panic));
    }));
    SERVER_ID.store(0, Relaxed);
    if let Err(panic) = outcome {
        let message = panic.downcast::<String>().unwrap_or_default();
        checks.push((false, format!("aborted: {message}")));
    }
    for (passed, description) in &checks {
        println!(
            "    {} {description}",
            if *passed { "pass" } else { "FAIL" }
        );
    }
    checks.iter().all(|(passed, _)| *passed)
}

pub(crate) fn print_heading(server: &str) {
    println!(
        "Load test of {server}; each scenario starts a new server process.\n\
         \n\
         conns: connections made in the scenario.\n\
         mem/conn: growth of the process's private memory (Private_Dirty in smaps_rollup, which\n\
         includes stacks and free memory of the allocator), per connection.\n\
         echo: round-trip times of well-behaved clients during the scenario.\n\
         fds: open file descriptors of the server before and after.\n\
         CPU: CPU time used by the server.\n"
    );
    print_line([
        "scenario", "conns", "mem/conn", "msgs/s", "echo p50", "echo p99", "fds", "CPU",
    ]);
}

fn print_line(cells: [&str; 8]) {
    let [name, values @ ..] = cells;
    let values: String = values.iter().map(|value| format!("{value:>13}")).collect();
    println!("{name:<24}{values}");
}

/// Kills the server and exits with an error after the time limit.
pub(crate) fn start_time_limit() {
    thread::spawn(|| {
        thread::sleep(TIME_LIMIT);
        eprintln!("hybi-load: not finished after {TIME_LIMIT:?}");
        let id = SERVER_ID.load(Relaxed);
        if id != 0 {
            signal("-KILL", id);
        }
        process::exit(1);
    });
}
