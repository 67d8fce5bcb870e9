//! `wss://` with tokio-rustls, as a server and as a client:
//!
//! ```text
//! cargo run --example rustls -- serve 127.0.0.1:8077 certificate.pem
//! cargo run --example rustls -- wss://localhost:8077/ certificate.pem Hello
//! ```
//!
//! The server, an echo, writes a new self-signed certificate to the file. The client trusts it,
//! sends the text, prints the answer, and closes.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs, io};

use hybi_tokio::hybi::{AcceptOptions, ClientRequest, Close, Closed, Config, close_code};
use hybi_tokio::{Message, WebSocket};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// WebSocket over HTTP/2 is in the example http2.
const ALPN: &[u8] = b"http/1.1";
/// Of connecting, and of the handshake of TLS. That of WebSocket is in `Config`.
const TIMEOUT: Duration = Duration::from_secs(10);
const KEEPALIVE: Duration = Duration::from_secs(30);
const MAX_CONNECTIONS: usize = 10_000;

static CONFIG: Config = Config::new().tls(true).keepalive(KEEPALIVE, KEEPALIVE);

#[tokio::main]
async fn main() -> Result {
    let args: Vec<String> = env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", address, certificate] => run_server(address, certificate).await,
        [url, certificate, text] => run_client(url, certificate, text).await,
        _ => Err("usage: rustls serve ADDRESS FILE, or rustls URL FILE TEXT".into()),
    }
}

async fn run_client(url: &str, certificate: &str, text: &str) -> Result {
    let request = ClientRequest::new(url)?;
    if !request.is_tls() {
        return Err("not a wss:// URL".into());
    }
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate)?)?;
    let config = ClientConfig::builder().with_root_certificates(roots);
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    let name = ServerName::try_from(request.host().to_owned())?;
    let connect = async {
        let tcp = TcpStream::connect((request.host(), request.port())).await?;
        tcp.set_nodelay(true)?;
        TlsConnector::from(Arc::new(config))
            .connect(name, tcp)
            .await
    };
    let tls = timeout(TIMEOUT, connect).await??;
    let (mut socket, _) = WebSocket::connect(tls, &CONFIG, &request).await?;
    socket.send(text).await?;
    while let Some(message) = socket.next().await {
        if let Message::Text(answer) = message? {
            println!("{answer:?}"); // escapes control characters
            break;
        }
    }
    match socket
        .close(Close::new(close_code::NORMAL_CLOSURE, ""))
        .await?
    {
        closed if closed.close_code() == close_code::NORMAL_CLOSURE => Ok(()),
        closed => Err(closed.into()),
    }
}

async fn run_server(address: &str, certificate: &str) -> Result {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let key = rcgen::generate_simple_self_signed(names)?;
    fs::write(certificate, key.cert.pem())?;
    let private = PrivateKeyDer::try_from(key.signing_key.serialize_der())?;
    let config = ServerConfig::builder().with_no_client_auth();
    let mut config = config.with_single_cert(vec![key.cert.der().clone()], private)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));

    let listener = TcpListener::bind(address).await?;
    println!("listening on wss://{}/", listener.local_addr()?);
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let mut interrupted = std::pin::pin!(interrupted());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            result = &mut interrupted => break result?,
        };
        match accepted {
            Ok(_) if tasks.len() >= MAX_CONNECTIONS => {} // it is dropped
            Ok((tcp, peer)) => {
                let (acceptor, stop) = (acceptor.clone(), stop.clone());
                tasks.spawn(async move {
                    match serve(tcp, acceptor, stop).await {
                        Ok(closed) => println!("{peer}: {closed}"),
                        Err(error) => println!("{peer}: {error}"),
                    }
                });
            }
            Err(error) => {
                let _ = writeln!(io::stdout(), "accept failed: {error}"); // may be closed
                // Out of descriptors, most likely: let some connections end.
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
    stop.cancel();
    tasks.close();
    let _ = timeout(TIMEOUT, tasks.wait()).await;
    Ok(())
}

async fn serve(tcp: TcpStream, acceptor: TlsAcceptor, stop: CancellationToken) -> Result<Closed> {
    tcp.set_nodelay(true)?;
    // With more, the system reports that a slow reader reads too late for the write timeout.
    SockRef::from(&tcp).set_send_buffer_size(128 << 10)?;
    let open = async {
        let tls = timeout(TIMEOUT, acceptor.accept(tcp)).await??;
        let pending = WebSocket::accept(tls, &CONFIG).await?;
        Result::Ok(pending.accept(&AcceptOptions::new()).await?)
    };
    let mut socket = tokio::select! {
        socket = open => socket?,
        () = stop.cancelled() => return Ok(Closed::LocallyClosed),
    };
    let echo = async {
        while let Some(message) = socket.next().await {
            match message? {
                Message::Ping(_) | Message::Pong(_) => {}
                message => socket.feed(message).await?,
            }
        }
        Ok(())
    };
    let result = tokio::select! {
        result = echo => result,
        () = stop.cancelled() => Ok(()),
    };
    // If it is closing already, this waits until the pending output is written.
    let closed = socket.close(Close::new(close_code::GOING_AWAY, "")).await;
    Ok(result.and(closed)?)
}

/// Waits for Ctrl-C, or on Unix for SIGTERM.
async fn interrupted() -> io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminated = signal(SignalKind::terminate())?;
        tokio::select! {
            result = tokio::signal::ctrl_c() => result,
            _ = terminated.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
