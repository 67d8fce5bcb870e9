//! A server in a process of its own: what it prints, and what it holds and takes of the system.
#![allow(dead_code)] // Each user takes its part of it.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{fs, io};

use crate::peer::PATIENCE;

/// How long a server may run: when many waits for what does not come would add up.
const LIFE: Duration = Duration::from_secs(60);

/// Ticks of the times in /proc/PID/stat, which are the same everywhere.
const TICKS_PER_SECOND: f64 = 100.0;

pub struct Server {
    child: Child,
    address: SocketAddr,
    events: Arc<Observed>,
    /// Dropped, it calls the one off who ends the server's life.
    alive: Option<Sender<()>>,
    listener: Option<JoinHandle<()>>,
    complaints: Option<JoinHandle<String>>,
}

#[derive(Default)]
struct Observed {
    lines: Mutex<Vec<String>>,
    more: Condvar,
}

/// What a server holds of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    pub descriptors: usize,
    pub threads: usize,
}

impl Server {
    #[track_caller]
    pub fn start(program: &Path) -> Self {
        Self::run(Command::new(program))
    }

    /// One that may have so many descriptors open.
    #[track_caller]
    pub fn start_limited(program: &Path, descriptors: usize) -> Self {
        let mut shell = Command::new("sh");
        shell.arg("-c");
        shell.arg(format!("ulimit -n {descriptors}; exec \"$0\" \"$@\""));
        shell.arg(program);
        Self::run(shell)
    }

    #[track_caller]
    fn run(mut command: Command) -> Self {
        command.arg("127.0.0.1:0");
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => panic!("can't start {command:?}: {error}"),
        };
        let events = Arc::new(Observed::default());
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let listener = thread::spawn({
            let events = Arc::clone(&events);
            move || {
                for line in BufReader::new(stdout.unwrap()).lines() {
                    events.lines.lock().unwrap().push(line.unwrap());
                    events.more.notify_all();
                }
            }
        });
        let complaints = thread::spawn(move || {
            let mut complaints = String::new();
            stderr.unwrap().read_to_string(&mut complaints).unwrap();
            complaints
        });
        let (alive, over) = mpsc::channel();
        let id = child.id();
        thread::spawn(move || {
            if over.recv_timeout(LIFE) == Err(RecvTimeoutError::Timeout) {
                signal("-KILL", id);
            }
        });
        let mut server = Self {
            child,
            alive: Some(alive),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            events,
            listener: Some(listener),
            complaints: Some(complaints),
        };
        let line = server.says("an address", |line| line.starts_with("listening on "));
        let address = line.strip_prefix("listening on ws://");
        let address = address.and_then(|rest| rest.strip_suffix('/')?.parse().ok());
        server.address = address.unwrap_or_else(|| panic!("it printed {line:?}"));
        server
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line such as `is_it` knows.
    #[track_caller]
    pub fn says(&self, what: &str, is_it: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + PATIENCE;
        let mut lines = self.events.lines.lock().unwrap();
        loop {
            if let Some(line) = lines.iter().find(|line| is_it(line)) {
                return line.clone();
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let last = lines[lines.len().saturating_sub(10)..].to_vec();
                drop(lines);
                panic!("it did not print {what}; its last: {last:#?}");
            }
            lines = self.events.more.wait_timeout(lines, left).unwrap().0;
        }
    }

    /// Waits for this line.
    #[track_caller]
    pub fn prints(&self, line: &str) {
        self.says(&format!("{line:?}"), |printed| printed == line);
    }

    /// Waits for the line that tells of the end of connection `number`, and returns what it says.
    #[track_caller]
    pub fn end_of(&self, number: usize) -> String {
        let start = format!("{number}: ");
        let is_it = |line: &str| line.starts_with(&start) && line.contains(" messages in, ");
        let line = self.says(&format!("the end of {number}"), is_it);
        line[start.len()..].to_owned()
    }

    /// As Ctrl-C does.
    pub fn interrupt(&self) {
        assert!(signal("-INT", self.id()));
    }

    /// Waits for the end of the process.
    #[track_caller]
    pub fn exits(&mut self, within: Duration) -> ExitStatus {
        let mut status = None;
        wait_for("the end of the process", within, || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        self.alive = None;
        status.unwrap()
    }

    pub fn held(&self) -> Held {
        let count = |what| self.proc(what).read_dir().unwrap().count();
        Held {
            descriptors: count("fd"),
            threads: count("task"),
        }
    }

    /// Waits until it holds as much as then.
    #[track_caller]
    pub fn returns_to(&self, then: Held) {
        let until = Instant::now() + PATIENCE;
        while self.held() != then {
            let held = self.held();
            assert!(Instant::now() < until, "{held:?} still, {then:?} before");
            thread::sleep(POLL);
        }
    }

    /// Processor time since its start, in seconds.
    pub fn processor_time(&self) -> f64 {
        let stat = fs::read_to_string(self.proc("stat")).unwrap();
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let mut times = fields.split_whitespace().skip(11);
        let mut ticks = || times.next().unwrap().parse::<f64>().unwrap();
        (ticks() + ticks()) / TICKS_PER_SECOND
    }

    /// The part of a processor that it takes for doing nothing. This is the one wait for the clock
    /// alone.
    pub fn idle_load(&self, window: Duration) -> f64 {
        let (start, before) = (Instant::now(), self.processor_time());
        thread::sleep(window);
        (self.processor_time() - before) / start.elapsed().as_secs_f64()
    }

    /// Bytes of memory that are its own: written to, and shared with nobody.
    pub fn private_bytes(&self) -> io::Result<u64> {
        let rollup = fs::read_to_string(self.proc("smaps_rollup"))?;
        let lines = rollup.lines();
        let mut sizes = lines.filter_map(|line| line.strip_prefix("Private_Dirty:"));
        let size = sizes.find_map(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        let size = size.ok_or_else(|| io::Error::other("smaps_rollup without Private_Dirty"))?;
        Ok(size * 1024)
    }

    fn proc(&self, what: &str) -> std::path::PathBuf {
        Path::new("/proc")
            .join(self.child.id().to_string())
            .join(what)
    }
}

/// Kills it. A panic in one of its threads comes to light here.
impl Drop for Server {
    fn drop(&mut self) {
        self.alive = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = self.listener.take().map(JoinHandle::join);
        let complaints = self.complaints.take().map(JoinHandle::join);
        let complaints = complaints.and_then(Result::ok).unwrap_or_default();
        if thread::panicking() {
            eprint!("{complaints}");
        } else {
            assert!(complaints.is_empty(), "standard error: {complaints}");
        }
    }
}

/// Whether the signal could be sent.
pub fn signal(name: &str, id: u32) -> bool {
    let kill = Command::new("kill").args([name, &id.to_string()]).status();
    kill.is_ok_and(|status| status.success())
}

const POLL: Duration = Duration::from_millis(5);

#[track_caller]
pub fn wait_for(what: &str, within: Duration, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + within;
    while !is_so() {
        assert!(Instant::now() < until, "no {what} within {within:?}");
        thread::sleep(POLL);
    }
}
