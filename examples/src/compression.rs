//! Compression, which the feature `deflate` builds in.
//!
//! Each thread keeps the states of the compression library that it has used, 48 KB to decompress and
//! some 250 KB for each window that it compresses with. `std_echo` and `poke` have threads for each
//! connection: with many of them, use `--no-compression`.

use hybi::Config;

/// Enables compression of messages up to a length, with the default windows: 10 bits in each
/// direction. Has no effect if compression is not built in.
#[cfg_attr(not(feature = "deflate"), expect(unused_variables))]
pub fn enable(config: Config, max_message_len: usize) -> Config {
    #[cfg(feature = "deflate")]
    let config = config.deflate(hybi::Deflate::new().max_inflated_len(max_message_len as u64));
    config
}
