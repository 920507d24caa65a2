//! One-time codes by the clock: RFC 6238 with SHA-1, six digits and steps of
//! 30 seconds, which is what every app can.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::SignInName;
use crate::ids::PersonId;
use crate::random::RandomSource;
use crate::sealed::Seal;
use crate::secrets::Pepper;
use crate::time::Timestamp;

/// 160 bits, as RFC 4226 advises.
const SECRET_BYTES: usize = 20;
const STEP_MICROSECONDS: i64 = 30_000_000;
/// Steps that a code may be early or late.
const WINDOW: u64 = 1;
const DIGITS: u32 = 6;
const VERSION: u8 = 1;
const PURPOSE: &str = "one-time codes";

/// The secret that a person's app and the server share. Opaque, and wiped
/// from memory when dropped.
pub struct Totp(Zeroizing<[u8; SECRET_BYTES]>);

impl fmt::Debug for Totp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Totp")
    }
}

/// A code that somebody typed.
#[derive(Clone, PartialEq, Eq)]
pub struct Code(u32);

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code")
    }
}

impl Code {
    /// Reads six digits; blanks between them are left out.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: String = text.chars().filter(|c| *c != ' ').collect();
        let is_code = digits.len() == DIGITS as usize && digits.bytes().all(|b| b.is_ascii_digit());
        is_code.then(|| digits.parse().ok().map(Self)).flatten()
    }
}

impl Totp {
    /// A fresh secret.
    pub fn generate(random: &dyn RandomSource) -> Self {
        let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
        random.fill(&mut *bytes);
        Self(bytes)
    }

    /// The secret as people type it into an app, for the one answer that shows it.
    pub fn reveal(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE32_NOPAD.encode(&*self.0))
    }

    /// The address that apps read from a picture.
    pub fn address(&self, name: &SignInName) -> Zeroizing<String> {
        let label: String = name.as_str().bytes().map(escaped).collect();
        let secret = self.reveal();
        Zeroizing::new(format!(
            "otpauth://totp/Tidegate:{label}?secret={}&issuer=Tidegate",
            secret.as_str()
        ))
    }

    /// The step of a good code: one of the present step, the one before or the
    /// one after, and later than every step that was used. `None` for any other code.
    ///
    /// The caller stores the step before it acts on the code.
    pub fn step_of(&self, code: &Code, now: Timestamp, last_used: u64) -> Option<u64> {
        let present = step_at(now);
        let first = present
            .saturating_sub(WINDOW)
            .max(last_used.saturating_add(1));
        (first..=present + WINDOW).find(|step| {
            let good = hotp(&*self.0, *step, DIGITS).to_be_bytes();
            good.ct_eq(&code.0.to_be_bytes()).into()
        })
    }

    /// The form to store, which opens for this person alone.
    pub fn seal(&self, person: PersonId, pepper: &Pepper, random: &dyn RandomSource) -> SealedTotp {
        let seal = Seal::new(pepper, PURPOSE);
        SealedTotp(seal.seal(VERSION, &person.to_bytes(), &*self.0, random))
    }

    /// The secret that [`Totp::reveal`] showed, as an app reads it.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(BASE32_NOPAD.decode(text.as_bytes()).ok()?);
        let bytes: [u8; SECRET_BYTES] = bytes.as_slice().try_into().ok()?;
        Some(Self(Zeroizing::new(bytes)))
    }

    /// What an app shows at a moment.
    pub fn shown_at(&self, now: Timestamp) -> Zeroizing<String> {
        let code = hotp(&*self.0, step_at(now), DIGITS);
        Zeroizing::new(format!("{code:06}"))
    }

    #[cfg(test)]
    fn shows(&self, step: u64) -> Code {
        Code(hotp(&*self.0, step, DIGITS))
    }
}

fn escaped(byte: u8) -> String {
    match byte {
        b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    }
}

/// The step that a moment lies in; before 1970 it is the first.
pub fn step_at(now: Timestamp) -> u64 {
    u64::try_from(now.as_microsecond().div_euclid(STEP_MICROSECONDS)).unwrap_or(0)
}

/// RFC 4226.
fn hotp(secret: &[u8], counter: u64, digits: u32) -> u32 {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(&counter.to_be_bytes());
    let mac = mac.finalize().into_bytes();
    let offset = usize::from(mac[mac.len() - 1] & 0xf);
    let four: [u8; 4] = std::array::from_fn(|at| mac[offset + at]);
    (u32::from_be_bytes(four) & 0x7fff_ffff) % 10_u32.pow(digits)
}

/// A stored secret, sealed under the server's pepper.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedTotp(String);

impl fmt::Debug for SealedTotp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedTotp")
    }
}

impl SealedTotp {
    /// A stored text.
    pub fn from_text(text: String) -> Self {
        Self(text)
    }

    /// The text to store.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The secret; `None` under another pepper or for another person.
    pub fn open(&self, person: PersonId, pepper: &Pepper) -> Option<Totp> {
        let seal = Seal::new(pepper, PURPOSE);
        let plain = Zeroizing::new(seal.open(VERSION, &person.to_bytes(), &self.0)?);
        let bytes: [u8; SECRET_BYTES] = plain.as_slice().try_into().ok()?;
        Some(Totp(Zeroizing::new(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B: the rows for SHA-1, with eight digits.
    #[test]
    fn k8_the_vectors_of_the_rfc() {
        let secret = b"12345678901234567890";
        for (seconds, code) in [
            (59, 94_287_082),
            (1_111_111_109, 7_081_804),
            (1_111_111_111, 14_050_471),
            (1_234_567_890, 89_005_924),
            (2_000_000_000, 69_279_037),
            (20_000_000_000_u64, 65_353_130),
        ] {
            assert_eq!(hotp(secret, seconds / 30, 8), code, "at {seconds} s");
        }
    }

    fn at(step: u64) -> Timestamp {
        let micros = i64::try_from(step).expect("small") * STEP_MICROSECONDS;
        Timestamp::from_microsecond(micros).expect("in range")
    }

    /// Whether codes count one step around their own, and after the last that was used.
    fn counts_as_promised(step_of: impl Fn(&Totp, &Code, Timestamp, u64) -> Option<u64>) -> bool {
        let totp = Totp(Zeroizing::new(*b"12345678901234567890"));
        let (now, step) = (at(1_000_000), 1_000_000_u64);
        let shown = [(-2, false), (-1, true), (0, true), (1, true), (2, false)];
        shown.into_iter().all(|(shown, counts)| {
            let shown = step.saturating_add_signed(shown);
            let code = totp.shows(shown);
            // Used up, and with it every code before it.
            step_of(&totp, &code, now, 0) == counts.then_some(shown)
                && step_of(&totp, &code, now, shown).is_none()
                && step_of(&totp, &code, now, shown + 1).is_none()
                && step_of(&totp, &code, now, shown - 1) == counts.then_some(shown)
        })
    }

    #[test]
    fn k8_a_code_counts_one_step_around_its_own_and_after_the_last_that_was_used() {
        assert!(counts_as_promised(Totp::step_of));
    }

    #[test]
    fn k8_the_check_finds_those_that_promise_less() {
        assert!(!counts_as_promised(
            |totp, code, now, _| totp.step_of(code, now, 0)
        ));
        assert!(!counts_as_promised(|totp, code, now, used| {
            totp.step_of(code, now, used.saturating_sub(1))
        }));
        // A window of two steps, and of none.
        assert!(!counts_as_promised(|totp, code, now, used| {
            let later = now.checked_add(std::time::Duration::from_secs(30))?;
            let found = totp.step_of(code, now, used);
            found.or_else(|| totp.step_of(code, later, used))
        }));
        assert!(!counts_as_promised(|totp, code, now, used| {
            totp.step_of(code, now, used)
                .filter(|step| *step == step_at(now))
        }));
    }

    #[test]
    fn k7_a_clock_that_steps_back_revives_no_code() {
        let totp = Totp(Zeroizing::new(*b"12345678901234567890"));
        let used = 1_000_000;
        for back in 0..=240 {
            for shown in used - back - 2..=used {
                let code = totp.shows(shown);
                assert_eq!(totp.step_of(&code, at(used - back), used), None);
            }
        }
    }

    #[test]
    fn a_code_is_six_digits() {
        for text in ["123456", "123 456", "000000"] {
            assert!(Code::parse(text).is_some(), "{text}");
        }
        for text in [
            "",
            "12345",
            "1234567",
            "12345a",
            "-12345",
            "+12345",
            "１２３４５６",
        ] {
            assert!(Code::parse(text).is_none(), "{text}");
        }
    }
}
