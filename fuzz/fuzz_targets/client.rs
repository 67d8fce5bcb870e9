//! A client, fed any bytes in any pieces, behind the right reply too.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| hybi_fuzz::client(input));
