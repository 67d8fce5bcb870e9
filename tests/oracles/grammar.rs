//! Inputs that are nearly right: what is made by the grammar of heads and frames, then spoilt a
//! little, comes further than noise.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

type Bytes = Vec<u8>;

/// `count` options, most of them 0, and the byte behind them.
fn options(count: usize) -> impl Strategy<Value = Bytes> {
    let option = prop_oneof![4 => Just(0), 4 => 0..64_u8, 1 => any::<u8>()];
    vec(option.prop_map(|option| b'0'.wrapping_add(option)), count).prop_map(|mut options| {
        options.push(b'\n');
        options
    })
}

/// What happens to bytes on their way.
#[derive(Clone, Debug)]
enum Harm {
    Change(Index, u8),
    Insert(Index, u8),
    Lose(Index),
    Double(Index, Index),
    End(Index),
}

fn spoilt(bytes: impl Strategy<Value = Bytes>) -> impl Strategy<Value = Bytes> {
    let byte = || prop_oneof![select(b"\r\n: ,;0\x00\x7f\x80\xff".to_vec()), any::<u8>()];
    let harm = prop_oneof![
        (any::<Index>(), byte()).prop_map(|(at, byte)| Harm::Change(at, byte)),
        (any::<Index>(), byte()).prop_map(|(at, byte)| Harm::Insert(at, byte)),
        any::<Index>().prop_map(Harm::Lose),
        any::<(Index, Index)>().prop_map(|(from, to)| Harm::Double(from, to)),
        any::<Index>().prop_map(Harm::End),
    ];
    let harms = prop_oneof![2 => Just(Vec::new()), 2 => vec(harm, 1..3)];
    (bytes, harms).prop_map(|(mut bytes, harms)| {
        for harm in harms {
            harm.befall(&mut bytes);
        }
        bytes
    })
}

impl Harm {
    fn befall(self, bytes: &mut Bytes) {
        let length = bytes.len();
        if length == 0 {
            return;
        }
        match self {
            Harm::Change(at, byte) => bytes[at.index(length)] = byte,
            Harm::Insert(at, byte) => bytes.insert(at.index(length), byte),
            Harm::Lose(at) => drop(bytes.remove(at.index(length))),
            Harm::Double(from, to) => {
                let (from, to) = (from.index(length), to.index(length));
                let part = bytes[from.min(to)..from.max(to)].to_vec();
                bytes.splice(to..to, part);
            }
            Harm::End(at) => bytes.truncate(at.index(length)),
        }
    }
}

const KEYS_76: [&str; 2] = [
    "Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\n",
    "Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n",
];
const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// What a request may have beside what it needs.
const MORE: [&str; 10] = [
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
    let of_dialect = prop_oneof![
        Just(Vec::new()),
        Just(KEYS_76.map(str::to_owned).to_vec()),
        select(vec![7, 8, 13, 14]).prop_map(version),
    ];
    let line = select(vec!["GET / ", "GET /demo?a=1 ", "GET /%7e "]);
    let more = subsequence(MORE.to_vec(), 0..3);
    let needed = [
        "Host: example.com\r\n",
        "Upgrade: WebSocket\r\n",
        "Connection: keep-alive, Upgrade\r\n",
        "Origin: http://example.com\r\n",
    ];
    let fields = (of_dialect, more).prop_map(move |(mut fields, more)| {
        fields.extend(more.into_iter().chain(needed).map(str::to_owned));
        fields
    });
    let key3 = any::<bool>();
    (line, fields.prop_shuffle(), key3).prop_map(|(line, fields, key3)| {
        let fields = fields.concat();
        let key3 = if key3 { "^n:ds[4U" } else { "" };
        format!("{line}HTTP/1.1\r\n{fields}\r\n{key3}").into()
    })
}

/// The fields of a reply, in any order; the oracle puts a proof in by itself.
fn answer() -> impl Strategy<Value = Bytes> {
    let line = select(vec![
        "HTTP/1.1 101 WebSocket Protocol Handshake\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n",
        "HTTP/1.1 302 Found\r\n",
    ]);
    let fields = vec![
        "Upgrade: WebSocket\r\n",
        "Connection: Upgrade\r\n",
        "Sec-WebSocket-Origin: http://example.com\r\n",
        "Sec-WebSocket-Location: ws://example.com/\r\n",
        "Sec-WebSocket-Protocol: sample\r\n",
        "Set-Cookie: a=1\r\n",
    ];
    let fields = subsequence(fields, 3..=6).prop_shuffle();
    (line, fields).prop_map(|(line, fields)| format!("{line}{}\r\n", fields.concat()).into())
}

fn payload() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        2 => "\\PC{0,12}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..12),
        1 => (1000..1016_u16).prop_map(|code| [&code.to_be_bytes(), &b"bye"[..]].concat()),
        1 => vec(b'a'..=b'z', 120..140),
    ]
}

/// Frames of HyBi-7 and later; those of a client are masked.
fn frames(masked: bool) -> impl Strategy<Value = Bytes> {
    let first = prop_oneof![
        8 => select(vec![0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8A, 0x88]),
        1 => any::<u8>(),
    ];
    let masked = prop_oneof![9 => Just(masked), 1 => any::<bool>()];
    let form = prop_oneof![8 => Just(0), 1 => Just(126), 1 => Just(127_u8)];
    let frame = (first, masked, form, any::<[u8; 4]>(), payload());
    let frame = frame.prop_map(|(first, masked, form, key, payload)| {
        let bit = if masked { 0x80 } else { 0 };
        let mut frame = vec![first];
        match payload.len() {
            length if form == 127 => {
                frame.push(127 | bit);
                frame.extend((length as u64).to_be_bytes());
            }
            length if length > 125 || form == 126 => {
                frame.push(126 | bit);
                frame.extend((length as u16).to_be_bytes());
            }
            length => frame.push(length as u8 | bit),
        }
        if masked {
            frame.extend(key);
            let masked = payload.iter().zip(key.iter().cycle());
            frame.extend(masked.map(|(byte, key)| byte ^ key));
        } else {
            frame.extend(payload);
        }
        frame
    });
    vec(frame, 0..8).prop_map(|frames| frames.concat())
}

/// Frames of Hixie-75 and Hixie-76.
fn old_frames() -> impl Strategy<Value = Bytes> {
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
    prop_oneof![2 => frames(masked), 1 => old_frames()]
}

fn joined<A, B>(front: A, back: B) -> impl Strategy<Value = Bytes>
where
    A: Strategy<Value = Bytes>,
    B: Strategy<Value = Bytes>,
{
    (front, back).prop_map(|(front, back)| [front, back].concat())
}

/// Any input of that target, made to be understood.
pub fn input(target: &str) -> BoxedStrategy<Bytes> {
    match target {
        "chat" => {
            let step = |steps: &[u8], most: u8| (select(steps.to_vec()), 0..8_u8, 0..most);
            let step = prop_oneof![
                3 => step(b"co", 16),
                4 => step(b"tbfp", 80),
                1 => step(b"tb", 255),
                1 => step(b"TBPxemskizrw", 80),
                2 => step(b"hgljwKHG", 255),
                1 => step(b"d", 1),
            ];
            let bytes = |(step, slot, amount)| vec![step, b'0' + slot, b'0'.wrapping_add(amount)];
            let steps = vec(step.prop_map(bytes), 0..80).prop_map(|steps| steps.concat());
            // A few are open already.
            let guests = (1..6_u8).prop_map(|count| {
                let guest = |slot| [b'c', slot, b'0', b'o', slot, b'4' - slot % 5];
                (0..count).flat_map(|slot| guest(b'0' + slot)).collect()
            });
            joined(options(2), joined(guests, steps)).boxed()
        }
        "client" => {
            let wire = joined(prop_oneof![Just(Vec::new()), answer()], all_frames(false));
            joined(options(11), spoilt(wire)).boxed()
        }
        "dialects" => options(13).boxed(),
        "frames" => {
            let wire = any::<bool>().prop_flat_map(frames);
            joined(options(8), spoilt(wire)).boxed()
        }
        "head" => spoilt(prop_oneof![3 => request().boxed(), 1 => answer().boxed()]).boxed(),
        "keys" => {
            let key = prop_oneof!["[0-9 ]{0,14}", "[ -~]{0,20}"].prop_map(String::into_bytes);
            joined(vec(any::<u8>(), 32), key).boxed()
        }
        "pair" => {
            let (who, amount) = (b"tbegspqxyiowdf".to_vec(), b'0'..b'z');
            let step = (select(who), any::<bool>(), amount).prop_map(|(step, server, amount)| {
                let step = if server {
                    step.to_ascii_uppercase()
                } else {
                    step
                };
                vec![step, amount]
            });
            let close = (select(b"cC".to_vec()), b'0'..b'p').prop_map(|(who, how)| vec![who, how]);
            let close = prop_oneof![1 => Just(Vec::new()), 2 => close];
            let steps = || vec(step.clone(), 0..12).prop_map(|steps| steps.concat());
            joined(options(3), joined(joined(steps(), close), steps())).boxed()
        }
        "reply" => {
            let url = "(ws|wss)://([a-z.]{1,8}|\\[::1\\])(:[0-9]{1,5})?([/?][!-~]{0,8})?";
            let string = prop_oneof![
                4 => "[a-zA-Z-]{1,8}",
                1 => "[!-~]{0,8}",
                1 => "[ -~\r\n\t]{0,8}",
                1 => "\\PC{0,4}",
            ];
            let strings = (url, vec(string, 9)).prop_map(|(url, mut strings)| {
                strings.insert(0, url);
                let strings = strings.iter().map(String::as_bytes);
                strings.collect::<Vec<_>>().join(&0xFF)
            });
            joined(options(4), strings).boxed()
        }
        "server" => joined(options(10), spoilt(joined(request(), all_frames(true)))).boxed(),
        other => panic!("no grammar for {other}"),
    }
}
