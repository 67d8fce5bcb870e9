//! A page and a WebSocket on one port, with axum, for every dialect. The server looks the user up
//! before it accepts a WebSocket, checks the origin, and closes all WebSockets before it exits.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use std::{env, io};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{any, get};
use hybi_tokio::axum::{Rejection, Upgrade, Upgrading};
use hybi_tokio::hybi::{AcceptOptions, Close, Closed, Config, Dialects, close_code};
use hybi_tokio::{Error, Message};
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

const PAGE: &str = include_str!("page.html");
/// Connections and WebSockets.
const MAX_TASKS: usize = 10_000;
const KEEPALIVE: Duration = Duration::from_secs(30);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

static CONFIG: Config = Config::new()
    .dialects(Dialects::ALL)
    .keepalive(KEEPALIVE, KEEPALIVE);

struct Server {
    /// Of the page.
    origins: [String; 2],
    tasks: TaskTracker,
    stop: CancellationToken,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let address = env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:8079")).await?;
    let address = listener.local_addr()?;
    println!("listening on ws://{address}/");
    println!("the page is http://{address}/");
    let localhost = format!("http://localhost:{}", address.port());
    let server = Arc::new(Server {
        origins: [format!("http://{address}"), localhost],
        tasks: TaskTracker::new(),
        stop: CancellationToken::new(),
    });
    let app = Router::new()
        .route("/", get(page))
        .route("/socket", any(socket))
        .with_state(server.clone());
    let mut interrupted = std::pin::pin!(interrupted());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            result = &mut interrupted => break result?,
        };
        match accepted {
            Ok(_) if server.tasks.len() >= MAX_TASKS => {} // it is dropped
            Ok((tcp, peer)) => {
                let serve = serve(tcp, app.clone(), server.stop.clone());
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
    let _ = timeout(SHUTDOWN_TIMEOUT, server.tasks.wait()).await;
    Ok(())
}

/// Serves a connection as `axum::serve` does, but for header names in capital letters: clients of
/// Hixie-75 require them.
async fn serve(
    tcp: TcpStream,
    app: Router,
    stop: CancellationToken,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    tcp.set_nodelay(true)?;
    // With more, the system reports that a slow reader reads too late for the write timeout.
    SockRef::from(&tcp).set_send_buffer_size(128 << 10)?;
    // hyper would wait for ever for a client that does not read.
    #[cfg(target_os = "linux")]
    SockRef::from(&tcp).set_tcp_user_timeout(Some(KEEPALIVE))?;
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .title_case_headers(true)
        .timer(TokioTimer::new());
    let mut http2 = builder.http2();
    http2
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEPALIVE);
    http2.enable_connect_protocol();
    let called = Notify::new();
    let app = TowerToHyperService::new(app);
    let service = service_fn(|request| {
        called.notify_one();
        app.call(request)
    });
    let conn = builder.serve_connection_with_upgrades(TokioIo::new(tcp), service);
    let mut conn = std::pin::pin!(conn);
    // A client that sends no request would stay.
    tokio::select! {
        result = conn.as_mut() => return result,
        () = called.notified() => {}
        () = stop.cancelled() => {}
        () = sleep(REQUEST_TIMEOUT) => return Err("no request in time".into()),
    }
    tokio::select! {
        result = conn.as_mut() => return result,
        () = stop.cancelled() => conn.as_mut().graceful_shutdown(),
    }
    conn.await
}

async fn page() -> impl IntoResponse {
    let cookie = "session=guest; HttpOnly; SameSite=Strict";
    ([(header::SET_COOKIE, cookie)], Html(PAGE))
}

async fn socket(
    State(server): State<Arc<Server>>,
    request: Request,
) -> Result<Response, Rejection> {
    // Not as an extractor, which rejects Hixie-75.
    let upgrade = Upgrade::from_request(request).await?;
    let request = upgrade.request();
    // Browsers let the pages of every site connect, with the cookies of this one.
    if !request.origin_among(&server.origins.each_ref().map(String::as_str)) {
        return Ok((StatusCode::FORBIDDEN, "unknown origin\n").into_response());
    }
    let Some(user) = find_user(request.header("Cookie")).await else {
        return Ok((StatusCode::UNAUTHORIZED, "no session\n").into_response());
    };
    let (response, upgrading) = upgrade.accept(&CONFIG, &AcceptOptions::new())?;
    let stop = server.stop.clone();
    server.tasks.spawn(async move {
        match echo(upgrading, &user, stop).await {
            Ok(closed) => println!("{user}: {closed}"),
            Err(error) => println!("{user}: {error}"),
        }
    });
    Ok(response.map(|()| Body::empty()))
}

/// Returns whose session it is. A database would know; here, the session is the name of the user.
async fn find_user(cookies: Option<&[u8]>) -> Option<String> {
    sleep(Duration::from_millis(20)).await;
    let mut cookies = std::str::from_utf8(cookies?).ok()?.split("; ");
    let user = cookies.find_map(|cookie| cookie.strip_prefix("session="))?;
    Some(user.escape_debug().to_string())
}

async fn echo(upgrading: Upgrading, user: &str, stop: CancellationToken) -> Result<Closed, Error> {
    let mut socket = upgrading.complete().await?;
    let echo = async {
        socket.send(format!("Hello, {user}")).await?;
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
    result.and(closed)
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
