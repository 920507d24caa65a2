//! Passwords, and the only form in which they are stored.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::fault::{Fault, FaultCode};
use crate::limits::{PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN};
use crate::random::RandomSource;
use crate::secrets::Pepper;
#[cfg(test)]
use crate::secrets::counted;

/// Memory of one hash, in KiB: 19 MiB.
const MEMORY_KIB: u32 = 19 * 1_024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
/// The first byte of a stored hash: Argon2id, version 1.3, under the pepper.
const FORM: u8 = 1;
const STORED_BYTES: usize = 1 + 3 * 4 + SALT_BYTES + HASH_BYTES;

/// What people choose when they must choose something long. Shorter ones are
/// refused by their length; each of these also with others of its characters
/// in upper case, and when it is repeated.
const COMMON: [&str; 32] = [
    "password",
    "passwort",
    "motdepasse",
    "contraseña",
    "passphrase",
    "iloveyou",
    "letmein",
    "welcome",
    "administrator",
    "admin",
    "qwerty",
    "qwertyuiop",
    "qwertyuiopasdfgh",
    "qwertyuiopasdfghjkl",
    "qwertyuiopasdfghjklzxcvbnm",
    "asdfghjkl",
    "1qaz2wsx3edc4rfv",
    "q1w2e3r4t5y6u7i8",
    "abc123",
    "changeme",
    "changemeplease",
    "trustno1",
    "sunshine",
    "princess",
    "football",
    "baseball",
    "superman",
    "dragon",
    "monkey",
    "thisisapassword",
    "correcthorsebatterystaple",
    "tidegate",
];

/// The text of a password. It has no `Clone` and no `Display`, an opaque
/// `Debug`, and is wiped from memory when dropped.
///
/// ```compile_fail,E0277
/// fn print(password: model::people::Password) { println!("{password}"); }
/// ```
pub struct Password(Zeroizing<String>);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

impl Password {
    /// A password that somebody wants to have; `about` are texts that are
    /// known of that person. No kind of character is asked for.
    ///
    /// # Errors
    /// A fault for one that is short, long, or among the first to be guessed.
    pub fn choose(text: &str, about: &[&str]) -> Result<Self, Fault> {
        let chars = text.chars().count();
        let limits = PASSWORD_CHARS_MIN..=PASSWORD_CHARS_MAX;
        if !limits.contains(&chars) {
            let detail = format!(
                "a password has from {PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX} characters; several words are easy to keep"
            );
            return Err(Fault::new(FaultCode::InvalidValue, detail));
        }
        if is_guessed_early(text, about) {
            return Err(Fault::new(
                FaultCode::InvalidValue,
                "the password is among the first to be guessed: a common one, a row of neighbours, one thing repeated, or the person's own name; choose another",
            ));
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// A password that somebody signs in with; `None` when it is longer than
    /// any that can be chosen.
    pub fn presented(text: &str) -> Option<Self> {
        let fits = text.chars().count() <= PASSWORD_CHARS_MAX;
        fits.then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// The form to store. It takes 19 MiB and some dozens of milliseconds:
    /// never on a thread that answers requests.
    pub fn hash(&self, pepper: &Pepper, random: &dyn RandomSource) -> PasswordHash {
        let mut salt = [0; SALT_BYTES];
        random.fill(&mut salt);
        let costs = Costs {
            memory: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
        };
        let hash = costs.hash(&self.0, &salt, pepper);
        // These costs are within what the function takes.
        PasswordHash {
            costs,
            salt,
            hash: hash.unwrap_or_default(),
        }
    }

    /// Whether this is the password. It takes as long for a wrong one, and for
    /// that of [`PasswordHash::of_nobody`].
    pub fn is(&self, stored: &PasswordHash, pepper: &Pepper) -> bool {
        let Some(hash) = stored.costs.hash(&self.0, &stored.salt, pepper) else {
            return false;
        };
        let is_equal: bool = hash.ct_eq(&stored.hash).into();
        is_equal && stored.hash != [0; HASH_BYTES]
    }
}

/// Whether a guesser who knows people comes to it soon.
fn is_guessed_early(text: &str, about: &[&str]) -> bool {
    let text: Vec<char> = text.to_lowercase().chars().collect();
    let about = about.iter().flat_map(|text| {
        let lower = text.to_lowercase();
        let parts: Vec<String> = lower.split('@').map(str::to_owned).collect();
        parts.into_iter().chain([lower])
    });
    let about: Vec<String> = about.filter(|word| !word.is_empty()).collect();
    let known = COMMON.into_iter().chain(about.iter().map(String::as_str));
    known.into_iter().any(|word| repeats(&text, word))
        || (1..=4).any(|length| has_period(&text, length))
        || is_row(&text)
}

/// Whether the text is the word, once or again and again.
fn repeats(text: &[char], word: &str) -> bool {
    let word: Vec<char> = word.chars().collect();
    text.len() >= word.len() && text.chunks(word.len()).all(|part| word.starts_with(part))
}

/// Whether the text is its first few characters again and again.
fn has_period(text: &[char], length: usize) -> bool {
    text.iter()
        .zip(text.iter().skip(length))
        .all(|(a, b)| a == b)
}

/// Whether each character is the next one of the alphabet, or the one before.
/// After 9 comes 0.
fn is_row(text: &[char]) -> bool {
    let step = |pair: &[char]| match (pair[0], pair[1]) {
        ('9', '0') => 1,
        ('0', '9') => -1,
        (a, b) => i64::from(u32::from(b)) - i64::from(u32::from(a)),
    };
    let mut steps = text.windows(2).map(step);
    let first = steps.next().unwrap_or(0);
    first.abs() <= 1 && steps.all(|other| other == first)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Costs {
    memory: u32,
    passes: u32,
    lanes: u32,
}

impl Costs {
    /// Argon2id with the pepper as its secret; `None` for costs that cannot be.
    fn hash(self, text: &str, salt: &[u8], pepper: &Pepper) -> Option<[u8; HASH_BYTES]> {
        let params = Params::new(self.memory, self.passes, self.lanes, Some(HASH_BYTES)).ok()?;
        let secret = pepper.derive("passwords");
        let argon =
            Argon2::new_with_secret(&*secret, Algorithm::Argon2id, Version::V0x13, params).ok()?;
        let mut hash = [0; HASH_BYTES];
        #[cfg(test)]
        counted::password(u64::from(self.memory) * u64::from(self.passes));
        argon
            .hash_password_into(text.as_bytes(), salt, &mut hash)
            .ok()?;
        Some(hash)
    }
}

/// The stored form of a password, with the costs that it was made at.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    costs: Costs,
    salt: [u8; SALT_BYTES],
    hash: [u8; HASH_BYTES],
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash")
    }
}

impl PasswordHash {
    /// One that no password has, at the usual costs: what is compared with
    /// when nobody has the name.
    pub fn of_nobody() -> Self {
        Self {
            costs: Costs {
                memory: MEMORY_KIB,
                passes: PASSES,
                lanes: LANES,
            },
            salt: [0; SALT_BYTES],
            hash: [0; HASH_BYTES],
        }
    }

    /// The bytes to store.
    pub fn to_bytes(&self) -> Vec<u8> {
        let costs = [self.costs.memory, self.costs.passes, self.costs.lanes];
        let mut bytes = vec![FORM];
        bytes.extend(costs.iter().flat_map(|cost| cost.to_be_bytes()));
        bytes.extend(self.salt);
        bytes.extend(self.hash);
        bytes
    }

    /// The stored hash of these bytes; `None` for another form, and for costs
    /// below those that a hash may be made at.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; STORED_BYTES] = bytes.try_into().ok()?;
        let rest = bytes.strip_prefix(&[FORM])?;
        let (memory, rest) = rest.split_first_chunk()?;
        let (passes, rest) = rest.split_first_chunk()?;
        let (lanes, rest) = rest.split_first_chunk()?;
        let (salt, hash) = rest.split_first_chunk()?;
        let costs = Costs {
            memory: u32::from_be_bytes(*memory),
            passes: u32::from_be_bytes(*passes),
            lanes: u32::from_be_bytes(*lanes),
        };
        let is_enough = costs.memory >= MEMORY_KIB && costs.passes >= PASSES;
        (is_enough && costs.lanes == LANES).then_some(Self {
            costs,
            salt: *salt,
            hash: hash.try_into().ok()?,
        })
    }
}
