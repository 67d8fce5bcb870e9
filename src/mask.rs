//! The mask of HyBi-7 and later (RFC 6455, 5.3).

/// As wide as the compiler makes one loop step of.
const BLOCK: usize = 32;

/// Masks or unmasks `bytes`, which stand at `offset` of a frame's payload.
#[inline]
pub(crate) fn apply(bytes: &mut [u8], key: [u8; 4], offset: u64) {
    let mut key = key;
    key.rotate_left((offset % 4) as usize);
    let [a, b, c, d] = key;
    let mut blocks = bytes.chunks_exact_mut(BLOCK);
    for block in &mut blocks {
        for (byte, key) in block.iter_mut().zip([key; BLOCK / 4].as_flattened()) {
            *byte ^= key;
        }
    }
    let word = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut words = blocks.into_remainder().chunks_exact_mut(8);
    for eight in &mut words {
        if let Ok(eight) = <&mut [u8; 8]>::try_from(eight) {
            *eight = (u64::from_ne_bytes(*eight) ^ word).to_ne_bytes();
        }
    }
    for (byte, key) in words.into_remainder().iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::apply;
    use alloc::vec::Vec;

    #[test]
    fn hy_5_the_example_of_rfc_6455() {
        let mut bytes = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
        apply(&mut bytes, [0x37, 0xfa, 0x21, 0x3d], 0);
        assert_eq!(&bytes, b"Hello");
    }

    #[test]
    fn hy_5_any_cut_is_masked_as_the_whole_is() {
        let key = [1, 20, 100, 250];
        let plain: Vec<u8> = (0..100).collect();
        let expected: Vec<u8> = plain
            .iter()
            .enumerate()
            .map(|(i, b)| b ^ key[i % 4])
            .collect();
        for cut in 0..=plain.len() {
            let mut bytes = plain.clone();
            let (front, back) = bytes.split_at_mut(cut);
            apply(front, key, 0);
            apply(back, key, cut as u64);
            assert_eq!(bytes, expected, "cut at {cut}");
        }
    }
}
