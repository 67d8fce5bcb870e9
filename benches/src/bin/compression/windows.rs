//! Length and time of messages by window, level and length of the message, without I/O.

use std::time::Duration;

use hybi::{Config, Connection, Deflate, Dialect, Entropy, Event, Handshake, Input};
use hybi_bench::clock;
use hybi_bench::corpus::Random;

use super::{Result, messages, print_header};

/// In bits; `None` without context takeover.
const WINDOWS: [Option<u8>; 5] = [None, Some(9), Some(10), Some(12), Some(15)];

const LEVELS: [u8; 2] = [1, 6];

/// The events of a message: one, or an array of several.
const EVENTS: [usize; 3] = [1, 10, 156];

/// The bytes of JSON of a round.
const ROUND: usize = 1 << 20;

const ROUNDS: usize = 5;

#[derive(Clone, Copy, Default)]
struct Cost {
    /// Bytes on the wire by bytes of the message.
    ratio: f64,
    /// Nanoseconds per message.
    compress: f64,
    decompress: f64,
}

pub fn compare() -> Result<()> {
    println!("Percent of the length; microseconds to send and to receive, without I/O.\n");
    print_header("messages", "no window", &WINDOWS);
    for events in EVENTS {
        for level in LEVELS {
            let texts = texts(events);
            let mean = texts.iter().map(String::len).sum::<usize>() / texts.len();
            print!("| {mean} bytes, level {level} |");
            for window in WINDOWS {
                let cost = measure(window, level, &texts)?;
                let percent = 100.0 * cost.ratio;
                let (compress, decompress) = (cost.compress / 1e3, cost.decompress / 1e3);
                print!(" {percent:.0} %, {compress:.1}, {decompress:.1} |");
            }
            println!();
        }
    }
    Ok(())
}

fn texts(events: usize) -> Vec<String> {
    let mut random = Random::default();
    let count = (ROUND / (events * 106)) as u64;
    match events {
        1 => messages::events(count, &mut random),
        _ => messages::arrays(count, events, &mut random),
    }
}

/// Returns the medians of the rounds.
fn measure(window: Option<u8>, level: u8, texts: &[String]) -> Result<Cost> {
    let (mut server, mut client) = connections(window, level)?;
    round(&mut server, &mut client, texts)?;
    let mut costs = [Cost::default(); ROUNDS];
    for cost in &mut costs {
        *cost = round(&mut server, &mut client, texts)?;
    }
    let median = |of: fn(&Cost) -> f64| {
        let mut values = costs.each_ref().map(of);
        values.sort_by(f64::total_cmp);
        values[ROUNDS / 2]
    };
    Ok(Cost {
        ratio: median(|cost| cost.ratio),
        compress: median(|cost| cost.compress),
        decompress: median(|cost| cost.decompress),
    })
}

fn connections(window: Option<u8>, level: u8) -> Result<(Connection, Connection)> {
    let agreed = match window {
        None => "; server_no_context_takeover; client_no_context_takeover".to_owned(),
        Some(bits) => format!("; server_max_window_bits={bits}; client_max_window_bits={bits}"),
    };
    let compression = format!("permessage-deflate{agreed}").parse()?;
    let handshake = Handshake::new(Dialect::Rfc6455).with_compression(compression);
    let deflate = Deflate::new()
        .send_window(window)
        .receive_window(window)
        .level(level)
        .threshold(0);
    let config = Config::new().deflate(deflate);
    let entropy = Entropy::from_bytes([7; 32]);
    Ok((
        Connection::established_server(config.clone(), &handshake),
        Connection::established_client(config, &handshake, entropy),
    ))
}

/// Sends each text from the server to the client.
fn round(server: &mut Connection, client: &mut Connection, texts: &[String]) -> Result<Cost> {
    let (mut sent, mut received, mut compress, mut decompress) = (0, 0, 0, 0);
    for text in texts {
        let before = clock::nanos();
        server.send_text(text)?;
        let queued = clock::nanos();
        let mut bytes = server.transmit().to_vec();
        server.advance(bytes.len());
        sent += bytes.len();
        let read = clock::nanos();
        let mut input = Input::new(&mut bytes, Duration::ZERO);
        while let Some(event) = client.receive(&mut input) {
            match event {
                Event::Text(chunk) => received += chunk.as_str().len(),
                other => return Err(format!("{other:?}").into()),
            }
        }
        compress += queued - before;
        decompress += clock::nanos() - read;
    }
    let len: usize = texts.iter().map(String::len).sum();
    if received != len {
        return Err("not all was received".into());
    }
    let messages = texts.len() as f64;
    Ok(Cost {
        ratio: sent as f64 / len as f64,
        compress: compress as f64 / messages,
        decompress: decompress as f64 / messages,
    })
}
