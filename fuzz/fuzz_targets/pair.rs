//! A connected client and server that send and close in any order.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| hybi_oracles::pair(input));
