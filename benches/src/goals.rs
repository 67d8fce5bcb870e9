//! What is measured, and what has to come of it. `README.md` says where the numbers are from.

mod hixie;
mod limits;
mod opening;
mod recv;
mod send;

use crate::entry::Entry;

/// Entries that are measured together.
pub struct Group {
    pub name: String,
    pub build: Box<dyn Fn() -> Vec<Entry>>,
    pub goals: Vec<Goal>,
}

/// How many times as fast as `base` an entry has to be.
pub struct Goal {
    pub entry: &'static str,
    pub base: Base,
    /// Below it the gate fails.
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
            goals: Vec::new(),
        }
    }

    /// `hybi` is to be `hard` times as fast as `base`, better `stretch` times.
    fn goal(
        self,
        base: &'static str,
        hard: impl Into<Option<f64>>,
        stretch: impl Into<Option<f64>>,
    ) -> Self {
        self.goal_of(HYBI, Base::Entry(base), hard, stretch)
    }

    fn goal_of(
        mut self,
        entry: &'static str,
        base: Base,
        hard: impl Into<Option<f64>>,
        stretch: impl Into<Option<f64>>,
    ) -> Self {
        self.goals.push(Goal {
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
        limits::groups(),
    ];
    parts.into_iter().flatten().collect()
}
