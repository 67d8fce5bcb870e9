//! A client, fed any bytes in any split, also after a valid response.
#![no_main]

use hybi_oracles::{ClientInput, client};

libfuzzer_sys::fuzz_target!(|input: ClientInput| client(input));
