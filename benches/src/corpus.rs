//! The payloads of messages. They are the same in every run: the seed of the generator is a constant.

/// Marsaglia's xorshift: enough for texts and masks that no branch predictor learns.
pub struct Random(u64);

impl Default for Random {
    fn default() -> Self {
        Self(0x9E37_79B9_7F4A_7C15)
    }
}

impl Random {
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn mask(&mut self) -> [u8; 4] {
        let [a, b, c, d, ..] = self.number().to_le_bytes();
        [a, b, c, d]
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.number() as usize % words.len()]
    }
}

/// The kind of payload in a group of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Words of ASCII.
    Text,
    /// Random words of Latin, Greek, Cyrillic, Arabic, Chinese, Japanese and emoji: the worst case
    /// for a UTF-8 check of single characters.
    Multi,
    /// Bytes of any value.
    Binary,
}

const ASCII: [&str; 12] = [
    "the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "and", "sleeps", "on",
];

const MULTI: [&str; 12] = [
    "straße",
    "déjà",
    "naïve",
    "λόγος",
    "ψυχή",
    "привет",
    "мир",
    "سلام",
    "你好",
    "世界",
    "こんにちは",
    "😀👍",
];

/// A payload of exactly `size` bytes.
pub fn payload(kind: Kind, size: usize, random: &mut Random) -> Vec<u8> {
    let words = match kind {
        Kind::Text => ASCII,
        Kind::Multi => MULTI,
        Kind::Binary => {
            let bytes = std::iter::repeat_with(|| random.number() as u8);
            return bytes.take(size).collect();
        }
    };
    let mut text = String::with_capacity(size + 32);
    while text.len() < size {
        text.push_str(random.pick(&words));
        text.push(' ');
    }
    while text.len() > size {
        text.pop();
    }
    // Replaces a character that was split.
    while text.len() < size {
        text.push('.');
    }
    text.into_bytes()
}
