//! Conversions from and to the types of the crate `http`.

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};

use crate::config::Config;
use crate::dialect::Dialect;
use crate::error::ProtocolError;
use crate::handshake::{self, Request, UpgradeResponse};

/// Checks a request that an HTTP library has read, for
/// [`Connection::upgrade`](crate::Connection::upgrade).
///
/// As [`Request::from_parts`], with the parts of an `http::Request`. Only HTTP/1.1 has upgrades,
/// and HTTP/1.0 plain requests: other versions are rejected with
/// [`ProtocolError::UnsupportedHttpVersion`].
///
/// A request with HTTP/2 and the method `CONNECT` is converted as by [`Request::from_connect`]. The
/// caller has to check before that `:protocol` is `websocket`, since the library has it in a type
/// of its own: in hyper `hyper::ext::Protocol`, in `http::Request::extensions`.
///
/// Names are in lower case, and fields of one name may be reported together. Hixie-76 works if the
/// library passes the bytes after the head on, since its requests have no `Content-Length`.
///
/// # Errors
/// As [`Request::from_parts`] and [`Request::from_connect`].
///
/// ```
/// use hybi::{AcceptError, AcceptOptions, Config, Connection, Request};
/// use http::{Response, StatusCode};
///
/// static CONFIG: Config = Config::new();
///
/// /// Returns the response, and after a 101 the connection, which is open once the library has
/// /// passed on the socket.
/// fn upgrade<B>(request: &http::Request<B>) -> (Response<()>, Option<Connection>) {
///     let request = match Request::try_from(request) {
///         Ok(request) => request,
///         Err(error) => return (error.into(), None),
///     };
///     match Connection::upgrade(&CONFIG, &request, &AcceptOptions::new()) {
///         Ok((conn, response)) => (response.into(), Some(conn)),
///         Err(AcceptError::Protocol(error)) => (error.into(), None),
///         Err(_) => unreachable!("no options are set"),
///     }
/// }
///
/// let request = http::Request::get("/chat")
///     .header("Host", "example.com")
///     .header("Upgrade", "websocket")
///     .header("Connection", "Upgrade")
///     .header("Sec-WebSocket-Version", "13")
///     .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
///     .body(())?;
/// let (response, conn) = upgrade(&request);
/// assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
/// assert_eq!(response.headers()["Sec-WebSocket-Accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// assert!(conn.is_some());
///
/// let page = http::Request::get("/").header("Host", "example.com").body(())?;
/// assert_eq!(upgrade(&page).0.status(), StatusCode::UPGRADE_REQUIRED);
/// # Ok::<(), http::Error>(())
/// ```
impl<B> TryFrom<&::http::Request<B>> for Request {
    type Error = ProtocolError;

    fn try_from(request: &::http::Request<B>) -> Result<Self, Self::Error> {
        let uri = request.uri();
        if request.version() == Version::HTTP_2 && request.method() == Method::CONNECT {
            let authority = uri.authority().map_or("", |authority| authority.as_str());
            let path = uri.path_and_query().map_or("", |path| path.as_str());
            return Self::from_connect(authority, path, request.headers());
        }
        let version = match request.version() {
            Version::HTTP_09 => "HTTP/0.9",
            Version::HTTP_10 => "HTTP/1.0",
            Version::HTTP_11 => "HTTP/1.1",
            Version::HTTP_2 => "HTTP/2.0",
            _ => "HTTP/3.0",
        };
        let target = alloc::format!("{uri}");
        Self::from_parts(
            request.method().as_str(),
            &target,
            version,
            request.headers(),
        )
    }
}

/// The head of the 101, or in HTTP/2 of the 200, without its reason phrase, order, and case of
/// names, which an `http::Response` does not have.
///
/// Clients of Hixie-75 compare the first three lines byte for byte (H75-2), so that only
/// [`UpgradeResponse::as_bytes`] serves them. Those of the other dialects accept any reason phrase
/// (H76-5).
///
/// Fields that `http` cannot represent are omitted: those with a name longer than 65,535 bytes, and
/// those beyond the capacity of a `HeaderMap`, both only from
/// [`AcceptOptions`](crate::AcceptOptions).
impl From<UpgradeResponse> for ::http::Response<()> {
    fn from(response: UpgradeResponse) -> Self {
        let mut converted = with_status(response.status());
        for (name, value) in response.headers() {
            append(converted.headers_mut(), name, value);
        }
        converted
    }
}

impl ProtocolError {
    /// Returns the response to an invalid request of an HTTP library, without a body. The status is
    /// [`status`](Self::status), or 400 if there is none.
    ///
    /// A 405 has the header field `Allow`; a 426 has `Connection`, `Upgrade` and
    /// `Sec-WebSocket-Version` with the versions of the dialects that `config` enables (HY-9).
    /// HTTP/2 allows neither `Connection` nor `Upgrade`, which a 426 requires: from `version`
    /// HTTP/2 on it is a 400 with `Sec-WebSocket-Version` instead (H2-9).
    ///
    /// ```
    /// use http::{StatusCode, Version};
    /// use hybi::{Config, Request};
    ///
    /// let headers = [("sec-websocket-version", "14")];
    /// let error = Request::from_connect("example.com", "/chat", headers).unwrap_err();
    /// let response = error.to_response(Version::HTTP_2, &Config::new());
    /// assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    /// assert_eq!(response.headers().len(), 1);
    /// assert_eq!(response.headers()["Sec-WebSocket-Version"], "13");
    /// ```
    #[must_use]
    pub fn to_response(&self, version: Version, config: &Config) -> ::http::Response<()> {
        let status = self.status().unwrap_or(400);
        let dialects = match self {
            Self::DialectNotEnabled { dialect } => config.dialects.without(*dialect),
            _ => config.dialects,
        };
        let mut response = with_status(status);
        let headers = response.headers_mut();
        if version >= Version::HTTP_2 && status == 426 {
            let has_rfc6455 = dialects.contains(Dialect::Rfc6455);
            if let Some(value) = Dialect::Rfc6455.row().version().filter(|_| has_rfc6455) {
                append(headers, "Sec-WebSocket-Version", value.as_bytes());
            }
            *response.status_mut() = StatusCode::BAD_REQUEST;
            return response;
        }
        for (name, value) in handshake::error_headers(status, dialects) {
            append(headers, name, value.as_bytes());
        }
        if status == 426 {
            // HY-12
            append(headers, "Upgrade", b"websocket");
            append(headers, "Connection", b"Upgrade");
        }
        response
    }
}

/// The response of [`ProtocolError::to_response`] to a request of HTTP/1.1, with the default
/// [`Config`].
impl From<&ProtocolError> for ::http::Response<()> {
    fn from(error: &ProtocolError) -> Self {
        error.to_response(Version::HTTP_11, &Config::new())
    }
}

/// As from `&ProtocolError`.
impl From<ProtocolError> for ::http::Response<()> {
    fn from(error: ProtocolError) -> Self {
        Self::from(&error)
    }
}

fn with_status(status: u16) -> ::http::Response<()> {
    let mut response = ::http::Response::new(());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    response
}

fn append(headers: &mut HeaderMap, name: &str, value: &[u8]) {
    let name = HeaderName::from_bytes(name.as_bytes());
    if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
        // Fails if the map is full.
        let _ = headers.try_append(name, value);
    }
}
