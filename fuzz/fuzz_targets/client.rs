//! A client, fed any bytes in any split, also after a valid response.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| hybi_oracles::client(input));
