//! What is measured, and what has to come of it. `README.md` says where the numbers are from.

mod floors;
mod hixie;
mod opening;
mod recv;
mod send;

use crate::entry::Entry;

/// Entries that are measured together.
pub struct Group {
    pub name: String,
    pub build: Box<dyn Fn() -> Vec<Entry>>,
    pub targets: Vec<Target>,
}

/// How many times as fast as `base` an entry has to be.
pub struct Target {
    pub entry: &'static str,
    pub base: Base,
    /// Below it `regress` fails.
    pub hard: Option<f64>,
    /// Worth working for.
    pub stretch: Option<f64>,
}

/// What an entry is held against.
#[derive(Clone, Copy)]
pub enum Base {
    /// Another entry of the group.
    Entry(&'static str),
    /// A time, where it is the result that matters and not who else gets it.
    Nanos(f64),
}

pub const HYBI: &str = "hybi";
const TUNGSTENITE: &str = "tungstenite";
const NEXUS: &str = "nexus-web";
const TOKIO: &str = "tokio-websockets";

impl Group {
    fn new(name: impl Into<String>, build: impl Fn() -> Vec<Entry> + 'static) -> Self {
        Self {
            name: name.into(),
            build: Box::new(build),
            targets: Vec::new(),
        }
    }

    /// `hybi` is to be `hard` times as fast as `base`, better `stretch` times.
    fn target(
        self,
        base: &'static str,
        hard: impl Into<Option<f64>>,
        stretch: impl Into<Option<f64>>,
    ) -> Self {
        self.target_of(HYBI, Base::Entry(base), hard, stretch)
    }

    fn target_of(
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
}

/// All of them, in the order of the table.
pub fn groups() -> Vec<Group> {
    let parts = [
        recv::groups(),
        send::groups(),
        opening::groups(),
        hixie::groups(),
        floors::groups(),
    ];
    parts.into_iter().flatten().collect()
}
