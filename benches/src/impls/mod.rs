//! Those whose time is taken.

pub mod floors;
pub mod nexus;
pub mod openings;
pub mod ours;
pub mod tokio_ws;
pub mod tungstenite;
