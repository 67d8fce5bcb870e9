//! Tests of the example servers as processes over loopback: what they send, what they print, and how
//! they handle misbehaving clients.
#![cfg(target_os = "linux")]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use hybi::{AcceptOptions, Config, Connection, Event, Input, MessageAssembler};
use testkit_net::eof_states::EOF_STATES;
use testkit_net::peer::*;
use testkit_net::server::{Resources, Server, wait_for};

/// Generates a test of each server for each function.
macro_rules! test_servers {
    ($server:ident: $($test:ident)*) => {
        mod $server {
            $(#[test] fn $test() { super::$test(stringify!($server)); })*
        }
    };
}

macro_rules! test_chat_servers {
    ($($test:ident)*) => {
        test_servers! { poke: $($test)* }
        test_servers! { mio_chat: $($test)* }
    };
}

test_servers! {
    std_echo:
    sends_every_line_back_to_std_client
    rejects_messages_over_the_limit
    accepts_a_request_with_the_longest_cookie
    logs_no_error_for_a_connection_without_a_request
    disconnects_an_echo_client_that_never_reads
    accepts_again_after_running_out_of_threads
}

#[test]
fn poke_accepts_again_after_running_out_of_threads() {
    accepts_again_after_running_out_of_threads("poke");
}

test_chat_servers! {
    serves_the_page
    serves_the_page_to_every_kind_of_http_client
    answers_and_broadcasts_messages
    answers_status_to_the_client_that_asks
    logs_how_connections_open_and_end
    serves_300_idle_connections_without_cpu_time
    accepts_input_byte_by_byte
    sends_every_byte_to_a_late_reader
    answers_every_message_of_a_flood
    sends_every_line_back_to_std_client
    answers_a_message_in_many_small_fragments
    rejects_messages_over_the_limit
    accepts_a_request_with_the_longest_cookie
    logs_no_error_for_a_connection_without_a_request
    broadcasts_only_to_open_connections
    broadcasts_to_every_client_that_has_the_handshake_response
    a_blocked_client_does_not_delay_the_others
    limits_memory_and_disconnects_the_clients_furthest_behind
    handles_eof_in_every_state
    handles_half_close_in_every_state
    handles_reset_in_every_state
    handles_reset_of_a_blocked_client
    handles_1000_short_connections_in_parallel
    accepts_again_after_running_out_of_file_descriptors
    closes_all_connections_on_interrupt
    enforces_its_timeouts
}

/// The servers' message length limit, and what the chat servers are started with for long messages.
const MAX_MESSAGE: usize = 64 << 10;
const LONG_MESSAGE: usize = 16 << 20;

/// The most bytes that wait to be sent in the whole process, and how a connection ends for it.
const MAX_QUEUED: usize = 64 << 20;
const TOO_FAR_BEHIND: &str = "too far behind: ";

/// The servers' timeouts for the handshake, for the close, and for writes with little progress.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// How the connection of a peer that does not read ends.
const WRITE_TIMED_OUT: &str = "timed out: the peer accepted too few bytes in time";

/// The origin in the draft's example request.
const ORIGIN: &str = "http://example.com";

#[track_caller]
fn start(name: &str) -> Server {
    Server::start(&example(name))
}

/// Starts a chat server for messages up to `LONG_MESSAGE`.
#[track_caller]
fn start_for_long_messages(name: &str) -> Server {
    let arguments = ["--max-message-len", &LONG_MESSAGE.to_string()];
    Server::start_with_arguments(&example(name), &arguments)
}

/// Returns the path of an example, which `cargo test` builds next to the directory of the tests. With
/// `--test` it does not, so checks that the example is newer than its sources.
#[track_caller]
fn example(name: &str) -> PathBuf {
    let test = env::current_exe().unwrap();
    let path = test.ancestors().nth(2).unwrap().join("examples").join(name);
    let is_fresh = || -> io::Result<bool> {
        let built = fs::metadata(&path)?.modified()?;
        let dep_info = fs::read_to_string(path.with_extension("d"))?;
        let (_, sources) = dep_info
            .split_once(": ")
            .ok_or(io::ErrorKind::InvalidData)?;
        for source in sources.split_whitespace() {
            if fs::metadata(source)?.modified()? > built {
                return Ok(false);
            }
        }
        Ok(true)
    };
    assert!(
        is_fresh().unwrap_or(false),
        "{} is not built or older than its sources; `cargo build --example {name}` builds it, and so \
         does `cargo test` without `--test`",
        path.display()
    );
    path
}

/// A message as the chat servers send it: in fragments if it is long.
fn server_fragments(start: u8, message: &[u8]) -> Vec<u8> {
    let mut frames = Vec::new();
    let fragments = message.chunks(16 << 10);
    for (i, fragment) in fragments.clone().enumerate() {
        let opcode = if i == 0 { start & 0x0f } else { 0 };
        let fin = u8::from(i + 1 == fragments.len()) << 7;
        frames.extend(server_frame(fin | opcode, fragment));
    }
    frames
}

/// A well-behaved client that must be served throughout; connection number 1.
struct Probe {
    peer: Peer,
    before: Resources,
}

impl Probe {
    #[track_caller]
    fn connect(server: &Server) -> Self {
        let mut peer = Peer::open_76(server.address());
        peer.poke();
        let before = server.resources();
        Self { peer, before }
    }

    /// Sends a message to all clients, and waits until the server has sent it to all.
    #[track_caller]
    fn broadcast(&mut self, text: &str) {
        self.peer.send_text(text);
        self.peer.expect_text(text);
        self.peer.poke();
    }

    /// Waits until all resources of other connections are released and the server is idle.
    #[track_caller]
    fn wait_until_alone(&mut self, server: &Server) {
        self.peer.poke();
        server.wait_for_resources(self.before);
        wait_until_idle(server);
        self.peer.poke();
    }
}

/// Waits up to 10 s until the server uses next to no CPU time.
#[track_caller]
fn wait_until_idle(server: &Server) {
    let loads: Vec<f64> = (0..10)
        .map(|_| server.cpu_load(Duration::from_secs(1)))
        .take_while(|load| *load >= 0.02)
        .collect();
    assert!(loads.len() < 10, "CPU load while idle: {loads:.2?}");
}

fn serves_the_page(name: &str) {
    let server = start(name);
    server.wait_for_line(&format!("the chat page is http://{}/", server.address()));
    let page = include_str!("../src/page.html");
    let mut peer = Peer::connect(server.address()).after_sending(GET_PAGE);
    let response = String::from_utf8(peer.read_to_eof()).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    assert_eq!(lines.next(), Some("HTTP/1.1 200 OK"));
    for field in [
        "Content-Type: text/html; charset=utf-8",
        &format!("Content-Length: {}", page.len()),
        "Connection: close",
    ] {
        assert!(lines.clone().any(|line| line == field), "{field}: {head}");
    }
    assert_eq!(body, page);

    for elsewhere in ["/index.html", "//", "/?"] {
        let request = GET_PAGE.replace("GET / ", &format!("GET {elsewhere} "));
        let mut peer = Peer::connect(server.address()).after_sending(request);
        let response = String::from_utf8(peer.read_to_eof()).unwrap();
        assert!(response.starts_with("HTTP/1.1 404 "), "{response}");
    }
}

/// Also to those of HTTP/1.0 and those that offer HTTP/2.
fn serves_the_page_to_every_kind_of_http_client(name: &str) {
    let server = start(name);
    let page = include_str!("../src/page.html");
    let h2c = "HTTP/1.1\r\nHost: localhost:1234\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\
        Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
        HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n";
    let java = "HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nContent-Length: 0\r\n\
        Host: localhost:1234\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n\
        Upgrade: h2c\r\nUser-Agent: Java-http-client/17.0.9\r\n\r\n";
    let rest_of_requests = [
        "HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "HTTP/1.0\r\n\r\n",
        "HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n",
        h2c,
        java,
    ];
    for rest in rest_of_requests {
        for (method, expected) in [("GET", page), ("HEAD", "")] {
            let request = format!("{method} / {rest}");
            let mut peer = Peer::connect(server.address()).after_sending(&request);
            let response = String::from_utf8(peer.read_to_eof()).unwrap();
            let (head, body) = response.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{request}{head}");
            let length = format!("Content-Length: {}", page.len());
            assert!(head.lines().any(|line| line == length), "{request}{head}");
            assert_eq!(body, expected, "{request}{head}");
        }
    }
}

#[test]
fn poke_accepts_at_most_1000_clients() {
    // The default stacks of 2,000 threads exceed the address space of a 32-bit system.
    let limits = "export RUST_MIN_STACK=262144";
    let server = Server::start_with_limits(&example("poke"), limits);
    let mut probe = Probe::connect(&server);
    let mut peers: Vec<Peer> = (1..1000).map(|_| Peer::open_76(server.address())).collect();
    let mut outside = Peer::connect(server.address());
    let address = outside.address();
    outside.expect_eof();
    server.wait_for_line(&format!("1001: {address} rejected: too many connections"));
    peers.iter_mut().for_each(Peer::poke);
    let full = server.resources().threads;
    drop(peers.pop());
    wait_for("capacity for a client", TIMEOUT, || {
        server.resources().threads == full - 2
    });
    Peer::open_76(server.address()).poke();
    drop(peers);
    probe.wait_until_alone(&server);
}

#[test]
fn poke_rejects_clients_while_it_shuts_down() {
    let mut server = start("poke");
    let mut open = Peer::open_76(server.address());
    server.interrupt();
    open.expect(CLOSE);
    let mut late = Peer::connect(server.address());
    let address = late.address();
    late.expect_eof();
    server.wait_for_line(&format!("2: {address} rejected: shutting down"));
    open.send(CLOSE);
    open.expect_eof();
    assert!(server.wait_for_exit(CLOSE_TIMEOUT).success());
}

fn answers_and_broadcasts_messages(name: &str) {
    let server = start(name);
    let mut first = Peer::open_76(server.address());
    let mut second = Peer::open_76(server.address());
    let mut hixie_75 = Peer::open_75(server.address());
    for peer in [&mut first, &mut second, &mut hixie_75] {
        peer.send_text("CONNECTED");
        peer.expect_text("Welcome");
        peer.poke();
    }
    // Replies to one client were not sent to the others: they would be received first.
    let more = "\u{2603}".repeat(1 << 14);
    for text in [
        "Hi",
        "",
        "poke",
        "POKE ",
        "h\u{e9} \u{2603} \u{1f600}",
        &more,
    ] {
        first.send_text(text);
        for peer in [&mut first, &mut second, &mut hixie_75] {
            peer.expect_text(text);
        }
    }
    hixie_75.send_text("from 75");
    for peer in [&mut first, &mut second, &mut hixie_75] {
        peer.expect_text("from 75");
    }
    drop(first.after_closing_handshake());
    second.send_text("still here");
    second.expect_text("still here");
    hixie_75.expect_text("still here");
}

/// With the clients that have the handshake behind them and whose connection has not ended.
fn answers_status_to_the_client_that_asks(name: &str) {
    fn status(number: u32, dialect: &str, connected: &str) -> String {
        format!(
            "STATUS {{\"client\":{number},\"dialect\":\"{dialect}\",\"compressed\":false,\
             \"connected\":{{{connected}}}}}"
        )
    }
    let server = start(name);
    let mut first = Peer::open_76(server.address());
    first.send_text("STATUS");
    first.expect_text(&status(1, "Hixie-76", "\"Hixie-76\":1"));

    let mut second = Peer::open_75(server.address());
    second.poke();
    let mut third = Peer::open_rfc(server.address());
    let _in_handshake = Peer::connect(server.address()).after_request_head();
    let all = "\"RFC 6455\":1,\"Hixie-76\":1,\"Hixie-75\":1";
    third.send(client_frame(0x81, b"STATUS"));
    third.expect(server_frame(0x81, status(3, "RFC 6455", all).as_bytes()));
    second.send_text("STATUS");
    second.expect_text(&status(2, "Hixie-75", all));

    drop(second);
    server.wait_for_summary(2);
    // The answers to the others were not sent to this one: they would be received first.
    first.send_text("STATUS");
    first.expect_text(&status(1, "Hixie-76", "\"RFC 6455\":1,\"Hixie-76\":1"));
    // Is not relayed: the other pages would take it for an answer.
    third.send(client_frame(0x81, b"STATUS {\"client\":1}"));
    third.expect(server_frame(0x81, b"Unknown command"));
    third.send(client_frame(0x88, b""));
    third.expect(server_frame(0x88, b""));
    drop(third);
    server.wait_for_summary(3);
    first.send_text("STATUS");
    first.expect_text(&status(1, "Hixie-76", "\"Hixie-76\":1"));
}

fn logs_how_connections_open_and_end(name: &str) {
    let server = start(name);
    let mut first = Peer::open_76(server.address());
    let address = first.address();
    server.wait_for_line(&format!("1: {address} open, Hixie-76, origin {ORIGIN}"));
    let mut second = Peer::open_75(server.address());
    let address = second.address();
    server.wait_for_line(&format!("2: {address} open, Hixie-75, origin {ORIGIN}"));

    first.send_text("CONNECTED");
    first.expect_text("Welcome");
    first.poke();
    first.send_text("to both");
    first.expect_text("to both");
    second.expect_text("to both");
    drop(first.after_closing_handshake());
    server.wait_for_line("1: closed; 3 messages in, 3 out");
    drop(second);
    server.wait_for_line("2: the peer closed the connection without a close frame between two messages; 0 messages in, 1 out");

    let mut third = Peer::connect(server.address()).after_sending(GET_PAGE);
    third.read_to_eof();
    drop(third);
    server.wait_for_line("3: the request was answered with HTTP status 200; 0 messages in, 0 out");
    drop(Peer::connect(server.address()));
    server.wait_for_line("4: ended without a request; 0 messages in, 0 out");
    let mut fifth = Peer::connect(server.address()).after_sending("BREW / HTTP/1.1\r\n\r\n");
    let response = String::from_utf8(fifth.read_to_eof()).unwrap();
    assert!(response.starts_with("HTTP/1.1 405 "), "{response}");
    drop(fifth);
    let end = server.wait_for_summary(5);
    assert!(end.starts_with("protocol error: "), "{end}");
}

fn serves_300_idle_connections_without_cpu_time(name: &str) {
    let server = start(name);
    let mut probe = Probe::connect(&server);
    let mut peers: Vec<Peer> = (0..300).map(|_| Peer::open_76(server.address())).collect();
    wait_until_idle(&server);
    peers.iter_mut().for_each(Peer::poke);
    probe.peer.send_text("to all of you");
    probe.peer.expect_text("to all of you");
    for peer in &mut peers {
        peer.expect_text("to all of you");
    }
    drop(peers);
    probe.wait_until_alone(&server);
}

fn accepts_input_byte_by_byte(name: &str) {
    let server = start(name);
    let mut probe = Probe::connect(&server);
    let mut peers: Vec<Peer> = (0..100).map(|_| Peer::connect(server.address())).collect();
    let text = "h\u{e9} \u{2603} \u{1f600}";
    let handshake = [REQUEST, KEY3].concat();
    let frames = [frame("CONNECTED"), b"\x80\x03\x00\xff\x00".to_vec()].concat();
    for byte in [handshake.into_bytes(), frames].concat() {
        for peer in &mut peers {
            peer.send([byte]);
        }
    }
    for peer in &mut peers {
        peer.expect([RESPONSE, CHALLENGE_RESPONSE].concat());
        peer.expect_text("Welcome");
    }
    for byte in frame(text) {
        peers[0].send([byte]);
    }
    for peer in &mut peers {
        peer.expect_text(text);
    }
    probe.peer.expect_text(text);
    for byte in CLOSE {
        for peer in &mut peers {
            peer.send([*byte]);
        }
    }
    for peer in &mut peers {
        peer.expect(CLOSE);
        peer.expect_eof();
    }
    drop(peers);
    probe.wait_until_alone(&server);
}

/// The server's writes are partial and end anywhere.
fn sends_every_byte_to_a_late_reader(name: &str) {
    let server = start_for_long_messages(name);
    let mut probe = Probe::connect(&server);
    let mut late = Peer::open_76(server.address());
    let numbers = |n: usize| (0..n).map(|i| format!("{i} ")).collect::<String>();
    let texts = [numbers(1_000_000), numbers(3), numbers(2_000_000)];
    for text in &texts {
        probe.peer.send_text(text);
        probe.peer.expect_text(text);
    }
    for text in &texts {
        for chunk in frame(text).chunks(1009) {
            late.expect(chunk);
        }
    }
    drop(late.after_closing_handshake());
    probe.wait_until_alone(&server);
}

/// The server stops reading from a client that does not read, and loses nothing.
fn answers_every_message_of_a_flood(name: &str) {
    let server = start(name);
    let mut probe = Probe::connect(&server);
    let mut flooder = Peer::open_76(server.address());
    let sent = flooder.send_until_blocked(POKE);
    probe.peer.poke();

    let mut sender = flooder.duplicate();
    let sending = thread::spawn(move || {
        sender.send(&POKE[sent % POKE.len()..]);
        sender.shutdown_write();
    });
    let pokes = sent / POKE.len() + 1;
    let thousand = POKE_REPLY.repeat(1000);
    for _ in 0..pokes / 1000 {
        flooder.expect(&thousand);
    }
    flooder.expect(POKE_REPLY.repeat(pokes % 1000));
    flooder.expect_eof();
    sending.join().unwrap();
    drop(flooder);
    assert_eq!(
        server.wait_for_summary(2),
        format!(
            "the peer closed the connection without a close frame between two messages; {pokes} messages in, {pokes} out"
        )
    );
    probe.wait_until_alone(&server);
}

/// The server answers while `std_client` still sends: neither waits for the other one for good.
fn sends_every_line_back_to_std_client(name: &str) {
    const COUNT: usize = 300;
    let line = |i: usize| format!("{i:08} ").repeat(60_000 / 9);
    let server = start(name);
    let url = format!("ws://{}/", server.address());
    let mut client = Command::new(example("std_client"));
    client.arg(url).stdin(Stdio::piped());
    client.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut client = client.spawn().unwrap();
    let mut stdin = client.stdin.take().unwrap();
    let sending = thread::spawn(move || {
        for i in 0..COUNT {
            writeln!(stdin, "{}", line(i)).unwrap();
        }
    });
    let lines = BufReader::new(client.stdout.take().unwrap()).lines();
    let received = lines
        .zip(0..)
        .take_while(|(text, i)| *text.as_ref().unwrap() == line(*i));
    let received = received.count();
    let output = client.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(received, COUNT, "{stderr}");
    assert!(output.status.success(), "{stderr}");
    sending.join().unwrap();
}

/// Accepts a client, and performs the handshake.
fn accept(listener: &TcpListener) -> (TcpStream, Connection) {
    let mut socket = listener.accept().unwrap().0;
    socket.set_read_timeout(Some(TIMEOUT)).unwrap();
    socket.set_write_timeout(Some(TIMEOUT)).unwrap();
    let mut conn = Connection::server(Config::new());
    while !conn.is_open() {
        receive(&mut socket, &mut conn, |conn, event| {
            if let Event::Request(_) = event {
                conn.accept(&AcceptOptions::new()).unwrap();
            }
        });
    }
    (socket, conn)
}

/// Reads once, and writes all output.
fn receive(
    socket: &mut TcpStream,
    conn: &mut Connection,
    mut on_event: impl FnMut(&mut Connection, Event<'_>),
) {
    let mut buf = [0; 4096];
    let n = socket.read(&mut buf).unwrap();
    if n == 0 {
        conn.receive_eof();
    }
    let mut input = Input::new(&mut buf[..n], Duration::ZERO);
    while let Some(event) = conn.receive(&mut input) {
        on_event(conn, event);
    }
    socket.write_all(conn.transmit()).unwrap();
    conn.advance(conn.pending());
}

/// Starts `client`, which is to connect to `address` and send `text`.
fn start_client(address: SocketAddr, text: &str) -> Child {
    let mut client = Command::new(example("client"));
    client.args([&format!("ws://{address}/"), text]);
    client.stdout(Stdio::piped()).stderr(Stdio::piped());
    client.spawn().unwrap()
}

#[test]
fn client_prints_the_answer_without_control_characters() {
    let server = start("std_echo");
    for text in [
        "Hello",
        "",
        "\u{1b}]52;c;eA==\u{7}\u{9b}2J",
        &"x".repeat(60_000),
    ] {
        let client = start_client(server.address(), text);
        let output = client.wait_with_output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert_eq!(stdout, format!("{text:?}\n"));
        assert!(output.status.success() && output.stderr.is_empty());
    }
}

/// The server reads nothing until its pings, more than the buffers hold, are received, and sends the
/// answer byte by byte.
#[test]
fn client_reads_while_its_own_output_is_blocked() {
    let text = "x".repeat(100_000);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = start_client(listener.local_addr().unwrap(), &text);
    let (mut socket, mut conn) = accept(&listener);
    let pings = server_frame(0x89, &[b'x'; 125]).repeat(200_000);
    socket.write_all(&pings).unwrap();
    let mut message = MessageAssembler::new(text.len());
    let mut is_complete = false;
    while !is_complete {
        receive(&mut socket, &mut conn, |_, event| {
            if let Event::Text(chunk) = event {
                is_complete = message.push_text(chunk).unwrap() == Some(&text);
            }
        });
    }
    socket.set_nodelay(true).unwrap();
    for byte in [server_frame(0x01, b"an an"), server_frame(0x80, b"swer")].concat() {
        socket.write_all(&[byte]).unwrap();
    }
    let mut end = None;
    while end.is_none() {
        receive(&mut socket, &mut conn, |_, event| {
            if let Event::Closed(closed) = event {
                end = Some(closed.close_code());
            }
        });
    }
    assert_eq!(end, Some(1000));
    drop(socket);
    let output = client.wait_with_output().unwrap();
    assert_eq!(output.stdout, b"\"an answer\"\n");
    assert!(output.status.success() && output.stderr.is_empty());
}

/// The last case waits for the timeout of the handshake.
#[test]
fn client_fails_with_the_reason_of_the_end() {
    let too_long = [&[0x81, 127][..], &(2_u64 << 20).to_be_bytes()].concat();
    let too_long = [too_long, vec![b'x'; 2 << 20]].concat();
    let not_found = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    // With the code that the server receives, if it accepts.
    let cases = [
        (&b""[..], "Eof", Some(1006)),
        (b"\x88\x02\x03\xf3", "1011", Some(1011)),
        (b"\x83\0", "Opcode", Some(1002)),
        (b"\x82\0", "1003", Some(1003)),
        (&too_long, "1009", Some(1009)),
        (not_found, "404", None),
        (b"HTTP/1.1 200 OK\r\n", "TimedOut(Handshake)", None),
    ];
    for (bytes, expected, received) in cases {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = start_client(listener.local_addr().unwrap(), "Hello");
        let socket = if let Some(code) = received {
            let (mut socket, mut conn) = accept(&listener);
            socket.write_all(bytes).unwrap();
            if bytes.is_empty() {
                socket.shutdown(Shutdown::Write).unwrap();
            }
            while conn.closed().is_none() {
                receive(&mut socket, &mut conn, |_, _| {});
            }
            assert_eq!(conn.closed().unwrap().close_code(), code, "{expected}");
            socket
        } else {
            let mut socket = listener.accept().unwrap().0;
            let _ = socket.read(&mut [0; 4096]).unwrap();
            socket.write_all(bytes).unwrap();
            socket
        };
        let output = client.wait_with_output().unwrap();
        drop(socket);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains(expected), "{stderr} instead of {expected}");
        assert!(!output.status.success() && output.stdout.is_empty());
    }
}

/// A directory with a file of this content and one that cannot be opened yet, that `std_files` serves.
struct Directory {
    path: PathBuf,
    server: Server,
    /// Has a lease of the other file until its input ends.
    leaseholder: Killed,
}

impl Directory {
    #[track_caller]
    fn serve(test: &str, content: &str) -> Self {
        Self::serve_with_limit(test, content, ":")
    }

    /// Serves after a shell command that sets a limit.
    #[track_caller]
    fn serve_with_limit(test: &str, content: &str, limit: &str) -> Self {
        let path = env::temp_dir().join(format!("hybi_{test}_{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        fs::write(path.join("file"), content).unwrap();
        let leased = path.join("demo");
        fs::write(&leased, "from the leased file").unwrap();
        // F_SETLEASE and F_WRLCK; SIGIO says that another process opens the file.
        let script = "$SIG{IO} = 'IGNORE'; open(F, '+<', $ARGV[0]) && fcntl(F, 1024, 1) or die $!; \
                      $| = 1; print \"leased\\n\"; <STDIN>";
        let mut perl = Command::new("perl");
        perl.args(["-e", script]).arg(&leased);
        perl.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut leaseholder = Killed(perl.spawn().unwrap());
        let mut line = [0; 7];
        let stdout = leaseholder.0.stdout.as_mut().unwrap();
        stdout.read_exact(&mut line).unwrap();
        let arguments = format!("set -- {} {ORIGIN} \"$@\"", path.display());
        let commands = format!("{arguments}; {limit}");
        let server = Server::start_with_limits(&example("std_files"), &commands);
        Self {
            path,
            server,
            leaseholder,
        }
    }

    /// Connects, requests a resource, and sends more bytes with the request.
    #[track_caller]
    fn request(&self, resource: &str, more: &[u8]) -> Peer {
        let request = REQUEST_RFC.replace("GET / ", &format!("GET {resource} "));
        let request = [request.as_bytes(), more].concat();
        Peer::connect(self.server.address()).after_sending(request)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// What follows the request is kept meanwhile: the last key of Hixie-76, and frames.
#[test]
fn std_files_answers_a_request_when_the_file_is_found() {
    let mut files = Directory::serve("later", "content");
    let request = [REQUEST, KEY3].concat();
    let mut hixie_76 = Peer::connect(files.server.address()).after_sending(request);
    let ping = client_frame(0x89, b"ping");
    let mut peer = files.request("/file", &ping);
    peer.expect(RESPONSE_RFC);
    peer.expect(server_frame(0x81, b"content"));
    peer.expect(server_frame(0x8a, b"ping"));
    assert_eq!(hixie_76.read_one(Duration::from_millis(1)), None);
    drop(files.leaseholder.0.stdin.take());
    hixie_76.expect([RESPONSE, CHALLENGE_RESPONSE].concat());
    hixie_76.expect_text("from the leased file");
    drop(hixie_76.after_closing_handshake());

    fs::create_dir(files.path.join("directory")).unwrap();
    let too_long = fs::File::create(files.path.join("long")).unwrap();
    too_long.set_len(1_000_001).unwrap();
    // The limit is within a character.
    fs::write(files.path.join("accents"), "é".repeat(500_001)).unwrap();
    fs::write(files.path.join("binary"), [0xFF]).unwrap();
    let pipe = files.path.join("pipe");
    assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
    for (resource, status) in [
        ("/other", 404),
        ("/", 404),
        ("/../file", 404),
        ("/directory", 404),
        ("/pipe", 404),
        ("/long", 413),
        ("/accents", 413),
        ("/binary", 500),
    ] {
        let response = String::from_utf8(files.request(resource, &ping).read_to_eof()).unwrap();
        assert!(
            response.starts_with(&format!("HTTP/1.1 {status} ")),
            "{response}"
        );
    }
    let request = REQUEST.replace(ORIGIN, "http://other.example");
    let mut peer = Peer::connect(files.server.address()).after_sending(request);
    let response = String::from_utf8(peer.read_to_eof()).unwrap();
    assert!(response.starts_with("HTTP/1.1 403 "), "{response}");
}

#[test]
fn std_files_keeps_its_timeouts() {
    let files = Directory::serve("timeouts", "content");
    let [mut silent, mut alive] = [(); 2].map(|()| {
        let mut peer = files.request("/file", b"");
        peer.expect(RESPONSE_RFC);
        peer.expect(server_frame(0x81, b"content"));
        peer
    });
    let start = Instant::now();
    let mut unanswered = files.request("/demo", b"");
    alive.expect(server_frame(0x89, b""));
    alive.send(client_frame(0x8a, b""));
    unanswered.expect_eof();
    silent.expect(server_frame(0x89, b""));
    silent.expect_eof();
    let elapsed = start.elapsed().as_secs_f64();
    assert!(14.5 < elapsed && elapsed < 20.0, "{elapsed} s");
    alive.expect(server_frame(0x89, b""));
    for (peer, reason) in [
        (
            &unanswered,
            "the opening handshake was not complete in time",
        ),
        (&silent, "the peer sent nothing for too long"),
    ] {
        let address = peer.address();
        files
            .server
            .wait_for_line(&format!("{address}: timed out: {reason}"));
    }
}

/// Also to a client that reads late.
#[test]
fn std_files_sends_a_file_of_the_longest_length() {
    let content: String = (0..1_000_000 / 8).map(|i| format!("{i:07} ")).collect();
    let files = Directory::serve("longest", &content);
    let mut late = Peer::connect_with_small_buffer(files.server.address());
    late.send(REQUEST_RFC.replace("GET / ", "GET /file "));
    for mut peer in [files.request("/file", b""), late] {
        peer.expect(RESPONSE_RFC);
        peer.expect(server_frame(0x81, content.as_bytes()));
        peer.send(client_frame(0x88, b""));
        peer.expect(server_frame(0x88, b""));
        peer.expect_eof();
    }
}

#[test]
fn std_files_limits_its_connections() {
    let files = Directory::serve("connections", "content");
    let open = || {
        let mut peer = files.request("/file", b"");
        peer.expect(RESPONSE_RFC);
        peer
    };
    let peers: Vec<Peer> = (0..100).map(|_| open()).collect();
    // A reset, if the request had arrived.
    Peer::connect(files.server.address()).expect_eof();
    files
        .server
        .wait_for_line("accept failed: too many threads");
    drop(peers);
    wait_for("capacity", TIMEOUT, || {
        files.server.resources().threads == 1
    });
    open();
}

/// The thread of the connection, that of the lookup, or the file is the one too many: the client gets
/// no response, or an error.
#[test]
fn std_files_answers_again_after_running_out_of_threads_or_descriptors() {
    let threads = |n: usize| {
        let kib = n * STACK / 1024;
        format!("export RUST_MIN_STACK={STACK}; ulimit -v {kib}")
    };
    for limit in [threads(16), threads(17), "ulimit -n 16".to_owned()] {
        let files = Directory::serve_with_limit("limits", "content", &limit);
        let before = files.server.resources();
        let mut peers = Vec::new();
        let end = loop {
            let mut peer = files.request("/file", b"");
            match peer.read_head() {
                head if head == RESPONSE_RFC => peers.push(peer),
                head => break head,
            }
        };
        let status = end.split(' ').nth(1);
        assert!(matches!(status, None | Some("500" | "503")), "{end}");
        assert!(!peers.is_empty());
        drop(peers);
        files.server.wait_for_resources(before);
        files.request("/file", b"").expect(RESPONSE_RFC);
    }
}

#[test]
fn std_client_rejects_a_frame_over_the_limit_at_its_header() {
    const LIMIT: u64 = 64 << 20;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = Command::new(example("std_client"));
    client.arg(format!("ws://{}/", listener.local_addr().unwrap()));
    client.stdin(Stdio::piped()).stderr(Stdio::piped());
    let client = client.spawn().unwrap();
    let header = [&[0x81, 127][..], &(LIMIT + 1).to_be_bytes()].concat();
    let (socket, _) = accept(&listener);
    let close = Peer::from(socket).after_sending(header).read_to_eof();
    let [0x88, 0x82, a, b, _, _, x, y] = close[..] else {
        panic!("{}", close.escape_ascii());
    };
    assert_eq!(u16::from_be_bytes([x ^ a, y ^ b]), 1009);
    let output = client.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let limit = format!("longer than the limit of {LIMIT} bytes");
    assert!(
        !output.status.success() && stderr.contains(&limit),
        "{stderr}"
    );
}

/// Control characters from the server do not reach a terminal; a pipe gets them unchanged.
#[test]
fn std_client_escapes_control_characters_on_a_terminal() {
    const TEXT: &str = "\u{1b}]52;c;eA==\u{7}\u{9b}2J\ttab h\u{e9} \u{2603}";
    const ESCAPED: &str = r"\u{1b}]52;c;eA==\u{7}\u{9b}2J\ttab hé ☃";
    let server = start("std_echo");
    let client = format!(
        "{} ws://{}/",
        example("std_client").display(),
        server.address()
    );
    // `script` runs a command with a terminal as its output.
    let on_terminal = [
        "script",
        "-qec",
        &format!("{client} < \"$INPUT\""),
        "/dev/null",
    ];
    let in_pipe = ["sh", "-c", &format!("{client} < \"$INPUT\"")];
    let input = env::temp_dir().join(format!("hybi_control_characters_{}", std::process::id()));
    fs::write(&input, format!("{TEXT}\n")).unwrap();
    for (command, expected) in [(&on_terminal[..], ESCAPED), (&in_pipe, TEXT)] {
        let output = Command::new(command[0])
            .args(&command[1..])
            .env("INPUT", &input)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert_eq!(stdout.lines().next(), Some(expected), "{command:?}");
    }
    fs::remove_file(input).unwrap();
}

#[test]
fn chat_servers_exit_without_a_valid_length_of_messages() {
    for name in ["poke", "mio_chat"] {
        for value in [&["0"][..], &["-1"], &["64k"], &[""], &[]] {
            let mut server = Command::new(example(name));
            server
                .args(["127.0.0.1:0", "--max-message-len"])
                .args(value);
            let output = server.output().unwrap();
            assert!(!output.status.success(), "{value:?}");
            assert!(output.stdout.is_empty() && !output.stderr.is_empty());
        }
    }
}

/// Although they log a line for each connection, and for each that they cannot accept.
#[test]
fn servers_accept_after_their_stdout_is_closed() {
    const LIMIT: usize = 40;
    for name in ["mio_chat", "poke", "std_echo", "std_files"] {
        let mut server = Command::new("sh");
        let limited = format!("ulimit -n {LIMIT}; exec \"$0\" \"$@\"");
        server.arg("-c").arg(limited).arg(example(name));
        if name == "std_files" {
            server.arg(env::temp_dir()).arg(ORIGIN);
        }
        let server = server.arg("127.0.0.1:0").stdout(Stdio::piped());
        let mut server = Killed(server.spawn().unwrap());
        let mut line = String::new();
        let stdout = server.0.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on ws://");
        let address: SocketAddr = address.unwrap().trim_end_matches('/').parse().unwrap();

        let check_status = |status| {
            let mut peer = Peer::connect(address).after_sending("BREW / HTTP/1.1\r\n\r\n");
            let response = String::from_utf8(peer.read_to_eof()).unwrap();
            assert!(response.starts_with(status), "{name}: {response}");
        };
        check_status("HTTP/1.1 405 ");
        let peers: Vec<Peer> = (0..2 * LIMIT).map(|_| Peer::connect(address)).collect();
        let descriptors = PathBuf::from(format!("/proc/{}/fd", server.0.id()));
        wait_for("lack of descriptors", TIMEOUT, || {
            descriptors.read_dir().unwrap().count() >= LIMIT
        });
        thread::sleep(Duration::from_millis(200));
        drop(peers);
        check_status("HTTP/1.1 405 ");
    }
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn poke_accepts_only_the_given_origins() {
    let server = Server::start_with_arguments(&example("poke"), &["--origin", ORIGIN]);
    Peer::open_76(server.address()).poke();
    for other in ["http://example.com.evil.example", "null", ""] {
        let request = REQUEST.replace(ORIGIN, other);
        let mut peer = Peer::connect(server.address()).after_sending([&request, KEY3].concat());
        let response = String::from_utf8(peer.read_to_eof()).unwrap();
        assert!(response.starts_with("HTTP/1.1 403 "), "{other}: {response}");
    }
    let mut peer = Peer::connect(server.address()).after_sending(GET_PAGE);
    let response = String::from_utf8(peer.read_to_eof()).unwrap();
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
}

/// The server sends more than the buffers hold before it reads anything.
#[test]
fn std_client_reads_while_its_own_output_is_blocked() {
    const COUNT: usize = 400;
    let line = "x".repeat(60_000);
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let mut client = Command::new(example("std_client"));
    client.args(["--dialect", "hixie-75", &format!("ws://{address}/")]);
    client.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut client = client.spawn().unwrap();
    let (mut stdin, stdout) = (client.stdin.take().unwrap(), client.stdout.take().unwrap());
    let mut peer = Peer::from(server.accept().unwrap().0);
    peer.expect(format!(
        "GET / HTTP/1.1\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nHost: {address}\r\n\
         Origin: http://{address}\r\n\r\n"
    ));
    peer.send(format!(
        "HTTP/1.1 101 Web Socket Protocol Handshake\r\nUpgrade: WebSocket\r\n\
         Connection: Upgrade\r\nWebSocket-Origin: http://{address}\r\n\
         WebSocket-Location: ws://{address}/\r\n\r\n"
    ));
    let lines_sent = Arc::new(AtomicUsize::new(0));
    let (counter, text) = (Arc::clone(&lines_sent), line.clone());
    // Ends when the client is killed.
    let sending = thread::spawn(move || {
        while writeln!(stdin, "{text}").is_ok() {
            counter.fetch_add(1, Relaxed);
        }
    });
    wait_for("blocked output", TIMEOUT, || {
        let before = lines_sent.load(Relaxed);
        thread::sleep(Duration::from_millis(500));
        before > 0 && lines_sent.load(Relaxed) == before
    });
    let reading = thread::spawn(move || BufReader::new(stdout).lines().take(COUNT).count());
    for _ in 0..COUNT {
        peer.send_text(&line);
    }
    assert_eq!(reading.join().unwrap(), COUNT);
    client.kill().unwrap();
    client.wait().unwrap();
    sending.join().unwrap();
}

/// Compression is negotiated, and each side refers to the messages that it sent before.
#[cfg(feature = "deflate")]
mod compression {
    use hybi::{Compression, Dialect, Entropy, Handshake};

    use super::*;

    const OFFER: &str = "permessage-deflate; client_max_window_bits";
    const AGREED: &str = "permessage-deflate; server_max_window_bits=10; client_max_window_bits=10";

    const CHAT_SERVERS: [&str; 2] = ["poke", "mio_chat"];

    test_servers! { std_echo: compresses_messages_if_offered declines_with_the_option }
    test_chat_servers! { compresses_messages_if_offered declines_with_the_option }

    /// Lines of JSON, each of which becomes shorter on its own, too.
    fn events(count: usize) -> String {
        let event = |n| {
            format!(
                "{{\"event\":\"moved\",\"id\":{n},\"position\":[{n},{n},0.0],\"velocity\":[0.0,0.0,0.0],\
                 \"visible\":true,\"moving\":true}}\n"
            )
        };
        (0..count).map(event).collect()
    }

    fn with_extensions(head: &str, value: &str) -> String {
        let head = head.strip_suffix("\r\n").unwrap();
        format!("{head}Sec-WebSocket-Extensions: {value}\r\n\r\n")
    }

    fn compresses_messages_if_offered(name: &str) {
        let server = start(name);
        let mut socket = TcpStream::connect(server.address()).unwrap();
        let peer = Peer::from(socket.try_clone().unwrap());
        peer.after_sending(with_extensions(REQUEST_RFC, OFFER))
            .expect(with_extensions(RESPONSE_RFC, AGREED));
        let compression: Compression = AGREED.parse().unwrap();
        let handshake = Handshake::new(Dialect::Rfc6455).with_compression(compression);
        let entropy = Entropy::from_bytes([7; 32]);
        let mut conn = Connection::established_client(Config::new(), &handshake, entropy);

        let text = events(5);
        for max_len in [text.len() / 2, 40] {
            conn.send_text(&text).unwrap();
            assert!(conn.pending() < max_len, "{}", conn.pending());
            socket.write_all(conn.transmit()).unwrap();
            conn.advance(conn.pending());
            let received = read_message(&mut socket, &mut conn, &text);
            assert_eq!(received[0], 0xc1, "not one compressed frame");
            assert!(received.len() < max_len, "{}", received.len());
        }
        if CHAT_SERVERS.contains(&name) {
            let status = "STATUS {\"client\":1,\"dialect\":\"RFC 6455\",\"compressed\":true,\
                \"connected\":{\"RFC 6455\":1}}";
            conn.send_text("STATUS").unwrap();
            socket.write_all(conn.transmit()).unwrap();
            conn.advance(conn.pending());
            read_message(&mut socket, &mut conn, status);
        }
    }

    /// Reads until the message is complete. Returns its bytes.
    fn read_message(socket: &mut TcpStream, conn: &mut Connection, expected: &str) -> Vec<u8> {
        let mut message = MessageAssembler::new(expected.len());
        let mut received = Vec::new();
        let mut is_complete = false;
        while !is_complete {
            let mut buf = [0; 4096];
            let n = socket.read(&mut buf).unwrap();
            assert_ne!(n, 0, "end of input");
            received.extend_from_slice(&buf[..n]);
            let mut input = Input::new(&mut buf[..n], Duration::ZERO);
            while let Some(event) = conn.receive(&mut input) {
                let Event::Text(chunk) = event else {
                    panic!("{event:?}");
                };
                is_complete = message.push_text(chunk).unwrap() == Some(expected);
            }
        }
        received
    }

    fn declines_with_the_option(name: &str) {
        let server = Server::start_with_arguments(&example(name), &["--no-compression"]);
        Peer::connect(server.address())
            .after_sending(with_extensions(REQUEST_RFC, OFFER))
            .expect(RESPONSE_RFC);
    }

    /// Through a relay that counts the bytes.
    #[test]
    fn std_client_and_poke_compress_unless_switched_off() {
        let poke = start("poke");
        let lines = events(500);
        for arguments in [&[][..], &["--no-compression"]] {
            let relay = TcpListener::bind("127.0.0.1:0").unwrap();
            let mut client = Command::new(example("std_client"));
            client.arg(format!("ws://{}/", relay.local_addr().unwrap()));
            client.args(arguments).stdin(Stdio::piped());
            client.stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut client = client.spawn().unwrap();
            let (client_side, _) = relay.accept().unwrap();
            let server_side = TcpStream::connect(poke.address()).unwrap();
            let to_server = copy(&client_side, &server_side);
            let to_client = copy(&server_side, &client_side);

            let mut stdin = client.stdin.take().unwrap();
            stdin.write_all(lines.as_bytes()).unwrap();
            drop(stdin);
            let output = client.wait_with_output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{stderr}");
            assert_eq!(String::from_utf8(output.stdout).unwrap(), lines);
            for copying in [to_server, to_client] {
                let is_compressed = copying.join().unwrap() < lines.len() as u64 / 2;
                assert_eq!(is_compressed, arguments.is_empty());
            }
        }
    }

    /// Copies in a thread to the end of input. The thread returns the number of bytes.
    fn copy(from: &TcpStream, to: &TcpStream) -> thread::JoinHandle<u64> {
        let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        thread::spawn(move || {
            let copied = io::copy(&mut from, &mut to).unwrap();
            // Fails if the peer has already disconnected.
            let _ = to.shutdown(Shutdown::Write);
            copied
        })
    }
}

/// With code 1009, if the dialect has codes: a frame as soon as its header is received, and a
/// fragmented message as soon as it is too long.
fn rejects_messages_over_the_limit(name: &str) {
    let (limit, declared) = (MAX_MESSAGE, MAX_MESSAGE + 1);
    let server = start(name);
    let code = 1009_u16.to_be_bytes();
    let message = vec![b'x'; declared];
    for start in [0x81, 0x82] {
        let frame = client_frame(start, &message);
        let header_len = frame.len() - declared;
        // The client gets the close frame also if it sends on, and the server closes the connection.
        for sent in [header_len, frame.len().min(100_000)] {
            let mut peer = Peer::open_rfc(server.address()).after_sending(&frame[..sent]);
            peer.expect(server_frame(0x88, &code));
            peer.expect_eof();
        }
        server.wait_for_line_matching("the limit", |line| {
            line.contains(&format!(
                "the frame payload is longer than the limit of {limit} bytes"
            ))
        });

        let mut peer = Peer::open_rfc(server.address());
        peer.send(client_frame(start & 0x0f, &message[..limit]));
        peer.send(client_frame(0x80, b"x"));
        // Not answered.
        peer.send(client_frame(start, b"x"));
        let reason = format!("the message is longer than {limit} bytes");
        let close = [&code, reason.as_bytes()].concat();
        peer.expect(server_frame(0x88, &close));
        peer.send(client_frame(0x88, &close));
        peer.expect_eof();
        server.wait_for_line_matching("the close code", |line| {
            line.contains(": closed with code 1009: ")
        });
        // A message of exactly the limit is answered.
        let mut peer = Peer::open_rfc(server.address());
        peer.send(client_frame(start, &message[..limit]));
        peer.expect(match name {
            "std_echo" => server_frame(start, &message[..limit]),
            _ => server_fragments(start, &message[..limit]),
        });
    }
    if name != "std_echo" {
        let mut peer = Peer::open_76(server.address());
        peer.send(frame(&"x".repeat(limit + 1)));
        drop(peer.after_closing_handshake());
    }
}

/// 4 MiB as Autobahn sends them, in fragments of 64 bytes and an empty last one, and in fragments of
/// 16 bytes; but not 100,000 empty fragments.
fn answers_a_message_in_many_small_fragments(name: &str) {
    let server = start_for_long_messages(name);
    let message = vec![b'x'; 4 << 20];
    for (len, is_last_empty) in [(64, true), (16, false)] {
        let mut frames = Vec::new();
        for (i, fragment) in message.chunks(len).enumerate() {
            let is_last = !is_last_empty && (i + 1) * len == message.len();
            let opcode = if i == 0 { 0x02 } else { 0x00 };
            frames.extend(client_frame(opcode | u8::from(is_last) << 7, fragment));
        }
        if is_last_empty {
            frames.extend(client_frame(0x80, b""));
        }
        let mut peer = Peer::open_rfc(server.address());
        peer.send(frames);
        peer.expect(server_fragments(0x82, &message));
    }
    let mut peer = Peer::open_rfc(server.address());
    peer.send(client_frame(0x02, b""));
    peer.send(client_frame(0x00, b"").repeat(100_000));
    peer.expect(server_frame(0x88, &1009_u16.to_be_bytes()));
}

/// Browsers accept cookies of 4,096 bytes, and send them to every port of a host.
fn accepts_a_request_with_the_longest_cookie(name: &str) {
    let server = start(name);
    let cookie = format!("Cookie: name={}", "x".repeat(4096 - "name=".len()));
    let request = REQUEST_RFC.replace("Upgrade: ", &format!("{cookie}\r\nUpgrade: "));
    let mut peer = Peer::connect(server.address()).after_sending(request);
    peer.expect(RESPONSE_RFC);
    peer.send(client_frame(0x81, b"Hello"));
    peer.expect(server_frame(0x81, b"Hello"));
}

/// Browsers connect in advance.
fn logs_no_error_for_a_connection_without_a_request(name: &str) {
    let server = start(name);
    let unused = Peer::connect(server.address());
    let address = unused.address().to_string();
    drop(unused);
    let incomplete = Peer::connect(server.address()).after_sending("GET / HT");
    let error = "the peer closed the connection without a close frame during the opening handshake";
    if name == "std_echo" {
        // The server has printed what it prints for `unused` once only the other thread is left.
        wait_for("end of a thread", TIMEOUT, || {
            server.resources().threads == 2
        });
        let prefix = incomplete.address();
        drop(incomplete);
        server.wait_for_line(&format!("{prefix}: {error}"));
        assert!(!server.has_printed(&address), "{address}");
    } else {
        drop(incomplete);
        let unused = server.wait_for_summary(1);
        assert_eq!(unused, "ended without a request; 0 messages in, 0 out");
        let incomplete = server.wait_for_summary(2);
        assert_eq!(incomplete, format!("{error}; 0 messages in, 0 out"));
    }
}

/// The timeout counts from when the output was queued, or from the last bytes that the kernel
/// accepted, also without a reader: on a busy machine it may accept some at the end of the timeout,
/// when the server tries again.
#[track_caller]
fn check_write_timeout(elapsed: Duration) {
    let (min, max) = (WRITE_TIMEOUT * 9 / 10, WRITE_TIMEOUT * 5 / 2);
    assert!(min < elapsed && elapsed < max, "{elapsed:?}");
}

fn disconnects_an_echo_client_that_never_reads(name: &str) {
    let server = start(name);
    let before = server.resources();
    let mut flooder = Peer::connect_with_small_buffer(server.address()).after_rfc_handshake();
    flooder.send_until_blocked(&client_frame(0x82, &[0; 1000]));
    let start = Instant::now();
    server.wait_for_line(&format!("{}: {WRITE_TIMED_OUT}", flooder.address()));
    check_write_timeout(start.elapsed());
    server.wait_for_resources(before);
}

/// Threads need address space for their stacks.
const STACK: usize = 64 << 20;

fn accepts_again_after_running_out_of_threads(name: &str) {
    // In `poke`, the first or the second thread of a connection is the one too many.
    for threads in [16, 17] {
        let kib = threads * STACK / 1024;
        let limits = format!("export RUST_MIN_STACK={STACK}; ulimit -v {kib}");
        let server = Server::start_with_limits(&example(name), &limits);
        let echo = |peer: &mut Peer| {
            peer.send(client_frame(0x81, b"Hello"));
            peer.expect(server_frame(0x81, b"Hello"));
        };
        let mut probe = Peer::open_rfc(server.address());
        echo(&mut probe);
        let before = server.resources();
        let mut peers = Vec::new();
        loop {
            let mut peer = Peer::connect(server.address()).after_sending(REQUEST_RFC);
            if peer.read_one(TIMEOUT) != Some(1) {
                break;
            }
            peers.push(peer);
        }
        server.wait_for_line_matching("the lack of a thread", |line| {
            line.starts_with("accept failed: ") || line.contains(": no second thread: ")
        });
        echo(&mut probe);
        drop(peers);
        server.wait_for_resources(before);
        echo(&mut Peer::open_rfc(server.address()));
    }
}

fn broadcasts_only_to_open_connections(name: &str) {
    let server = start(name);
    let mut probe = Probe::connect(&server);
    let mut without_key3 = Peer::connect(server.address()).after_request_head();
    let mut eager = Peer::connect(server.address()).after_request_head();
    let (start, rest) = REQUEST.split_at(100);
    let mut incomplete = Peer::connect(server.address()).after_sending(start);
    let (start_75, rest_75) = REQUEST_75.split_at(100);
    let mut hixie_75 = Peer::connect(server.address()).after_sending(start_75);
    probe.broadcast("before any handshake is complete");

    let (key, last) = KEY3.split_at(7);
    without_key3.send(key);
    probe.broadcast("one byte of key3 missing");
    without_key3.send(last);
    without_key3.expect(CHALLENGE_RESPONSE);
    probe.broadcast("after the challenge response");
    without_key3.expect_text("after the challenge response");

    eager.send([KEY3.as_bytes(), &frame("to all open connections")].concat());
    eager.expect(CHALLENGE_RESPONSE);
    eager.expect_text("to all open connections");
    eager.poke();
    without_key3.expect_text("to all open connections");

    incomplete.send([rest, KEY3].concat());
    incomplete.expect([RESPONSE, CHALLENGE_RESPONSE].concat());
    hixie_75.send(rest_75);
    hixie_75.expect(RESPONSE_75);
    hixie_75.poke();
    probe.peer.expect_text("to all open connections");
    probe.peer.send_text("to all");
    for peer in [&mut probe.peer, &mut without_key3, &mut eager] {
        peer.expect_text("to all");
    }
    incomplete.expect_text("to all");
    hixie_75.expect_text("to all");
}

fn broadcasts_to_every_client_that_has_the_handshake_response(name: &str) {
    let server = start(name);
    let mut probe = Probe::connect(&server);
    for _ in 0..200 {
        let (start, rest) = REQUEST_75.split_at(100);
        let mut hixie_75 = Peer::connect(server.address()).after_sending(start);
        let mut hixie_76 = Peer::connect(server.address()).after_request_head();
        probe.peer.poke();
        hixie_75.send(rest);
        hixie_75.expect(RESPONSE_75);
        probe.broadcast("after the response");
        hixie_75.expect_text("after the response");
        hixie_76.send(KEY3);
        hixie_76.expect(CHALLENGE_RESPONSE);
        probe.broadcast("after the challenge response");
        hixie_76.expect_text("after the challenge response");
    }
    probe.wait_until_alone(&server);
}

fn a_blocked_client_does_not_delay_the_others(name: &str) {
    let server = start(name);
    let mut probe = Probe::connect(&server);
    let mut flooder = Peer::connect_with_small_buffer(server.address()).after_handshake();
    let mut peers: Vec<Peer> = (0..200).map(|_| Peer::open_76(server.address())).collect();
    flooder.send_until_blocked(POKE);
    let start = Instant::now();
    probe.peer.send_text("to all but one");
    for peer in &mut peers {
        peer.expect_text("to all but one");
    }
    let elapsed = start.elapsed();
    assert!(
        elapsed < WRITE_TIMEOUT / 10,
        "the broadcast took {elapsed:?}"
    );
    probe.peer.expect_text("to all but one");
}

/// These tests wait for timeouts, so they run in parallel, each with its own server.
fn enforces_its_timeouts(name: &str) {
    let tests = [
        disconnects_clients_with_a_slow_handshake,
        disconnects_clients_that_never_read,
        keeps_a_client_that_reads_slowly,
        disconnects_clients_that_have_gone,
        exits_in_time_when_clients_do_not_answer,
    ];
    thread::scope(|scope| {
        for test in tests {
            scope.spawn(move || test(name));
        }
    });
}

fn disconnects_clients_with_a_slow_handshake(name: &str) {
    let server = start(name);
    let mut probe = Probe::connect(&server);
    let start = Instant::now();
    let mut silent = Peer::connect(server.address());
    let mut slow = Peer::connect(server.address());
    let mut without_key3 = Peer::connect(server.address()).after_request_head();

    let mut slow_bytes = REQUEST.bytes();
    let (mut slowest_answer, mut ended) = (Duration::ZERO, None);
    while ended.is_none() {
        let asked = Instant::now();
        probe.peer.poke();
        slowest_answer = slowest_answer.max(asked.elapsed());
        slow.send([slow_bytes.next().unwrap()]);
        ended = slow.read_one(Duration::from_millis(100));
    }
    assert_eq!(ended, Some(0));
    silent.expect_eof();
    without_key3.expect_eof();
    let elapsed = start.elapsed();
    assert!(
        HANDSHAKE_TIMEOUT - Duration::from_millis(500) < elapsed,
        "{elapsed:?}"
    );
    assert!(
        elapsed < HANDSHAKE_TIMEOUT + Duration::from_secs(2),
        "{elapsed:?}"
    );
    assert!(
        slowest_answer < Duration::from_secs(1),
        "{slowest_answer:?}"
    );
    drop((silent, slow, without_key3));
    let timed_out = "timed out: the opening handshake was not complete in time";
    for (number, end) in [
        (2, "ended without a request"),
        (3, timed_out),
        (4, timed_out),
    ] {
        assert_eq!(
            server.wait_for_summary(number),
            format!("{end}; 0 messages in, 0 out")
        );
    }
    probe.wait_until_alone(&server);
}

/// 20 clients that do not read get four messages of 16 MiB, and one with a late handshake gets two.
fn limits_memory_and_disconnects_the_clients_furthest_behind(name: &str) {
    let server = start_for_long_messages(name);
    let mut probe = Probe::connect(&server);
    let mut other = Peer::open_76(server.address());
    let mut late = Peer::connect(server.address()).after_request_head();
    let connect = || Peer::connect_with_small_buffer(server.address()).after_handshake();
    let silent: Vec<Peer> = (0..20).map(|_| connect()).collect();
    let large = "x".repeat(LONG_MESSAGE);
    let mut broadcast = || {
        probe.peer.send_text(&large);
        probe.peer.expect_text(&large);
        other.expect_text(&large);
    };
    broadcast();
    broadcast();
    late.send(KEY3);
    late.expect(CHALLENGE_RESPONSE);
    broadcast();
    assert!(!server.has_printed(TOO_FAR_BEHIND));
    broadcast();
    for number in 4..24 {
        let end = server.wait_for_summary(number);
        assert!(end.starts_with(TOO_FAR_BEHIND), "{end}");
        assert!(end.ends_with("; 0 messages in, 4 out"), "{end}");
    }
    late.expect_text(&large);
    late.expect_text(&large);
    let (peak, max) = (server.peak_bytes(), MAX_QUEUED + 4 * LONG_MESSAGE);
    assert!(peak < max, "{peak} of {max} bytes");
    for peer in [other, late] {
        drop(peer.after_closing_handshake());
    }
    drop(silent);
    probe.wait_until_alone(&server);
}

fn disconnects_clients_that_never_read(name: &str) {
    let server = start_for_long_messages(name);
    let mut probe = Probe::connect(&server);
    let silent = Peer::connect_with_small_buffer(server.address()).after_handshake();
    let mut flooder = Peer::connect_with_small_buffer(server.address()).after_handshake();
    // More than the socket buffers hold, and less than the limit.
    let large = "x".repeat(LONG_MESSAGE);
    probe.peer.send_text(&large);
    probe.peer.expect_text(&large);
    flooder.send_until_blocked(POKE);
    let start = Instant::now();
    // Hixie-76 has no pings: keep-alive would disconnect the probe if it sent nothing.
    wait_for("the two ends", WRITE_TIMEOUT * 3, || {
        probe.peer.poke();
        thread::sleep(Duration::from_millis(100));
        let has_ended = |number| server.has_printed(&format!("{number}: {WRITE_TIMED_OUT}"));
        has_ended(2) && has_ended(3)
    });
    check_write_timeout(start.elapsed());
    drop((silent, flooder));
    probe.wait_until_alone(&server);
}

/// The poll reports no space for the whole timeout, although the system accepts bytes meanwhile.
fn keeps_a_client_that_reads_slowly(name: &str) {
    let server = start_for_long_messages(name);
    let mut probe = Probe::connect(&server);
    let mut slow = Peer::open_76(server.address());
    probe.broadcast(&"x".repeat(LONG_MESSAGE));
    slow.read_slowly(2000, WRITE_TIMEOUT * 5 / 4);
    probe.peer.poke();
    assert!(!server.has_printed(WRITE_TIMED_OUT));
}

/// Those that answer pings stay; in Hixie-76, those that send something.
fn disconnects_clients_that_have_gone(name: &str) {
    let server = start(name);
    let mut probe = Probe::connect(&server);
    let start = Instant::now();
    let mut silent = [
        Peer::open_rfc(server.address()),
        Peer::open_76(server.address()),
    ];
    let mut alive = Peer::open_rfc(server.address());
    for peer in [&mut silent[0], &mut alive] {
        peer.expect(server_frame(0x89, b""));
    }
    alive.send(client_frame(0x8a, b""));
    probe.peer.poke();
    for mut peer in silent {
        peer.expect_eof();
    }
    let elapsed = start.elapsed().as_secs_f64();
    assert!(59.5 < elapsed && elapsed < 65.0, "{elapsed} s");
    alive.expect(server_frame(0x89, b""));
    probe.peer.poke();
}

/// Ends ten connections in each state; returns their numbers and expected summaries.
fn end_in_every_state(
    server: &Server,
    end: fn(Peer),
) -> impl Iterator<Item = (usize, &'static str)> {
    let states = || EOF_STATES.iter().flat_map(|state| [state; 10]);
    for (_, bring_to_state) in states() {
        end(bring_to_state(Peer::connect(server.address())));
    }
    (2..).zip(states().map(|(summary, _)| *summary))
}

fn handles_eof_in_every_state(name: &str) {
    let server = start(name);
    let mut probe = Probe::connect(&server);
    for (number, summary) in end_in_every_state(&server, drop) {
        let end = server.wait_for_summary(number);
        // Dropping a socket with unread input resets the connection.
        let is_right = end == format!("{summary}; 0 messages in, 0 out");
        assert!(is_right || summary.contains("HTTP"), "{number}: {end}");
    }
    probe.wait_until_alone(&server);
}

fn handles_half_close_in_every_state(name: &str) {
    let mut server = start(name);
    let mut probe = Probe::connect(&server);
    let end = |mut peer: Peer| {
        peer.shutdown_write();
        peer.read_to_eof();
    };
    for (number, summary) in end_in_every_state(&server, end) {
        assert_eq!(
            server.wait_for_summary(number),
            format!("{summary}; 0 messages in, 0 out")
        );
    }

    let frames = [frame("CONNECTED"), frame("and so on"), POKE.to_vec()];
    let mut peer = Peer::open_76(server.address()).after_sending(frames.concat());
    peer.shutdown_write();
    peer.expect_text("Welcome");
    peer.expect_text("and so on");
    peer.expect(POKE_REPLY);
    peer.expect_eof();
    probe.peer.expect_text("and so on");
    drop(peer);
    probe.wait_until_alone(&server);

    // The process can exit at once.
    drop(probe.peer.after_closing_handshake());
    server.wait_for_summary(1);
    server.interrupt();
    assert!(server.wait_for_exit(Duration::from_secs(2)).success());
}

fn handles_reset_in_every_state(name: &str) {
    let server = start(name);
    let mut probe = Probe::connect(&server);
    for (number, _) in end_in_every_state(&server, Peer::reset) {
        let end = server.wait_for_summary(number);
        assert!(end.ends_with("; 0 messages in, 0 out"), "{number}: {end}");
    }
    probe.wait_until_alone(&server);
}

fn handles_reset_of_a_blocked_client(name: &str) {
    let server = start_for_long_messages(name);
    let mut probe = Probe::connect(&server);
    let silent = Peer::connect_with_small_buffer(server.address()).after_handshake();
    let mut flooder = Peer::connect_with_small_buffer(server.address()).after_handshake();
    let large = "x".repeat(LONG_MESSAGE);
    probe.peer.send_text(&large);
    probe.peer.expect_text(&large);
    silent.reset();
    server.wait_for_summary(2);
    flooder.send_until_blocked(POKE);
    flooder.reset();
    server.wait_for_summary(3);
    probe.wait_until_alone(&server);
}

fn handles_1000_short_connections_in_parallel(name: &str) {
    let server = start(name);
    let mut probe = Probe::connect(&server);
    let address = server.address();
    let threads = [0, 1, 2, 3].map(|offset| {
        thread::spawn(move || {
            for i in 0..250 {
                let (_, bring_to_state) = EOF_STATES[(i + offset) % EOF_STATES.len()];
                let peer = bring_to_state(Peer::connect(address));
                match i % 3 {
                    0 => drop(peer),
                    1 => peer.reset(),
                    _ => peer.duplicate().shutdown_write(),
                }
            }
        })
    });
    for thread in threads {
        thread.join().unwrap();
    }
    for number in 2..1002 {
        server.wait_for_summary(number);
    }
    probe.wait_until_alone(&server);
}

fn accepts_again_after_running_out_of_file_descriptors(name: &str) {
    const LIMIT: usize = 40;
    let server = Server::start_with_limits(&example(name), &format!("ulimit -n {LIMIT}"));
    let mut probe = Probe::connect(&server);
    let mut peers: Vec<Peer> = (0..100)
        .map(|_| Peer::connect(server.address()).after_sending([REQUEST, KEY3].concat()))
        .collect();
    server.wait_for_line_matching("an accept error", |line| {
        line.starts_with("accept failed: ")
    });
    wait_until_idle(&server);
    probe.peer.poke();
    let left = peers.split_off(LIMIT);
    for mut peer in peers {
        // Some of them are accepted only after earlier ones have disconnected.
        peer.expect([RESPONSE, CHALLENGE_RESPONSE].concat());
        peer.poke();
    }
    // The others disconnect, accepted or not.
    drop(left);
    probe.wait_until_alone(&server);
    Peer::open_76(server.address()).poke();
}

fn closes_all_connections_on_interrupt(name: &str) {
    let mut server = start(name);
    let mut peers: Vec<Peer> = (0..100).map(|_| Peer::open_76(server.address())).collect();
    let mut hixie_75 = Peer::open_75(server.address());
    server.interrupt();
    for peer in &mut peers {
        peer.expect(CLOSE);
        peer.send(CLOSE);
    }
    for mut peer in peers {
        peer.expect_eof();
    }
    hixie_75.expect_eof();
    drop(hixie_75);
    assert!(server.wait_for_exit(CLOSE_TIMEOUT / 2).success());
    for number in 1..=100 {
        assert_eq!(
            server.wait_for_summary(number),
            "closed; 0 messages in, 0 out"
        );
    }
    assert_eq!(
        server.wait_for_summary(101),
        "closed by this side without a closing handshake; 0 messages in, 0 out"
    );
}

fn exits_in_time_when_clients_do_not_answer(name: &str) {
    let mut server = start_for_long_messages(name);
    let mut probe = Probe::connect(&server);
    let mut silent = Peer::connect(server.address());
    let mut incomplete = Peer::connect(server.address()).after_sending(&REQUEST[..100]);
    let mut without_key3 = Peer::connect(server.address()).after_request_head();
    let mut open = Peer::open_76(server.address());
    let mut in_frame = Peer::open_76(server.address()).after_sending("\0half a fr");
    let blocked = Peer::connect_with_small_buffer(server.address()).after_handshake();
    let large = "x".repeat(LONG_MESSAGE);
    probe.peer.send_text(&large);
    for peer in [&mut probe.peer, &mut open, &mut in_frame] {
        peer.expect_text(&large);
    }
    let mut flooder = Peer::connect_with_small_buffer(server.address()).after_handshake();
    flooder.send_until_blocked(POKE);

    let start = Instant::now();
    server.interrupt();
    for peer in [&mut silent, &mut incomplete] {
        let response = String::from_utf8(peer.read_to_eof()).unwrap();
        assert!(response.starts_with("HTTP/1.1 503 "), "{response}");
    }
    without_key3.expect_eof();
    for peer in [&mut probe.peer, &mut open, &mut in_frame] {
        peer.expect(CLOSE);
    }
    probe.peer.send(CLOSE);
    probe.peer.expect_eof();
    let status = server.wait_for_exit(CLOSE_TIMEOUT + Duration::from_secs(5));
    let elapsed = start.elapsed();
    assert!(status.success());
    assert!(
        elapsed < CLOSE_TIMEOUT + Duration::from_secs(3),
        "{elapsed:?}"
    );
    assert!(server.wait_for_summary(1).starts_with("closed; "));
    for number in [5, 6] {
        let end = server.wait_for_summary(number);
        let expected = "timed out: the closing handshake was not complete in time";
        assert!(end.starts_with(expected), "{end}");
    }
    drop((blocked, flooder));
}
