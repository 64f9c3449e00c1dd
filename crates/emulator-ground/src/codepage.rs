//! Code page 1252, in which SQL_Latin1_General_CP1_CI_AS keeps what is not Unicode.

/// Upper half of code page 1252 where it differs from Latin-1.
const HIGH: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8D}', 'Ž', '\u{8F}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9D}', 'ž', 'Ÿ',
];

/// Its bytes; a character it has no sign for is `?`, as on the server.
pub fn encode(text: &str) -> Vec<u8> {
    text.chars()
        .map(|c| match u32::from(c) {
            code @ (0..0x80 | 0xA0..0x100) => code as u8,
            _ => HIGH.iter().position(|other| *other == c).map_or(b'?', |index| 0x80 + index as u8),
        })
        .collect()
}

/// The text of such bytes.
pub fn decode(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| match byte {
            0x80..0xA0 => HIGH.get(usize::from(byte - 0x80)).copied().unwrap_or('?'),
            _ => char::from(*byte),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_a_character_and_comes_back() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(encode(&decode(&bytes)), bytes);
        assert_eq!((encode("a€éж"), decode(&[0x61, 0x80, 0xE9])), (vec![0x61, 0x80, 0xE9, b'?'], "a€é".to_owned()));
    }
}
