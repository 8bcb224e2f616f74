//! GPT-2's byte alphabet: a printable character for each of the 256 bytes.

/// The byte that a character of GPT-2's byte alphabet stands for: printable Latin-1 stands for
/// itself, and the other 68 bytes, in order, for the characters from U+0100.
fn alphabet_byte(c: char) -> Option<u8> {
    let code = u32::from(c);
    match code {
        0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF => u8::try_from(code).ok(),
        0x100..=0x120 => u8::try_from(code - 0x100).ok(),
        0x121..=0x142 => u8::try_from(code - 0x121 + 0x7F).ok(),
        0x143 => Some(0xAD),
        _ => None,
    }
}

/// The character of GPT-2's byte alphabet for a byte.
pub(crate) fn alphabet_char(byte: u8) -> char {
    let code = u32::from(byte);
    let moved = match byte {
        0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF => code,
        0x00..=0x20 => code + 0x100,
        0x7F..=0xA0 => code - 0x7F + 0x121,
        0xAD => 0x143,
    };
    char::from_u32(moved).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// What a token of that alphabet stands for; `None` where it has another character.
pub(crate) fn alphabet_bytes(token: &str) -> Option<Vec<u8>> {
    token.chars().map(alphabet_byte).collect()
}
