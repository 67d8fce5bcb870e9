//! The rows and their targets. `README.md` says where the numbers come from.

mod floors;
mod hixie;
mod opening;
mod recv;
mod send;

use crate::entry::Entry;

/// Entries that are compared: a row of the results.
pub struct Group {
    pub name: String,
    pub entries: Entries,
    pub targets: Vec<Target>,
}

pub enum Entries {
    /// Built together; they take turns in one process.
    Shared(Box<dyn Fn() -> Vec<Entry>>),
    /// Each is built in its own processes.
    Fresh(Vec<Candidate>),
}

pub struct Candidate {
    pub name: &'static str,
    pub build: Box<dyn Fn() -> Entry>,
}

/// How many times as fast as `base` an entry should be.
pub struct Target {
    pub entry: &'static str,
    pub base: Base,
    /// Below it `regress` fails.
    pub hard: Option<f64>,
    /// The goal.
    pub stretch: Option<f64>,
}

#[derive(Clone, Copy)]
pub enum Base {
    /// The fastest peer of the group.
    BestPeer,
    /// Another entry of the group.
    Entry(&'static str),
    Nanos(f64),
}

/// What an entry is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Hybi,
    /// Another implementation that does all that hybi does for the row.
    Peer,
    /// Another implementation that does less.
    Unchecked,
    /// The least code that does the work, or some of it.
    Floor,
}

impl Class {
    pub fn of(entry: &str) -> Self {
        if entry.starts_with("hybi") {
            Self::Hybi
        } else if entry.starts_with("floor") {
            Self::Floor
        } else if entry.ends_with("unchecked") {
            Self::Unchecked
        } else {
            Self::Peer
        }
    }
}

pub const HYBI: &str = "hybi";
pub const BY_REFERENCE: &str = "hybi, by reference";
const CHUNKS: &str = "hybi, chunks";

const FASTWEBSOCKETS: &str = "fastwebsockets";
const NEXUS: &str = "nexus-web";
const NEXUS_UNCHECKED: &str = "nexus-web, unchecked";
const SOCKUDO: &str = "sockudo-ws";
const SOKETTO: &str = "soketto";
const TOKIO: &str = "tokio-websockets";
const TUNGSTENITE: &str = "tungstenite";
const WS_TOOL: &str = "ws-tool";
const WTX: &str = "wtx";
const YAWC: &str = "yawc";

const COPY: &str = "floor, copy";
const MINIMAL: &str = "floor, header, unmask and check";
const UWS: &str = "floor, uWebSockets style";
const HEADER_AND_COPY: &str = "floor, header and copy";
const HTTPARSE: &str = "floor, httparse alone";

impl Group {
    fn new(name: impl Into<String>, build: impl Fn() -> Vec<Entry> + 'static) -> Self {
        Self {
            name: name.into(),
            entries: Entries::Shared(Box::new(build)),
            targets: Vec::new(),
        }
    }

    fn fresh(name: String, candidates: Vec<Candidate>) -> Self {
        Self {
            name,
            entries: Entries::Fresh(candidates),
            targets: Vec::new(),
        }
    }

    /// `hybi` should be `hard` times as fast as the best peer, better `stretch` times.
    fn best(self, hard: impl Into<Option<f64>>, stretch: impl Into<Option<f64>>) -> Self {
        self.target(HYBI, Base::BestPeer, hard, stretch)
    }

    fn target(
        mut self,
        entry: &'static str,
        base: Base,
        hard: impl Into<Option<f64>>,
        stretch: impl Into<Option<f64>>,
    ) -> Self {
        self.targets.push(Target {
            entry,
            base,
            hard: hard.into(),
            stretch: stretch.into(),
        });
        self
    }

    /// One entry, without building the others if possible.
    pub fn entry(&self, name: &str) -> Option<Entry> {
        match &self.entries {
            Entries::Shared(build) => build().into_iter().find(|entry| entry.name == name),
            Entries::Fresh(candidates) => {
                let candidate = candidates.iter().find(|candidate| candidate.name == name);
                candidate.map(|candidate| (candidate.build)())
            }
        }
    }
}

/// All groups, in the order of the table.
pub fn groups() -> Vec<Group> {
    let groups = [
        recv::groups(),
        send::groups(),
        opening::groups(),
        hixie::groups(),
        floors::groups(),
    ];
    groups.into_iter().flatten().collect()
}
