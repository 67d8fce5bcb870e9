//! Detection of protocols other than HTTP: a TLS ClientHello or a Flash policy request.

/// PX-1; spaces may precede and follow the `/`.
const POLICY_REQUEST: &[u8] = b"<policy-file-request/>\0";
const SLASH_AT: usize = POLICY_REQUEST.len() - 3;
const AFTER_SLASH: usize = SLASH_AT + 1;

/// The maximum number of spaces around the `/`.
const MAX_SPACES: u8 = 16;

/// The result of [`Sniffer::read`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sniffed {
    /// All input was consumed and may be the start of a policy request.
    NeedMore,
    /// The first byte excludes the other protocols. No byte was consumed.
    MaybeHttp,
    /// The first byte is that of a TLS ClientHello or of an SSLv2 one, which Safari once sent.
    TlsClientHello,
    /// A complete policy request.
    FlashPolicyRequest,
    /// The input starts like a policy request, but differs from one at this offset.
    Malformed { at: u32 },
}

/// An incremental parser for policy requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sniffer {
    matched: u8,
    spaces: u8,
}

impl Sniffer {
    /// Consumes bytes from `input` until the protocol is known.
    pub(crate) fn read(&mut self, input: &mut &[u8]) -> Sniffed {
        while let Some((byte, remaining)) = input.split_first() {
            let matched = usize::from(self.matched);
            match (matched, byte) {
                (0, b'<') => self.matched += 1,
                (0, 0x16 | 0x80) => return Sniffed::TlsClientHello,
                (0, _) => return Sniffed::MaybeHttp,
                (SLASH_AT | AFTER_SLASH, b' ') if self.spaces < MAX_SPACES => self.spaces += 1,
                (_, byte) if POLICY_REQUEST.get(matched) == Some(byte) => self.matched += 1,
                _ => {
                    let at = u32::from(self.matched) + u32::from(self.spaces);
                    return Sniffed::Malformed { at };
                }
            }
            *input = remaining;
            if usize::from(self.matched) == POLICY_REQUEST.len() {
                return Sniffed::FlashPolicyRequest;
            }
        }
        Sniffed::NeedMore
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut bytes: &[u8]) -> (Sniffed, usize) {
        let len = bytes.len();
        let sniffed = Sniffer::default().read(&mut bytes);
        (sniffed, len - bytes.len())
    }

    /// PX-1
    #[test]
    fn a_policy_request_is_recognized_with_and_without_spaces() {
        assert_eq!(POLICY_REQUEST[SLASH_AT], b'/');
        let request = b"<policy-file-request/>\0and more";
        assert_eq!(read(request), (Sniffed::FlashPolicyRequest, 23));
        let spaced = b"<policy-file-request   />\0";
        assert_eq!(read(spaced), (Sniffed::FlashPolicyRequest, 26));
        let spaced = b"<policy-file-request / >\0";
        assert_eq!(read(spaced), (Sniffed::FlashPolicyRequest, 25));
        for split in 0..23 {
            let mut sniffer = Sniffer::default();
            assert_eq!(sniffer.read(&mut &request[..split]), Sniffed::NeedMore);
            assert_eq!(
                sniffer.read(&mut &request[split..]),
                Sniffed::FlashPolicyRequest
            );
        }
    }

    #[test]
    fn other_input_is_reported_with_the_offset_of_the_first_difference() {
        assert_eq!(read(b"<html>"), (Sniffed::Malformed { at: 1 }, 1));
        assert_eq!(
            read(b"<policy-file-request/>\n").0,
            Sniffed::Malformed { at: 22 }
        );
        let too_many_spaces = [&b"<policy-file-request"[..], &[b' '; 17]].concat();
        assert_eq!(read(&too_many_spaces).0, Sniffed::Malformed { at: 36 });
        assert_eq!(read(b"GET /"), (Sniffed::MaybeHttp, 0));
        assert_eq!(read(b"\x16\x03\x01").0, Sniffed::TlsClientHello);
        assert_eq!(read(b"\x80\x2e\x01").0, Sniffed::TlsClientHello);
    }
}
