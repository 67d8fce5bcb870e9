//! The room of `mio_chat`, its guests on sockets that do what the input says.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| hybi_fuzz::chat(input));
