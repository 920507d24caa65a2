//! Bytes as text that a URL carries unchanged: base64url without padding
//! (RFC 4648, section 5). One text for one byte string: what another encoder
//! could have written differently is refused.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut three = [0_u8; 4];
        three[1..=chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes(three);
        for place in 0..=chunk.len() {
            let sextet = bits >> (18 - 6 * place) & 0x3f;
            text.push(char::from(ALPHABET[sextet as usize]));
        }
    }
    text
}

pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for chunk in text.as_bytes().chunks(4) {
        let mut bits = 0_u32;
        for (place, character) in chunk.iter().enumerate() {
            bits |= sextet(*character)? << (18 - 6 * place);
        }
        let three = bits.to_be_bytes();
        let (kept, unused) = three[1..].split_at(chunk.len() - 1);
        if chunk.len() == 1 || unused.iter().any(|byte| *byte != 0) {
            return None;
        }
        bytes.extend(kept);
    }
    Some(bytes)
}

fn sextet(character: u8) -> Option<u32> {
    let index = match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'-' => 62,
        b'_' => 63,
        _ => return None,
    };
    Some(u32::from(index))
}

#[cfg(test)]
mod tests;
