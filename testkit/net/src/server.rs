//! A server in its own process: its output, and the resources it uses.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{fs, io};

use crate::peer::TIMEOUT;

/// The server is killed after this time, so that many timeouts do not add up.
const MAX_LIFETIME: Duration = Duration::from_secs(120);

/// Unit of the times in /proc/PID/stat.
const TICKS_PER_SECOND: f64 = 100.0;

pub struct Server {
    child: Child,
    address: SocketAddr,
    output: Arc<Output>,
    /// Dropping it stops the watchdog thread.
    watchdog: Option<Sender<()>>,
    stdout_reader: Option<JoinHandle<()>>,
    stderr_reader: Option<JoinHandle<String>>,
}

/// The lines printed so far.
#[derive(Default)]
struct Output {
    lines: Mutex<Vec<String>>,
    changed: Condvar,
}

/// Resources of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resources {
    pub descriptors: usize,
    pub threads: usize,
}

impl Server {
    #[track_caller]
    pub fn start(program: &Path) -> Self {
        Self::run(Command::new(program))
    }

    #[track_caller]
    pub fn start_with_arguments(program: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments);
        Self::run(command)
    }

    /// Starts a server after shell commands that set its limits, such as `ulimit -n 40`.
    #[track_caller]
    pub fn start_with_limits(program: &Path, commands: &str) -> Self {
        let mut shell = Command::new("sh");
        shell.arg("-c");
        shell.arg(format!("{commands}; exec \"$0\" \"$@\""));
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
        let output = Arc::new(Output::default());
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let stdout_reader = thread::spawn({
            let output = Arc::clone(&output);
            move || {
                for line in BufReader::new(stdout.unwrap()).lines() {
                    output.lines.lock().unwrap().push(line.unwrap());
                    output.changed.notify_all();
                }
            }
        });
        let stderr_reader = thread::spawn(move || {
            let mut text = String::new();
            stderr.unwrap().read_to_string(&mut text).unwrap();
            text
        });
        let (watchdog, stopped) = mpsc::channel();
        let id = child.id();
        thread::spawn(move || {
            if stopped.recv_timeout(MAX_LIFETIME) == Err(RecvTimeoutError::Timeout) {
                signal("-KILL", id);
            }
        });
        let mut server = Self {
            child,
            watchdog: Some(watchdog),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            output,
            stdout_reader: Some(stdout_reader),
            stderr_reader: Some(stderr_reader),
        };
        let line =
            server.wait_for_line_matching("an address", |line| line.starts_with("listening on "));
        let address = line.strip_prefix("listening on ws://");
        let address = address.and_then(|address| address.strip_suffix('/')?.parse().ok());
        server.address = address.unwrap_or_else(|| panic!("no address in {line:?}"));
        server
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line that `matches`. `description` is for the panic message.
    #[track_caller]
    pub fn wait_for_line_matching(
        &self,
        description: &str,
        matches: impl Fn(&str) -> bool,
    ) -> String {
        let deadline = Instant::now() + TIMEOUT;
        let mut lines = self.output.lines.lock().unwrap();
        loop {
            if let Some(line) = lines.iter().find(|line| matches(line)) {
                return line.clone();
            }
            let timeout = deadline.saturating_duration_since(Instant::now());
            if timeout.is_zero() {
                let last = lines[lines.len().saturating_sub(10)..].to_vec();
                drop(lines);
                panic!("the server did not print {description}; last lines: {last:#?}");
            }
            lines = self.output.changed.wait_timeout(lines, timeout).unwrap().0;
        }
    }

    /// Returns whether a line that was printed so far contains `text`.
    pub fn has_printed(&self, text: &str) -> bool {
        let lines = self.output.lines.lock().unwrap();
        lines.iter().any(|line| line.contains(text))
    }

    /// Waits for this line.
    #[track_caller]
    pub fn wait_for_line(&self, line: &str) {
        self.wait_for_line_matching(&format!("{line:?}"), |printed| printed == line);
    }

    /// Waits for the summary of connection `number`, and returns it.
    #[track_caller]
    pub fn wait_for_summary(&self, number: usize) -> String {
        let prefix = format!("{number}: ");
        let matches = |line: &str| line.starts_with(&prefix) && line.contains(" messages in, ");
        let line =
            self.wait_for_line_matching(&format!("the summary of connection {number}"), matches);
        line[prefix.len()..].to_owned()
    }

    /// Sends SIGINT, as Ctrl-C does.
    pub fn interrupt(&self) {
        assert!(signal("-INT", self.id()));
    }

    /// Waits until the process exits.
    #[track_caller]
    pub fn wait_for_exit(&mut self, timeout: Duration) -> ExitStatus {
        let mut status = None;
        wait_for("exit of the process", timeout, || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        self.watchdog = None;
        status.unwrap()
    }

    pub fn resources(&self) -> Resources {
        let count = |dir| self.proc(dir).read_dir().unwrap().count();
        Resources {
            descriptors: count("fd"),
            threads: count("task"),
        }
    }

    /// Waits until the resources equal `expected`.
    #[track_caller]
    pub fn wait_for_resources(&self, expected: Resources) {
        let deadline = Instant::now() + TIMEOUT;
        while self.resources() != expected {
            let current = self.resources();
            assert!(
                Instant::now() < deadline,
                "{current:?} instead of {expected:?}"
            );
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// Returns the CPU time used, in seconds.
    pub fn cpu_time(&self) -> f64 {
        let stat = fs::read_to_string(self.proc("stat")).unwrap();
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let mut times = fields.split_whitespace().skip(11);
        let mut ticks = || times.next().unwrap().parse::<f64>().unwrap();
        (ticks() + ticks()) / TICKS_PER_SECOND
    }

    /// Returns the CPU load over `window`, where 1.0 is one core.
    pub fn cpu_load(&self, window: Duration) -> f64 {
        let (start, before) = (Instant::now(), self.cpu_time());
        thread::sleep(window);
        (self.cpu_time() - before) / start.elapsed().as_secs_f64()
    }

    /// Returns the most memory that the process has ever had resident, in bytes.
    pub fn peak_bytes(&self) -> usize {
        let status = fs::read_to_string(self.proc("status")).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.parse::<usize>().ok());
        kib.unwrap() * 1024
    }

    /// Returns the private dirty memory, in bytes.
    pub fn private_bytes(&self) -> io::Result<u64> {
        let rollup = fs::read_to_string(self.proc("smaps_rollup"))?;
        let lines = rollup.lines();
        let mut sizes = lines.filter_map(|line| line.strip_prefix("Private_Dirty:"));
        let size = sizes.find_map(|size| size.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        let size = size.ok_or_else(|| io::Error::other("smaps_rollup without Private_Dirty"))?;
        Ok(size * 1024)
    }

    fn proc(&self, name: &str) -> std::path::PathBuf {
        Path::new("/proc")
            .join(self.child.id().to_string())
            .join(name)
    }
}

/// Kills the process. Checks that nothing was printed to standard error, such as a panic.
impl Drop for Server {
    fn drop(&mut self) {
        self.watchdog = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = self.stdout_reader.take().map(JoinHandle::join);
        let stderr = self.stderr_reader.take().map(JoinHandle::join);
        let stderr = stderr.and_then(Result::ok).unwrap_or_default();
        if thread::panicking() {
            eprint!("{stderr}");
        } else {
            assert!(stderr.is_empty(), "standard error: {stderr}");
        }
    }
}

/// Sends a signal; returns whether it succeeded.
pub fn signal(name: &str, id: u32) -> bool {
    let kill = Command::new("kill").args([name, &id.to_string()]).status();
    kill.is_ok_and(|status| status.success())
}

const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Waits until `condition` is true.
#[track_caller]
pub fn wait_for(description: &str, timeout: Duration, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + timeout;
    while !condition() {
        assert!(
            Instant::now() < deadline,
            "no {description} within {timeout:?}"
        );
        thread::sleep(POLL_INTERVAL);
    }
}
