//! Recovery codes: each stands in for the app once.

use data_encoding::BASE32_NOPAD;
use zeroize::Zeroizing;

use super::shown_once::shown_once;

/// Bits of a code.
const BITS: usize = 128;

shown_once! {
    /// One recovery code: 128 random bits in base 32.
    RecoveryCode,
    /// What is stored of a recovery code. The code has 128 random bits, so
    /// that a keyed hash is enough, and looking it up tells nothing by its time.
    RecoveryHash, 16, BASE32_NOPAD, "recovery codes"
}

impl RecoveryCode {
    /// Reads a code, with or without the blanks and dashes that people write.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > 2 * BITS {
            return None;
        }
        let kept = text.chars().filter(|c| !matches!(c, ' ' | '-'));
        let text = Zeroizing::new(kept.collect::<String>().to_ascii_uppercase());
        let bits = Zeroizing::new(BASE32_NOPAD.decode(text.as_bytes()).ok()?);
        (bits.len() * 8 == BITS).then_some(Self(text))
    }
}
