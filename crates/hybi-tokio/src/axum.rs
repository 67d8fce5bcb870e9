//! WebSocket in a handler of axum 0.8.
//!
//! [`Upgrade`] is an extractor, and its [`Rejection`] a response. The handler decides, also after
//! waiting for something, and answers with any response:
//!
//! ```
//! use axum::Router;
//! use axum::body::Body;
//! use axum::http::StatusCode;
//! use axum::response::{IntoResponse, Response};
//! use axum::routing::{any, get};
//! use hybi_tokio::axum::{Rejection, Upgrade, UpgradedStream};
//! use hybi_tokio::hybi::{AcceptOptions, Config};
//! use hybi_tokio::{Error, WebSocket};
//! use tokio::net::TcpListener;
//!
//! static CONFIG: Config = Config::new();
//!
//! async fn is_signed_in(cookie: Option<&[u8]>) -> bool {
//!     // Ask a database.
//!     # tokio::task::yield_now().await;
//!     cookie.is_some()
//! }
//!
//! async fn chat(upgrade: Upgrade) -> Result<Response, Rejection> {
//!     let request = upgrade.request();
//!     // Browsers send the cookies of a user from the pages of every site.
//!     if !request.origin_among(&["https://example.com"]) {
//!         return Ok(StatusCode::FORBIDDEN.into_response());
//!     }
//!     if !is_signed_in(request.header("Cookie")).await {
//!         return Ok(StatusCode::UNAUTHORIZED.into_response());
//!     }
//!     let mut options = AcceptOptions::new();
//!     if request.protocols().any(|name| name == "chat.v2") {
//!         options = options.protocol("chat.v2");
//!     }
//!     let (response, upgrading) = upgrade.accept(&CONFIG, &options)?;
//!     tokio::spawn(async move {
//!         match upgrading.complete().await {
//!             Ok(socket) => serve(socket).await,
//!             Err(error) => Err(error),
//!         }
//!     });
//!     Ok(response.map(|()| Body::empty()))
//! }
//!
//! async fn serve(mut socket: WebSocket<UpgradedStream>) -> Result<(), Error> {
//!     while let Some(message) = socket.next().await {
//!         socket.send(message?).await?;
//!     }
//!     Ok(())
//! }
//!
//! async fn run(listener: TcpListener) -> Result<(), std::io::Error> {
//!     let app = Router::new()
//!         .route("/", get(|| async { "a page" }))
//!         .route("/chat", any(chat));
//!     axum::serve(listener, app).await
//! }
//! ```
//!
//! Use `any` for the route: a request of HTTP/2 has the method `CONNECT`. `axum::serve` announces
//! WebSocket over HTTP/2 if axum has its feature `http2`.
//!
//! A handler that serves a page and a WebSocket extracts a [`Request`] and decides with
//! [`is_upgrade`].
//!
//! # Old dialects
//!
//! - Hixie-76 works through `axum::serve`. Its response repeats the path of the request, which
//!   clients compare with theirs, but `Router::nest` removes the prefix of a path. Do not nest the
//!   route, or restore the path:
//!
//!   ```
//!   # use axum::body::Body;
//!   # use axum::response::Response;
//!   use axum::extract::{OriginalUri, Request};
//!   # use hybi_tokio::hybi::{AcceptOptions, Config};
//!   use hybi_tokio::hyper::{Rejection, Upgrade};
//!
//!   async fn chat(uri: OriginalUri, mut request: Request) -> Result<Response, Rejection> {
//!       *request.uri_mut() = uri.0;
//!       let upgrade = Upgrade::from_request(request).await?;
//!       // As above.
//!   #     let (response, _upgrading) = upgrade.accept(Config::new(), &AcceptOptions::new())?;
//!   #     Ok(response.map(|()| Body::empty()))
//!   }
//!   # let _: axum::Router = axum::Router::new().route("/chat", axum::routing::any(chat));
//!   ```
//!
//! - Hixie-75, which is not enabled by default, does not work: `axum::serve` writes the names of
//!   header fields in lower case, which these clients reject. The extractor answers with a 501 that
//!   says so. They need hyper's `http1::Builder` with `title_case_headers(true)`, which serves the
//!   router as a `TowerToHyperService` of hyper-util, and in the handler
//!   [`Upgrade::from_request`](crate::hyper::Upgrade::from_request()) as above.

use axum_core::extract::{FromRequest, Request};
use axum_core::response::{IntoResponse, Response};
use hybi::Dialect;

pub use crate::hyper::{
    Rejection, RejectionReason, Upgrade, UpgradedStream, Upgrading, is_upgrade,
};

/// As [`Upgrade::from_request`](Upgrade::from_request()), for servers that write the names of
/// header fields in lower case. It has to be the last argument of the handler, since it may read
/// the body.
///
/// # Errors
/// Those of [`Upgrade::from_request`](Upgrade::from_request()), and
/// [`RejectionReason::LowerCaseHeaders`] for a request of Hixie-75.
impl<S: Send + Sync> FromRequest<S> for Upgrade {
    type Rejection = Rejection;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        let upgrade = Self::from_request(request).await?;
        if upgrade.request().dialect() == Some(Dialect::Hixie75) {
            return Err(Rejection::lower_case_headers());
        }
        Ok(upgrade)
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        http::Response::<String>::from(self).map(Into::into)
    }
}
