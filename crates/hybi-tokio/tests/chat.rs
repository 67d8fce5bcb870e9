//! The example `chat`, which `cargo test` builds, as a process.

#![cfg(target_os = "linux")]

mod common;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs, io};

use common::DIALECTS;
use hybi_tokio::hybi::{ClientRequest, Close, Closed, Config, Dialect};
use hybi_tokio::{Error, Message, WebSocket};
use testkit_net::server::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Barrier;
use tokio::task::{JoinSet, block_in_place};

const MAX_MESSAGE_LEN: usize = 4 << 10;

/// Starts the example, which has to be newer than its sources: `cargo test --test` does not build
/// it.
fn start() -> Server {
    let test = env::current_exe().unwrap();
    let examples = test.ancestors().nth(2).unwrap().join("examples");
    let path: PathBuf = examples.join("tokio_chat");
    let is_fresh = || -> io::Result<bool> {
        let built = fs::metadata(&path)?.modified()?;
        let dep_info = fs::read_to_string(path.with_extension("d"))?;
        let sources = dep_info.split_once(": ").map_or("", |(_, sources)| sources);
        for source in sources.split_whitespace() {
            if fs::metadata(source)?.modified()? > built {
                return Ok(false);
            }
        }
        Ok(true)
    };
    assert!(
        is_fresh().unwrap_or(false),
        "{} is not built or older than its sources; `cargo build -p hybi-tokio --example \
         tokio_chat` builds it",
        path.display()
    );
    Server::start(&path)
}

async fn tcp(server: SocketAddr, receive_buffer: Option<u32>) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    if let Some(len) = receive_buffer {
        socket.set_recv_buffer_size(len).unwrap();
    }
    let tcp = socket.connect(server).await.unwrap();
    tcp.set_nodelay(true).unwrap();
    tcp
}

async fn open(
    tcp: TcpStream,
    origin: &str,
    dialect: Dialect,
) -> Result<WebSocket<TcpStream>, Error> {
    let url = format!("ws://{}/socket", tcp.peer_addr().unwrap());
    let request = ClientRequest::new(&url).unwrap().with_dialect(dialect);
    let request = request.with_origin(origin).unwrap();
    let (socket, _) = WebSocket::connect(tcp, Config::new(), &request).await?;
    Ok(socket)
}

async fn client(server: SocketAddr, dialect: Dialect) -> WebSocket<TcpStream> {
    let origin = format!("http://{server}");
    open(tcp(server, None).await, &origin, dialect)
        .await
        .unwrap()
}

async fn receive(client: &mut WebSocket<TcpStream>) -> Message {
    client.next().await.unwrap().unwrap()
}

/// All clients receive all messages in the same order. The one that does not read is disconnected,
/// and delays nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_clients_and_one_that_never_reads() {
    const CLIENTS: usize = 1000;
    const SENDERS: usize = 50;
    const REMAINING: usize = 10;

    let mut server = start();
    let address = server.address();
    let deaf = tcp(address, Some(1)).await;
    let deaf_address = deaf.local_addr().unwrap();
    let deaf = open(deaf, &format!("http://{address}"), Dialect::Rfc6455).await;

    let all_open = Arc::new(Barrier::new(CLIENTS));
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let all_open = all_open.clone();
        clients.spawn(async move {
            let mut client = client(address, DIALECTS[number % DIALECTS.len()]).await;
            all_open.wait().await;
            if number < SENDERS {
                client.send(format!("from {number}")).await.unwrap();
            }
            let mut received = Vec::new();
            for _ in 0..SENDERS {
                received.push(receive(&mut client).await);
            }
            (client, received)
        });
    }
    let (mut clients, received): (Vec<_>, Vec<_>) = clients.join_all().await.into_iter().unzip();
    assert!(received.iter().all(|one| *one == received[0]));
    for number in 0..SENDERS {
        assert!(received[0].contains(&format!("from {number}").into()));
    }

    for client in clients.drain(REMAINING..) {
        client.close(Close::new(1000, "")).await.unwrap();
    }
    let end_of_deaf = format!("{deaf_address}: ");
    let message = Message::from("x".repeat(MAX_MESSAGE_LEN));
    while !server.has_printed(&end_of_deaf) {
        clients[0].send(message.clone()).await.unwrap();
        for client in &mut clients {
            assert_eq!(receive(client).await, message);
        }
    }
    server.wait_for_line_matching("why it was disconnected", |line| {
        line.starts_with(&format!("{end_of_deaf}timed out: "))
            || line.starts_with(&format!("{end_of_deaf}too slow: "))
    });
    drop(deaf);

    // 16 MiB of messages, and some 16 KiB for each connection.
    let peak = server.peak_bytes();
    assert!(peak < 64 << 20, "{peak} bytes");
    server.interrupt();
    for client in &mut clients {
        // The dialects with pings have close codes.
        let has_codes = client.connection().dialect().unwrap().has_ping();
        assert!(client.next().await.is_none());
        let code = client.connection().closed().unwrap().close_code();
        assert!(!has_codes || code == 1001, "{code}");
    }
    let status = block_in_place(|| server.wait_for_exit(Duration::from_secs(60)));
    assert!(status.success(), "{status}");
}

/// A client that sends as fast as it can is slowed down, so that the others keep up.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_disconnects_nobody() {
    const MESSAGES: usize = 20_000;
    let server = start();
    let mut other = client(server.address(), Dialect::Rfc6455).await;
    let (mut reader, mut writer) = client(server.address(), Dialect::Rfc6455).await.split();
    let send = tokio::spawn(async move {
        for number in 0..MESSAGES {
            writer.feed(number.to_string()).await.unwrap();
        }
        writer.flush().await.unwrap();
        writer
    });
    for number in 0..MESSAGES {
        let number = Message::from(number.to_string());
        assert_eq!(reader.next().await.unwrap().unwrap(), number);
        assert_eq!(receive(&mut other).await, number);
    }
    send.await.unwrap();
}

#[tokio::test]
async fn the_page_of_another_site_is_rejected() {
    let server = start();
    let tcp = tcp(server.address(), None).await;
    let error = open(tcp, "http://example.com", Dialect::Rfc6455).await;
    match error.unwrap_err() {
        Error::Closed(Closed::Rejected(rejection)) => assert_eq!(rejection.status(), 403),
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn the_page_is_served() {
    let server = start();
    for (path, status) in [("/", "200"), ("/socket", "404"), ("/index.html", "404")] {
        let mut tcp = tcp(server.address(), None).await;
        let request = format!("GET {path} HTTP/1.1\r\nHost: example.com\r\n\r\n");
        tcp.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        tcp.read_to_string(&mut response).await.unwrap();
        assert!(
            response.starts_with(&format!("HTTP/1.1 {status} ")),
            "{response}"
        );
        assert_eq!(response.ends_with("</html>\n"), status == "200");
    }
}

#[tokio::test]
async fn a_message_that_is_too_long_ends_the_connection() {
    let server = start();
    let mut client = client(server.address(), Dialect::Rfc6455).await;
    client.send("x".repeat(MAX_MESSAGE_LEN)).await.unwrap();
    receive(&mut client).await;
    client.send("x".repeat(MAX_MESSAGE_LEN + 1)).await.unwrap();
    assert!(client.next().await.is_none());
    let closed = client.connection().closed().unwrap();
    assert_eq!(closed.close_code(), 1009);
}
