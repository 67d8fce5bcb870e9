//! What is counted.

use std::sync::Arc;

use hybi::Dialect;
use hybi_bench::entry::{Echo, Send};
use hybi_bench::frames::encode_head;
use hybi_bench::impls::{Role, fastwebsockets, nexus, ours, sockudo, tokio_ws, tungstenite, yawc};
use hybi_bench::memory::Aligned;
use hybi_bench::wire::Wire;

/// One message.
pub type Entry = Box<dyn FnMut()>;
pub type Build = Box<dyn Fn() -> Entry>;
pub type Row = (String, Vec<(&'static str, Build)>);

const READ: usize = 16 * 1024;

pub fn rows() -> Vec<Row> {
    let sizes = [64 * 1024, 1 << 20];
    let echoes = sizes.map(|size| (format!("echo/{size}"), echoes(size)));
    let server = sizes.map(|size| (format!("send/server/{size}"), senders(Role::Server, size)));
    let client = sizes.map(|size| (format!("send/client/{size}"), senders(Role::Client, size)));
    echoes.into_iter().chain(server).chain(client).collect()
}

fn echoes(size: usize) -> Vec<(&'static str, Build)> {
    vec![
        ("hybi", echo(size, ours::EchoServer::new)),
        ("tungstenite", echo(size, tungstenite::Receiver::new)),
        ("tokio-websockets", echo(size, tokio_ws::Receiver::new)),
        ("fastwebsockets", echo(size, fastwebsockets::Receiver::new)),
        ("nexus-web, unchecked", echo(size, nexus::EchoServer::new)),
        ("sockudo-ws", echo(size, sockudo::Receiver::new)),
    ]
}

fn echo<E: Echo + 'static>(size: usize, new: fn(Wire) -> E) -> Build {
    Box::new(move || {
        let mut server = new(Wire::new(&frame(size), READ));
        Box::new(move || server.echo())
    })
}

/// A masked text frame, made without freeing a large block, which would raise the allocator's
/// thresholds.
fn frame(size: usize) -> Arc<Aligned> {
    let mask = [1, 2, 3, 4];
    let (head, len) = encode_head(0x81, size, Some(mask));
    let mut frame = Aligned::zeroed(len + size);
    frame[..len].copy_from_slice(&head[..len]);
    let payload = frame[len..].iter_mut().zip(mask.iter().cycle());
    payload.for_each(|(byte, mask)| *byte = b'x' ^ mask);
    Arc::new(frame)
}

fn senders(role: Role, size: usize) -> Vec<(&'static str, Build)> {
    let hybi = move |text, wire| ours::Sender::new(role, Dialect::Rfc6455, text, wire);
    vec![
        ("hybi", send(size, hybi)),
        (
            "tungstenite",
            send(size, move |text, wire| {
                tungstenite::Sender::new(role, text, wire)
            }),
        ),
        (
            "tokio-websockets",
            send(size, move |text, wire| {
                tokio_ws::Sender::new(role, text, wire)
            }),
        ),
        (
            "fastwebsockets",
            send(size, move |text, wire| {
                fastwebsockets::Sender::new(role, text, wire)
            }),
        ),
        (
            "nexus-web",
            send(size, move |text, wire| nexus::Sender::new(role, text, wire)),
        ),
        (
            "sockudo-ws",
            send(size, move |text, wire| {
                sockudo::Sender::new(role, text, wire)
            }),
        ),
        (
            "yawc",
            send(size, move |text, wire| yawc::Sender::new(role, text, wire)),
        ),
    ]
}

fn send<S: Send + 'static>(size: usize, new: impl Fn(&'static str, Wire) -> S + 'static) -> Build {
    Box::new(move || {
        let text = "x".repeat(size).leak();
        let mut sender = new(text, Wire::silent());
        Box::new(move || sender.send())
    })
}
