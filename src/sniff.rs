//! What comes to a WebSocket port and is no HTTP: a TLS hello, a Flash policy request.

/// PX-1; optional spaces stand before the `/`.
const POLICY_REQUEST: &[u8] = b"<policy-file-request/>\0";
const SLASH: usize = POLICY_REQUEST.len() - 3;

/// So many spaces are skipped at most.
const MAX_SPACES: u8 = 16;

/// What the first bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sniffed {
    /// All input is taken, and it may still be a policy request.
    NeedMore,
    /// HTTP, or nothing that is known; not one byte was taken.
    Other,
    /// The first byte is that of a TLS hello, or of an SSLv2 hello (as Safari once sent).
    TlsClientHello,
    FlashPolicyRequest,
    /// It began like a policy request and differs at this byte.
    Malformed {
        at: u32,
    },
}

/// Reads a policy request, however it is cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sniffer {
    matched: u8,
    spaces: u8,
}

impl Sniffer {
    /// Takes bytes off the front of `input`.
    pub(crate) fn read(&mut self, input: &mut &[u8]) -> Sniffed {
        while let Some((byte, rest)) = input.split_first() {
            let matched = usize::from(self.matched);
            match (matched, byte) {
                (0, b'<') => self.matched += 1,
                (0, 0x16 | 0x80) => return Sniffed::TlsClientHello,
                (0, _) => return Sniffed::Other,
                (SLASH, b' ') if self.spaces < MAX_SPACES => self.spaces += 1,
                (_, byte) if POLICY_REQUEST.get(matched) == Some(byte) => self.matched += 1,
                _ => {
                    let at = u32::from(self.matched) + u32::from(self.spaces);
                    return Sniffed::Malformed { at };
                }
            }
            *input = rest;
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
        let before = bytes.len();
        let found = Sniffer::default().read(&mut bytes);
        (found, before - bytes.len())
    }

    #[test]
    fn px_1_a_policy_request_with_and_without_spaces() {
        assert_eq!(POLICY_REQUEST[SLASH], b'/');
        let request = b"<policy-file-request/>\0and more";
        assert_eq!(read(request), (Sniffed::FlashPolicyRequest, 23));
        let spaced = b"<policy-file-request   />\0";
        assert_eq!(read(spaced), (Sniffed::FlashPolicyRequest, 26));
        for cut in 0..23 {
            let mut preface = Sniffer::default();
            assert_eq!(preface.read(&mut &request[..cut]), Sniffed::NeedMore);
            assert_eq!(
                preface.read(&mut &request[cut..]),
                Sniffed::FlashPolicyRequest
            );
        }
    }

    #[test]
    fn what_is_no_policy_request_says_where() {
        assert_eq!(read(b"<html>"), (Sniffed::Malformed { at: 1 }, 1));
        assert_eq!(
            read(b"<policy-file-request/>\n").0,
            Sniffed::Malformed { at: 22 }
        );
        let many = [&b"<policy-file-request"[..], &[b' '; 17]].concat();
        assert_eq!(read(&many).0, Sniffed::Malformed { at: 36 });
        assert_eq!(read(b"GET /"), (Sniffed::Other, 0));
        assert_eq!(read(b"\x16\x03\x01").0, Sniffed::TlsClientHello);
        assert_eq!(read(b"\x80\x2e\x01").0, Sniffed::TlsClientHello);
    }
}
