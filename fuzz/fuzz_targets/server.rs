//! A server, fed any bytes in any split.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| hybi_oracles::server(input));
