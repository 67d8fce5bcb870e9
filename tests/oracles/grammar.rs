//! Nearly valid inputs: heads and frames from a grammar, with few mutations, reach more code than
//! random bytes.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use testkit::{LengthEncoding, close_payload, header};

type Bytes = Vec<u8>;

/// `count` option bytes, most of them `0`, and a line feed.
fn options(count: usize) -> impl Strategy<Value = Bytes> {
    let option = prop_oneof![4 => Just(0), 4 => 0..64_u8, 1 => any::<u8>()];
    vec(option.prop_map(|option| b'0'.wrapping_add(option)), count).prop_map(|mut options| {
        options.push(b'\n');
        options
    })
}

/// A change to an input.
#[derive(Clone, Debug)]
enum Mutation {
    Replace(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Duplicate(Index, Index),
    Truncate(Index),
}

fn mutated(bytes: impl Strategy<Value = Bytes>) -> impl Strategy<Value = Bytes> {
    let byte = || prop_oneof![select(b"\r\n: ,;0\x00\x7f\x80\xff".to_vec()), any::<u8>()];
    let mutation = prop_oneof![
        (any::<Index>(), byte()).prop_map(|(at, byte)| Mutation::Replace(at, byte)),
        (any::<Index>(), byte()).prop_map(|(at, byte)| Mutation::Insert(at, byte)),
        any::<Index>().prop_map(Mutation::Remove),
        any::<(Index, Index)>().prop_map(|(from, to)| Mutation::Duplicate(from, to)),
        any::<Index>().prop_map(Mutation::Truncate),
    ];
    let mutations = prop_oneof![2 => Just(Vec::new()), 2 => vec(mutation, 1..3)];
    (bytes, mutations).prop_map(|(mut bytes, mutations)| {
        for mutation in mutations {
            mutation.apply(&mut bytes);
        }
        bytes
    })
}

impl Mutation {
    fn apply(self, bytes: &mut Bytes) {
        let length = bytes.len();
        if length == 0 {
            return;
        }
        match self {
            Self::Replace(at, byte) => bytes[at.index(length)] = byte,
            Self::Insert(at, byte) => bytes.insert(at.index(length), byte),
            Self::Remove(at) => drop(bytes.remove(at.index(length))),
            Self::Duplicate(from, to) => {
                let (from, to) = (from.index(length), to.index(length));
                let copy = bytes[from.min(to)..from.max(to)].to_vec();
                bytes.splice(to..to, copy);
            }
            Self::Truncate(at) => bytes.truncate(at.index(length)),
        }
    }
}

const KEYS_76: [&str; 2] = [
    "Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\n",
    "Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n",
];
const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// Headers that a request may have in addition to the required ones.
const OPTIONAL_HEADERS: [&str; 10] = [
    "Sec-WebSocket-Protocol: sample, second\r\n",
    "Sec-WebSocket-Protocol: third\r\n",
    "WebSocket-Protocol: sample\r\n",
    "Sec-WebSocket-Origin: http://example.com\r\n",
    "Sec-WebSocket-Extensions: x-webkit-deflate-frame; a=\"b\"\r\n",
    "Cookie: a=1; b=\u{a0}2\r\n",
    "Content-Length: 0\r\n",
    "Content-Length: 8\r\n",
    "Sec-WebSocket-Draft: 0\r\n",
    "X-Long: 123456789012345678901234567890123456789012345678901234567890\r\n",
];

fn request() -> impl Strategy<Value = Bytes> {
    let version = |number| {
        vec![
            KEY.to_owned(),
            format!("Sec-WebSocket-Version: {number}\r\n"),
        ]
    };
    let dialect_headers = prop_oneof![
        Just(Vec::new()),
        Just(KEYS_76.map(str::to_owned).to_vec()),
        select(vec![7, 8, 13, 14]).prop_map(version),
    ];
    let line = select(vec!["GET / ", "GET /demo?a=1 ", "GET /%7e "]);
    let optional = subsequence(OPTIONAL_HEADERS.to_vec(), 0..3);
    let required = [
        "Host: example.com\r\n",
        "Upgrade: WebSocket\r\n",
        "Connection: keep-alive, Upgrade\r\n",
        "Origin: http://example.com\r\n",
    ];
    let headers = (dialect_headers, optional).prop_map(move |(mut headers, optional)| {
        headers.extend(optional.into_iter().chain(required).map(str::to_owned));
        headers
    });
    let key3 = any::<bool>();
    (line, headers.prop_shuffle(), key3).prop_map(|(line, headers, key3)| {
        let headers = headers.concat();
        let key3 = if key3 { "^n:ds[4U" } else { "" };
        format!("{line}HTTP/1.1\r\n{headers}\r\n{key3}").into()
    })
}

/// A request of HTTP/2, written as a head.
fn connect() -> impl Strategy<Value = Bytes> {
    let authority = select(vec!["example.com", "EXAMPLE.com:80", "[::1]", "a@b", ""]);
    let path = select(vec!["/", "//a?b=/", "/a b", "", "?a"]);
    let optional = OPTIONAL_HEADERS.into_iter().chain([
        KEY,
        "Host: example.com\r\n",
        "te: trailers\r\n",
        "te: gzip\r\n",
        "connection: upgrade\r\n",
        "keep-alive: 1\r\n",
        "origin: http://example.com\r\n",
    ]);
    let optional = subsequence(optional.collect::<Vec<_>>(), 0..4);
    let version = prop_oneof![9 => Just(13), 1 => 7..14];
    let headers = (optional, version).prop_map(|(optional, version)| {
        let version = format!("sec-websocket-version: {version}\r\n");
        let optional = optional.into_iter().map(str::to_owned);
        optional.chain([version]).collect::<Vec<_>>()
    });
    (authority, path, headers.prop_shuffle()).prop_map(|(authority, path, headers)| {
        let headers = headers.concat();
        format!("CONNECT https://{authority}{path} HTTP/2\r\n{headers}\r\n").into()
    })
}

/// The head of a response, with headers in any order; the oracle adds the accept value.
fn response() -> impl Strategy<Value = Bytes> {
    let line = select(vec![
        "HTTP/1.1 101 WebSocket Protocol Handshake\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n",
        "HTTP/1.1 302 Found\r\n",
    ]);
    let headers = vec![
        "Upgrade: WebSocket\r\n",
        "Connection: Upgrade\r\n",
        "Sec-WebSocket-Origin: http://example.com\r\n",
        "Sec-WebSocket-Location: ws://example.com/\r\n",
        "Sec-WebSocket-Protocol: sample\r\n",
        "Set-Cookie: a=1\r\n",
    ];
    let headers = subsequence(headers, 3..=6).prop_shuffle();
    (line, headers).prop_map(|(line, headers)| format!("{line}{}\r\n", headers.concat()).into())
}

fn payload() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        2 => "\\PC{0,12}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..12),
        1 => (1000..1016_u16).prop_map(|code| close_payload(code, "bye")),
        1 => vec(b'a'..=b'z', 120..140),
    ]
}

/// Frames of HyBi-7 and later; a client's are masked.
fn hybi_frames(masked: bool) -> impl Strategy<Value = Bytes> {
    let first = prop_oneof![
        8 => select(vec![0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8A, 0x88]),
        1 => any::<u8>(),
    ];
    let masked = prop_oneof![9 => Just(masked), 1 => any::<bool>()];
    let encoding = prop_oneof![
        8 => Just(None),
        1 => Just(Some(LengthEncoding::Bits16)),
        1 => Just(Some(LengthEncoding::Bits64)),
    ];
    let frame = (first, masked, encoding, any::<[u8; 4]>(), payload());
    let frame = frame.prop_map(|(first, masked, encoding, key, payload)| {
        let len = payload.len() as u64;
        let encoding = encoding.unwrap_or(LengthEncoding::shortest(len));
        let key = masked.then_some(key);
        let payload = testkit::masked(&payload, key.unwrap_or_default());
        [header(first, key, encoding, len), payload].concat()
    });
    vec(frame, 0..8).prop_map(|frames| frames.concat())
}

/// Frames of Hixie-75 and Hixie-76.
fn hixie_frames() -> impl Strategy<Value = Bytes> {
    let text = payload().prop_map(|text| [&[0][..], &text, &[0xFF]].concat());
    let long = payload().prop_map(|bytes| {
        let length = bytes.len();
        let digits = [0x80 | (length >> 7) as u8, (length & 0x7F) as u8];
        [&[0x80][..], &digits, &bytes].concat()
    });
    let frame = prop_oneof![4 => text, 1 => long, 1 => Just(vec![0xFF, 0])];
    vec(frame, 0..6).prop_map(|frames| frames.concat())
}

fn all_frames(masked: bool) -> impl Strategy<Value = Bytes> {
    prop_oneof![2 => hybi_frames(masked), 1 => hixie_frames()]
}

fn concat<A, B>(first: A, second: B) -> impl Strategy<Value = Bytes>
where
    A: Strategy<Value = Bytes>,
    B: Strategy<Value = Bytes>,
{
    (first, second).prop_map(|(first, second)| [first, second].concat())
}

/// Generates inputs for a fuzz target.
pub(crate) fn input(target: &str) -> BoxedStrategy<Bytes> {
    match target {
        "chat" => {
            let step = |kinds: &[u8], max: u8| (select(kinds.to_vec()), 0..8_u8, 0..max);
            let step = prop_oneof![
                3 => step(b"co", 16),
                4 => step(b"tbfp", 80),
                1 => step(b"tb", 255),
                1 => step(b"TBPxemskizrw", 80),
                2 => step(b"hgljwKHG", 255),
                1 => step(b"d", 1),
            ];
            // In lower case if a turn of the server follows.
            let bytes = |(kind, slot, amount): (u8, u8, u8)| {
                let turn = u8::from(kind.is_ascii_lowercase());
                let [slot, amount, turn] = [slot, amount, turn].map(|n| b'0'.wrapping_add(n));
                vec![kind.to_ascii_lowercase(), slot, amount, turn]
            };
            let steps = vec(step.prop_map(bytes), 0..80).prop_map(|steps| steps.concat());
            // Begin with a few open connections.
            let clients = (1..6_u8).prop_map(|count| {
                let client = |slot| [b'c', slot, b'0', b'1', b'o', slot, b'4' - slot % 5, b'1'];
                (0..count).flat_map(|slot| client(b'0' + slot)).collect()
            });
            concat(options(2), concat(clients, steps)).boxed()
        }
        "client" => {
            let wire = concat(prop_oneof![Just(Vec::new()), response()], all_frames(false));
            concat(options(11), mutated(wire)).boxed()
        }
        "dialects" => options(13).boxed(),
        "frames" => {
            let wire = any::<bool>().prop_flat_map(hybi_frames);
            concat(options(8), mutated(wire)).boxed()
        }
        "head" => {
            let connect = connect().boxed();
            mutated(prop_oneof![3 => request().boxed(), 1 => connect, 1 => response().boxed()])
                .boxed()
        }
        "keys" => {
            let key = prop_oneof!["[0-9 ]{0,14}", "[ -~]{0,20}"].prop_map(String::into_bytes);
            concat(vec(any::<u8>(), 32), key).boxed()
        }
        "mask" => {
            let position = concat(vec(any::<u8>(), 6), options(1));
            concat(position, vec(any::<u8>(), 0..300)).boxed()
        }
        "pair" => {
            let (kind, amount) = (b"tbegsupqxyiodfdfkjwr".to_vec(), b'0'..b'z');
            let step = (select(kind), any::<bool>(), amount)
                .prop_map(|(kind, server, amount)| vec![b'0' + u8::from(server), kind, amount]);
            let close = (b'0'..b'2', b'0'..b'p').prop_map(|(server, how)| vec![server, b'c', how]);
            let abort = select(vec![b"0a0".to_vec(), b"1a0".to_vec()]);
            let close = prop_oneof![6 => Just(Vec::new()), 12 => close, 1 => abort];
            let steps = || vec(step.clone(), 0..12).prop_map(|steps| steps.concat());
            concat(options(4), concat(concat(steps(), close), steps())).boxed()
        }
        "reply" => {
            let url = "(ws|wss)://(([a-z:@]|%[0-9a-f]{2}|%){0,6}@)?([a-z.]{1,8}|\\[::1\\])(:[0-9]{1,5})?([/?][!-~]{0,8})?";
            let string = prop_oneof![
                4 => "[a-zA-Z-]{1,8}",
                1 => "Host|Authorization",
                1 => "[!-~]{0,8}",
                1 => "[ -~\r\n\t]{0,8}",
                1 => "\\PC{0,4}",
            ];
            let strings = (url, vec(string, 9)).prop_map(|(url, mut strings)| {
                strings.insert(0, url);
                let strings = strings.iter().map(String::as_bytes);
                strings.collect::<Vec<_>>().join(&0xFF)
            });
            concat(options(4), strings).boxed()
        }
        "server" => concat(options(10), mutated(concat(request(), all_frames(true)))).boxed(),
        other => panic!("no grammar for {other}"),
    }
}
