//! A server, fed any bytes in any split.
#![no_main]

use hybi_oracles::{ServerInput, server};

libfuzzer_sys::fuzz_target!(|input: ServerInput| server(input));
