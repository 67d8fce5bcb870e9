//! The table: what each row measured, and whether that is good enough.

use std::fmt::Display;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use crate::peer::Peer;
use crate::rows::{Row, Scale};
use crate::server::{Held, Server, signal};

/// How long all rows together may take.
const LIMIT: Duration = Duration::from_secs(290);

/// The server that runs now, for when time is over.
static RUNNING: AtomicU32 = AtomicU32::new(0);

/// A server under load, one client whom no kind may trouble, and what has been measured.
pub struct Bench {
    pub server: Server,
    pub witness: Peer,
    before: Held,
    after: Option<Held>,
    pub open: usize,
    pub heap_each: Option<f64>,
    pub rate: Option<f64>,
    pub echoes: Vec<Duration>,
    processor: f64,
    checks: Vec<(bool, String)>,
}

impl Bench {
    fn new(program: &Path) -> Self {
        let server = Server::start(program);
        RUNNING.store(server.id(), Relaxed);
        let mut witness = Peer::open(server.address());
        witness.poke();
        Self {
            before: server.held(),
            processor: server.processor_time(),
            server,
            witness,
            after: None,
            open: 0,
            heap_each: None,
            rate: None,
            echoes: Vec::new(),
            checks: Vec::new(),
        }
    }

    pub fn heap(&self) -> f64 {
        self.server.private_bytes().unwrap() as f64
    }

    pub fn check(&mut self, holds: bool, what: impl Display) {
        self.checks.push((holds, what.to_string()));
    }

    pub fn takes(&mut self, what: impl Display, took: Duration, limit: Duration) {
        self.check(
            took < limit,
            format_args!("{what} in {took:.1?}, under {limit:?}"),
        );
    }

    /// Nothing happens, and nothing is being done.
    pub fn rests(&mut self) {
        let load = self.server.idle_load(Duration::from_secs(5)) * 100.0;
        let what = format!("{load:.1} % of a processor in 5 s without work, under 2 %");
        self.check(load < 2.0, what);
    }

    /// All but the witness are gone, and so is what they held.
    pub fn is_alone(&mut self) {
        self.server.returns_to(self.before);
        self.after = Some(self.server.held());
    }

    /// The time below which so many in a hundred echoes were.
    pub fn percentile(&mut self, percent: usize) -> Option<Duration> {
        self.echoes.sort_unstable();
        let last = self.echoes.len().checked_sub(1)?;
        self.echoes.get(last * percent / 100).copied()
    }

    fn print(&mut self, name: &str) {
        fn cell(value: Option<impl Display>) -> String {
            value.map_or("-".into(), |value| value.to_string())
        }
        let milliseconds = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1e3);
        let p50 = self.percentile(50).map(milliseconds);
        let p99 = self.percentile(99).map(milliseconds);
        let after = self.after.map(|held| held.descriptors);
        line([
            name,
            &self.open.to_string(),
            &cell(self.heap_each.map(|bytes| format!("{bytes:.0} B"))),
            &cell(self.rate.map(|rate| format!("{rate:.0}"))),
            &cell(p50),
            &cell(p99),
            &format!("{} / {}", self.before.descriptors, cell(after)),
            &format!("{:.2} s", self.server.processor_time() - self.processor),
        ]);
    }
}

/// Runs a row and prints it; whether it holds.
pub fn run(row: &Row, program: &Path, scale: Scale) -> bool {
    let mut checks = Vec::new();
    let went = panic::catch_unwind(AssertUnwindSafe(|| {
        let mut bench = Bench::new(program);
        let went = panic::catch_unwind(AssertUnwindSafe(|| (row.run)(&mut bench, scale)));
        bench.print(row.name);
        checks.append(&mut bench.checks);
        went.unwrap_or_else(|why| panic::resume_unwind(why));
    }));
    RUNNING.store(0, Relaxed);
    if let Err(why) = went {
        let why = why.downcast::<String>().unwrap_or_default();
        checks.push((false, format!("broke off: {why}")));
    }
    for (holds, what) in &checks {
        println!("    {} {what}", if *holds { "pass" } else { "FAIL" });
    }
    checks.iter().all(|(holds, _)| *holds)
}

pub fn heading(server: &str) {
    println!(
        "{server}, one process a row. Heap: growth of the memory that is the process's own and was\n\
         written to (Private_Dirty in smaps_rollup: stacks and what the allocator keeps count too).\n\
         Echo: of one who is poked while the rest happens. Descriptors: before and after.\n"
    );
    line([
        "row",
        "connections",
        "heap each",
        "messages/s",
        "echo p50",
        "echo p99",
        "descriptors",
        "processor",
    ]);
}

fn line(cells: [&str; 8]) {
    let [name, rest @ ..] = cells;
    let rest: String = rest.iter().map(|cell| format!("{cell:>13}")).collect();
    println!("{name:<24}{rest}");
}

/// Ends the process, and the server's, when it takes too long.
pub fn limit_time() {
    thread::spawn(|| {
        thread::sleep(LIMIT);
        eprintln!("hybi-load: not done after {LIMIT:?}");
        let id = RUNNING.load(Relaxed);
        if id != 0 {
            signal("-KILL", id);
        }
        process::exit(1);
    });
}
