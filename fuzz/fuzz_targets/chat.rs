//! The server of `mio_chat`, with clients on sockets that the input controls.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| hybi_oracles::chat(input));
