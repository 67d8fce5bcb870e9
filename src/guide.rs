//! How to use the crate, in chapters. To find one task, use the table [How do I](crate#how-do-i).
//!
//! 1. [`choosing`]: this crate, `hybi-tokio`, or another one.
//! 2. [`embedding`]: a complete program in five steps, the layers, and the usual mistakes.
//! 3. [`servers`]: answers to requests: paths, origins, subprotocols, cookies, plain HTTP; closing.
//! 4. [`clients`]: header fields, proxies and TLS; rejections; reconnecting.
//! 5. [`timeouts`]: when each timeout starts and ends, and keep-alive for proxies and NATs.
//! 6. [`large_messages`]: streaming in both directions, and the limits of both sides.
//! 7. [`broadcast`]: one message to many connections, slow receivers, memory of the process.
//! 8. [`dialects`]: who speaks which, what each one lacks, and which to enable.
//! 9. [`proxies`]: which reverse proxy forwards which dialect.
//! 10. [`no_std`]: allocator, clock and entropy of a target without `std`, and memory.
//!
//! In addition:
//!
//! - [`async_runtimes`]: the loop in an `async` function. With tokio, use
//!   [`hybi-tokio`](https://docs.rs/hybi-tokio).
//! - [From tungstenite](https://docs.rs/hybi-tokio/latest/hybi_tokio/migrating): a table of calls.
#![cfg_attr(
    feature = "deflate",
    doc = "- [`compression`]: when it pays, what it costs, and secrets."
)]
//! - [`wire_rules`]: the rules of the protocol, with their ids.
//! - [`bad_inputs`]: the response to each kind of invalid input.
//! - [`stability`]: what a new version may change.

#[doc = include_str!("../docs/choosing.md")]
pub mod choosing {}

#[doc = include_str!("../docs/embedding.md")]
pub mod embedding {}

#[doc = include_str!("../docs/servers.md")]
pub mod servers {}

#[doc = include_str!("../docs/clients.md")]
#[doc = "\n## A whole program\n\nIt sends a message, prints the answer, and closes.\n\n```no_run"]
#[doc = include_str!("../examples/client.rs")]
#[doc = "```"]
pub mod clients {}

#[doc = include_str!("../docs/timeouts.md")]
pub mod timeouts {}

#[doc = include_str!("../docs/large_messages.md")]
pub mod large_messages {}

#[doc = include_str!("../docs/broadcast.md")]
pub mod broadcast {}

#[doc = include_str!("../docs/dialects.md")]
pub mod dialects {}

#[doc = include_str!("../docs/proxies.md")]
pub mod proxies {}

#[doc = include_str!("../docs/no_std.md")]
pub mod no_std {}

#[doc = include_str!("../docs/async_runtimes.md")]
pub mod async_runtimes {}

#[cfg(feature = "deflate")]
#[cfg_attr(docsrs, doc(cfg(feature = "deflate")))]
#[doc = include_str!("../docs/compression.md")]
pub mod compression {}

#[doc = include_str!("../docs/wire.md")]
pub mod wire_rules {}

#[doc = include_str!("../docs/bad-inputs.md")]
pub mod bad_inputs {}

#[doc = include_str!("../docs/stability.md")]
pub mod stability {}
