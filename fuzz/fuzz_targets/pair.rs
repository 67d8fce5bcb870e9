//! A connected client and server that send and close in any order.
#![no_main]

use hybi_oracles::{PairInput, pair};

libfuzzer_sys::fuzz_target!(|input: PairInput| pair(input));
