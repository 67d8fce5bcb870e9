//! A page and a WebSocket over HTTP/2 (RFC 8441), with hyper and tokio-rustls. Browsers that do not
//! use HTTP/2 for it, and clients without HTTP/2, get the same over HTTP/1.1.
//!
//! The certificate is self-signed: browsers ask before they open the page.

use std::convert::Infallible;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use std::{env, io};

use hybi_tokio::Message;
use hybi_tokio::hybi::{AcceptOptions, Close, Closed, Config, close_code};
use hybi_tokio::hyper::{Rejection, Upgrade, Upgrading, is_upgrade};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const PAGE: &str = include_str!("page.html");
/// Connections and WebSockets.
const MAX_TASKS: usize = 10_000;
const TIMEOUT: Duration = Duration::from_secs(10);
const KEEPALIVE: Duration = Duration::from_secs(30);

static CONFIG: Config = Config::new().tls(true).keepalive(KEEPALIVE, KEEPALIVE);

/// What all connections share.
struct Server {
    acceptor: TlsAcceptor,
    /// Of the page.
    origins: [String; 2],
    tasks: TaskTracker,
    stop: CancellationToken,
}

#[tokio::main]
async fn main() -> Result {
    let address = env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:8078")).await?;
    let address = listener.local_addr()?;
    println!("listening on wss://{address}/");
    println!("the page is https://{address}/");
    let localhost = format!("https://localhost:{}", address.port());
    let server = Arc::new(Server {
        acceptor: TlsAcceptor::from(Arc::new(tls_config()?)),
        origins: [format!("https://{address}"), localhost],
        tasks: TaskTracker::new(),
        stop: CancellationToken::new(),
    });
    let mut interrupted = std::pin::pin!(interrupted());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            result = &mut interrupted => break result?,
        };
        match accepted {
            Ok(_) if server.tasks.len() >= MAX_TASKS => {} // it is dropped
            Ok((tcp, peer)) => {
                let serve = serve(tcp, server.clone());
                server.tasks.spawn(async move {
                    if let Err(error) = serve.await {
                        println!("{peer}: {error}");
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
    server.stop.cancel();
    server.tasks.close();
    let _ = timeout(TIMEOUT, server.tasks.wait()).await;
    Ok(())
}

fn tls_config() -> Result<ServerConfig> {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let key = rcgen::generate_simple_self_signed(names)?;
    let private = PrivateKeyDer::try_from(key.signing_key.serialize_der())?;
    let config = ServerConfig::builder().with_no_client_auth();
    let mut config = config.with_single_cert(vec![key.cert.der().clone()], private)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

async fn serve(tcp: TcpStream, server: Arc<Server>) -> Result {
    tcp.set_nodelay(true)?;
    // With more, the system reports that a slow reader reads too late for the write timeout.
    SockRef::from(&tcp).set_send_buffer_size(128 << 10)?;
    // hyper would wait for ever for a client that does not read.
    #[cfg(target_os = "linux")]
    SockRef::from(&tcp).set_tcp_user_timeout(Some(KEEPALIVE))?;
    let tls = tokio::select! {
        tls = timeout(TIMEOUT, server.acceptor.accept(tcp)) => tls??,
        () = server.stop.cancelled() => return Ok(()),
    };
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new());
    let mut http2 = builder.http2();
    http2
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEPALIVE);
    // Without it, browsers open a connection of HTTP/1.1 for each WebSocket.
    http2.enable_connect_protocol();
    let stop = server.stop.clone();
    let called = Notify::new();
    let service = service_fn(|request| {
        called.notify_one();
        answer(request, server.clone())
    });
    let conn = builder.serve_connection_with_upgrades(TokioIo::new(tls), service);
    let mut conn = std::pin::pin!(conn);
    // A client that sends no request would stay.
    tokio::select! {
        result = conn.as_mut() => return result,
        () = called.notified() => {}
        () = stop.cancelled() => {}
        () = sleep(TIMEOUT) => return Err("no request in time".into()),
    }
    tokio::select! {
        result = conn.as_mut() => return result,
        () = stop.cancelled() => conn.as_mut().graceful_shutdown(),
    }
    conn.await
}

async fn answer(
    request: Request<Incoming>,
    server: Arc<Server>,
) -> std::result::Result<Response<String>, Infallible> {
    let (status, body) = match request.uri().path() {
        "/socket" => {
            return Ok(upgrade(request, &server)
                .await
                .unwrap_or_else(Response::from));
        }
        "/" if !is_upgrade(&request) => (StatusCode::OK, PAGE),
        _ => (StatusCode::NOT_FOUND, "not found"),
    };
    let mut response = Response::new(body.to_owned());
    *response.status_mut() = status;
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, html);
    Ok(response)
}

async fn upgrade(
    request: Request<Incoming>,
    server: &Server,
) -> std::result::Result<Response<String>, Rejection> {
    let version = request.version();
    let upgrade = Upgrade::from_request(request).await?;
    // Browsers let the pages of every site connect. What is not a browser sends no origin.
    let origins = server.origins.each_ref().map(String::as_str);
    if upgrade.request().origin().is_some() && !upgrade.request().origin_among(&origins) {
        let mut response = Response::new("unknown origin".to_owned());
        *response.status_mut() = StatusCode::FORBIDDEN;
        return Ok(response);
    }
    let (response, upgrading) = upgrade.accept(&CONFIG, &AcceptOptions::new())?;
    let stop = server.stop.clone();
    server.tasks.spawn(async move {
        match echo(upgrading, version, stop).await {
            Ok(closed) => println!("{version:?}: {closed}"),
            Err(error) => println!("{version:?}: {error}"),
        }
    });
    Ok(response.map(|()| String::new()))
}

async fn echo(upgrading: Upgrading, version: Version, stop: CancellationToken) -> Result<Closed> {
    let mut socket = upgrading.complete().await?;
    let echo = async {
        socket.send(format!("connected over {version:?}")).await?;
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
