//! An encoder of HyBi-7, HyBi-8 and RFC 6455 frames, to compare the library's output with.

/// Encodes a frame without a mask, with the shortest form of its length. HY-6
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..126 => frame.push(short as u8),
        long @ 126..0x1_0000 => {
            frame.push(126);
            frame.extend_from_slice(&(long as u16).to_be_bytes());
        }
        longer => {
            frame.push(127);
            frame.extend_from_slice(&(longer as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame
}

/// Returns a client's frames without their masks; asserts that each frame is masked and has the
/// shortest form of its length.
pub fn unmask(mut bytes: &[u8]) -> Vec<u8> {
    let mut unmasked = Vec::new();
    while let [first, second, rest @ ..] = bytes {
        assert_eq!(second & 0x80, 0x80, "a client masks each frame");
        let (len, rest) = match second & 0x7F {
            126 => {
                let (len, rest) = rest.split_first_chunk().expect("a complete length");
                (u16::from_be_bytes(*len).into(), rest)
            }
            127 => {
                let (len, rest) = rest.split_first_chunk().expect("a complete length");
                (u64::from_be_bytes(*len) as usize, rest)
            }
            len => (usize::from(len), rest),
        };
        let (key, rest) = rest.split_first_chunk::<4>().expect("a complete key");
        let (payload, rest) = rest.split_at(len);
        let masked = payload.iter().zip(key.iter().cycle());
        let payload: Vec<_> = masked.map(|(byte, key)| byte ^ key).collect();
        let header_len = bytes.len() - rest.len() - len - 4;
        let frame = frame(*first, &payload);
        assert_eq!(frame.len(), header_len + len, "not the shortest length");
        unmasked.extend(frame);
        bytes = rest;
    }
    assert_eq!(bytes, b"", "an incomplete frame");
    unmasked
}
