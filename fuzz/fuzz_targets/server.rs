//! A server, fed any bytes in any pieces.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| hybi_fuzz::server(input));
