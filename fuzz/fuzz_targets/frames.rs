//! Frames of HyBi-7, HyBi-8 and RFC 6455, in either role, against a reference decoder.
#![no_main]

use hybi_oracles::{FramesInput, frames};

libfuzzer_sys::fuzz_target!(|input: FramesInput| frames(input));
