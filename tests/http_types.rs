//! Conversions from and to the types of the crate `http`.
#![cfg(feature = "http")]

use http::{Method, Version};
use hybi::{
    AcceptError, AcceptOptions, Closed, Config, Connection, Dialect, Dialects, Event,
    ProtocolError, Request,
};
use testkit::*;

fn config() -> Config {
    Config::new().dialects(Dialects::ALL).plain_http(true)
}

/// Returns a head as an HTTP library passes it on: values without surrounding white space.
fn parsed(head: &[u8]) -> http::Request<()> {
    let head = String::from_utf8(head.to_vec()).unwrap();
    let mut lines = head.lines();
    let line: Vec<&str> = lines.next().unwrap().split(' ').collect();
    let mut request = http::Request::builder().method(line[0]).uri(line[1]);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        request = request.header(name, value.trim());
    }
    request.body(()).unwrap()
}

/// Returns the head that these parts make.
fn head(request: &http::Request<()>) -> Vec<u8> {
    let (method, target) = (request.method(), request.uri());
    let mut head = format!("{method} {target} {:?}\r\n", request.version()).into_bytes();
    for (name, value) in request.headers() {
        let line = [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"];
        head.extend(line.concat());
    }
    head.extend(b"\r\n");
    head
}

/// Returns what a server reads from a head: the request, or the error.
fn read(head: &[u8]) -> Result<Request, ProtocolError> {
    let mut conn = Connection::server(config());
    let mut bytes = head.to_vec();
    match conn.receive(&mut input(&mut bytes)) {
        Some(Event::Request(request)) => Ok(request),
        Some(Event::Closed(Closed::Protocol(error))) => Err(error),
        other => panic!("{other:?}"),
    }
}

/// RQ-1, RQ-3, RQ-4, RQ-12, HY-1, KEY-2. CONNECT with HTTP/2 is in tests/http2.rs.
#[test]
fn a_request_is_the_one_that_a_server_reads_from_the_same_head() {
    const HOST: &str = "Host: example.com\r\n";
    let heads = [DRAFT_75_REQUEST, DRAFT_76_REQUEST, RFC6455_REQUEST];
    let mut requests: Vec<_> = heads.iter().map(|head| parsed(head.as_bytes())).collect();
    for version in ["7", "8", "9"] {
        let head = replace_once(
            RFC6455_REQUEST,
            "Version: 13",
            format!("Version: {version}"),
        );
        requests.push(parsed(&head));
    }
    let page = format!("GET /page?a=b HTTP/1.1\r\n{HOST}Cookie: a\r\nX: b\r\nCookie: c\r\n");
    requests.push(parsed(page.as_bytes()));
    for target in [
        "*",
        "http://example.com",
        "https://example.com:8443/a?b",
        "ftp://a/",
        "a:1",
    ] {
        requests.push(parsed(
            format!("GET {target} HTTP/1.1\r\n{HOST}").as_bytes(),
        ));
    }
    let mut results = [0; 2];
    for method in [Method::GET, Method::HEAD, Method::POST, Method::CONNECT] {
        for version in [
            Version::HTTP_09,
            Version::HTTP_10,
            Version::HTTP_11,
            Version::HTTP_2,
            Version::HTTP_3,
        ] {
            if (&method, version) == (&Method::CONNECT, Version::HTTP_2) {
                continue;
            }
            for request in &mut requests {
                *request.method_mut() = method.clone();
                *request.version_mut() = version;
                let expected = read(&head(request));
                results[usize::from(expected.is_ok())] += 1;
                match (Request::try_from(&*request), expected) {
                    (Ok(request), Ok(expected)) => {
                        assert_eq!(format!("{request:?}"), format!("{expected:?}"));
                        assert_eq!(request.method(), expected.method());
                        assert!(request.headers().eq(expected.headers()));
                    }
                    (result, expected) => assert_eq!(result.err(), expected.err(), "{request:?}"),
                }
            }
        }
    }
    // Each dialect, and a page with three targets that is also requested by HEAD and HTTP/1.0.
    assert_eq!(results, [12 * (4 * 5 - 1) - 17, 5 + 3 * 4]);
}

/// H75-2, HY-2, H76-5
#[test]
fn an_upgrade_response_keeps_its_status_and_fields() {
    for head in [DRAFT_75_REQUEST, DRAFT_76_REQUEST, RFC6455_REQUEST] {
        let request = Request::try_from(&parsed(head.as_bytes())).unwrap();
        let accept = AcceptOptions::new()
            .header("Set-Cookie", "a=1")
            .header("X", b"\xe9\t")
            .header("Set-Cookie", "b=2")
            .header(&"n".repeat(1 << 16), "omitted");
        let (_, response) = Connection::upgrade(config(), &request, &accept).unwrap();
        let converted = http::Response::from(response.clone());
        assert_eq!(converted.status(), response.status());
        for (name, value) in response.headers().filter(|(name, _)| name.len() < 1 << 16) {
            let values = converted.headers().get_all(name);
            assert!(values.iter().any(|found| found == value), "{name}");
        }
        assert_eq!(converted.headers().len(), response.headers().count() - 1);
        let cookies = converted.headers().get_all("set-cookie").iter();
        assert!(cookies.eq(["a=1", "b=2"]));
    }
}

/// A `HeaderMap` that is full would panic.
#[test]
fn fields_beyond_the_capacity_of_a_header_map_are_omitted() {
    let request = Request::try_from(&parsed(RFC6455_REQUEST.as_bytes())).unwrap();
    let mut accept = AcceptOptions::new();
    for number in 0..40_000 {
        accept = accept.header(&format!("x-{number}"), "a");
    }
    let (_, response) = Connection::upgrade(config(), &request, &accept).unwrap();
    let converted = http::Response::from(response);
    assert!(converted.headers().len() > 20_000);
    assert!(converted.headers().contains_key("Sec-WebSocket-Accept"));
}

/// PX-3, HY-9, HY-12
#[test]
fn an_error_becomes_the_response_that_a_server_sends() {
    let [plain, old] =
        ["13", "14"].map(|v| RFC6455_REQUEST.replace("Version: 13", &format!("Version: {v}")));
    let cases = [
        (
            plain.replace("Upgrade: websocket\r\n", ""),
            Dialects::ALL,
            426,
        ),
        (old, Dialects::ALL, 426),
        (plain.clone(), Dialects::ALL.without(Dialect::Rfc6455), 426),
        (plain.replace("GET", "PUT"), Dialects::ALL, 405),
        (plain.replace("HTTP/1.1", "HTTP/1.0"), Dialects::ALL, 505),
        (plain.replace("ZQ==", "ZQ="), Dialects::ALL, 400),
        (
            plain.replace("/chat", &"/".repeat(1 << 15)),
            Dialects::ALL,
            431,
        ),
    ];
    for (head, dialects, status) in cases {
        let mut conn = Connection::server(Config::new().dialects(dialects));
        let mut bytes = head.into_bytes();
        while conn.receive(&mut input(&mut bytes)).is_some() {}
        let Some(Closed::Protocol(error)) = conn.closed() else {
            panic!("{conn:?}");
        };
        let config = Config::new().dialects(dialects);
        let converted = error.to_response(Version::HTTP_11, &config);
        assert_eq!(converted.status(), status);
        let mut fields = [httparse::EMPTY_HEADER; 16];
        let mut sent = httparse::Response::new(&mut fields);
        sent.parse(conn.transmit()).unwrap();
        let mut found = converted.headers().clone();
        for field in sent.headers.iter() {
            match field.name {
                // They depend on the connection and on the body, which are the library's.
                "Content-Type" | "Content-Length" => {}
                "Connection" if field.value == b"close" => {}
                "Connection" => {
                    assert_eq!(field.value, b"close, Upgrade");
                    assert_eq!(found.remove("Connection").unwrap(), "Upgrade");
                }
                name => assert_eq!(found.remove(name).unwrap(), field.value, "{name}"),
            }
        }
        assert!(found.is_empty(), "{found:?}");
    }
    // An error that no request has.
    let converted = http::Response::from(ProtocolError::TlsClientHello);
    assert_eq!(
        (converted.status().as_u16(), converted.headers().len()),
        (400, 0)
    );
}

#[test]
fn the_response_to_an_error_names_the_versions_that_are_enabled_hy_9() {
    let error = ProtocolError::NotWebSocket;
    let versions = |response: http::Response<()>| {
        assert_eq!(response.status(), 426);
        let value = response.headers().get("Sec-WebSocket-Version").cloned();
        value.map(|value| value.to_str().unwrap().to_owned())
    };
    let to_response =
        |dialects| error.to_response(Version::HTTP_11, &Config::new().dialects(dialects));
    assert_eq!(versions(to_response(Dialects::ALL)).unwrap(), "13, 8, 7");
    let rfc6455 = Dialects::NONE.with(Dialect::Rfc6455);
    assert_eq!(versions(to_response(rfc6455)).unwrap(), "13");
    assert_eq!(
        versions(to_response(Dialects::NONE.with(Dialect::Hixie76))),
        None
    );
    for response in [http::Response::from(&error), http::Response::from(error)] {
        assert_eq!(versions(response).unwrap(), "13, 8, 7");
    }
    let request = read(
        RFC6455_REQUEST
            .replace("Version: 13", "Version: 8")
            .as_bytes(),
    )
    .unwrap();
    let upgrade = Connection::upgrade(
        Config::new().dialects(rfc6455),
        &request,
        &AcceptOptions::new(),
    );
    let Err(AcceptError::Protocol(error)) = upgrade else {
        panic!("{upgrade:?}");
    };
    assert_eq!(versions(http::Response::from(error)).unwrap(), "13, 7");
}

#[test]
fn the_response_to_an_error_over_http_2_is_never_a_426_h2_9() {
    let response = |dialects| {
        let config = Config::new().dialects(dialects);
        ProtocolError::NotWebSocket.to_response(Version::HTTP_2, &config)
    };
    let found = response(Dialects::ALL);
    assert_eq!((found.status().as_u16(), found.headers().len()), (400, 1));
    assert_eq!(found.headers()["Sec-WebSocket-Version"], "13");
    let found = response(Dialects::ALL.without(Dialect::Rfc6455));
    assert_eq!((found.status().as_u16(), found.headers().len()), (400, 0));
}
