//! Frames of HyBi-7 and later, as they have to be written.

/// HY-6: a frame with the shortest form of its length.
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

/// The frames that a client sent, each masked and with the shortest form of its length, without
/// the masks.
pub fn unmask(mut bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    while let [first, second, rest @ ..] = bytes {
        assert_eq!(second & 0x80, 0x80, "a client masks each frame");
        let (length, rest) = match second & 0x7F {
            126 => {
                let (length, rest) = rest.split_first_chunk().expect("a whole length");
                (u16::from_be_bytes(*length).into(), rest)
            }
            127 => {
                let (length, rest) = rest.split_first_chunk().expect("a whole length");
                (u64::from_be_bytes(*length) as usize, rest)
            }
            short => (usize::from(short), rest),
        };
        let (key, rest) = rest.split_first_chunk::<4>().expect("a whole key");
        let (payload, rest) = rest.split_at(length);
        let masked = payload.iter().zip(key.iter().cycle());
        let payload: Vec<_> = masked.map(|(byte, key)| byte ^ key).collect();
        let header = bytes.len() - rest.len() - length - 4;
        let frame = frame(*first, &payload);
        assert_eq!(frame.len(), header + length, "the shortest form");
        plain.extend(frame);
        bytes = rest;
    }
    assert_eq!(bytes, b"", "half a frame");
    plain
}
