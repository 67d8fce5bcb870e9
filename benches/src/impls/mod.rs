//! The implementations that are measured: hybi, its peers, and the least code that does the work.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

pub mod fastwebsockets;
pub mod floors;
pub mod nexus;
pub mod openings;
pub mod ours;
pub mod sockudo;
pub mod tokio_ws;
pub mod tungstenite;
pub mod ws_tool;
pub mod wtx;
pub mod yawc;

/// No message is longer than this.
pub const MAX_MESSAGE: usize = 128 << 20;

/// The side of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Client,
    Server,
}

/// Polls once: the wire is always ready, so no entry includes the time of a runtime.
fn ready<T>(future: impl Future<Output = T>) -> T {
    done(pin!(future).poll(&mut context()))
}

fn done<T>(poll: Poll<T>) -> T {
    match poll {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the wire is always ready"),
    }
}

fn context() -> Context<'static> {
    Context::from_waker(Waker::noop())
}
