//! Sinks for messages: one compares them before the measurement, one counts them during it.

/// Accepts what a receiver returns.
pub trait Sink {
    /// A chunk of a message, or all of it.
    fn chunk(&mut self, bytes: &[u8], is_final: bool);

    /// A skipped frame, with its payload length.
    fn skipped(&mut self, length: u64);

    /// Complete messages.
    fn messages(&self) -> u64;
}

/// Counts messages and their bytes.
#[derive(Default)]
pub struct Tally {
    messages: u64,
    bytes: u64,
}

impl Tally {
    /// Panics unless every message had `size` bytes. An incomplete message may have added to their
    /// sum.
    pub fn check(&self, size: usize) {
        let size = size as u64;
        let whole = self.messages * size;
        assert!(
            self.bytes.abs_diff(whole) < size.max(1),
            "{} messages of {size} bytes have {} bytes",
            self.messages,
            self.bytes
        );
    }
}

impl Sink for Tally {
    fn chunk(&mut self, bytes: &[u8], is_final: bool) {
        self.bytes += std::hint::black_box(bytes).len() as u64;
        self.messages += u64::from(is_final);
    }

    fn skipped(&mut self, length: u64) {
        self.bytes += length;
        self.messages += 1;
    }

    fn messages(&self) -> u64 {
        self.messages
    }
}

/// Panics at the first byte that is not the expected one.
pub struct Comparison<'a> {
    name: &'a str,
    expected: std::iter::Cycle<std::slice::Iter<'a, Vec<u8>>>,
    message: Vec<u8>,
    messages: u64,
}

impl<'a> Comparison<'a> {
    pub fn new(name: &'a str, expected: &'a [Vec<u8>]) -> Self {
        Self {
            name,
            expected: expected.iter().cycle(),
            message: Vec::new(),
            messages: 0,
        }
    }
}

impl Sink for Comparison<'_> {
    fn chunk(&mut self, bytes: &[u8], is_final: bool) {
        self.message.extend_from_slice(bytes);
        if is_final {
            let same = self.expected.next() == Some(&self.message);
            assert!(
                same,
                "{}: message {} is not the one sent",
                self.name, self.messages
            );
            self.message.clear();
            self.messages += 1;
        }
    }

    fn skipped(&mut self, length: u64) {
        let expected = self.expected.next().map(|payload| payload.len() as u64);
        assert_eq!(Some(length), expected, "frame {} skipped", self.messages);
        self.messages += 1;
    }

    fn messages(&self) -> u64 {
        self.messages
    }
}
