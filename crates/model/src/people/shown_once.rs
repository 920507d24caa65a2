//! Random texts that are shown once and stored as a hash.

/// Makes the type of such a text and that of its hash.
macro_rules! shown_once {
    ($(#[$doc:meta])* $name:ident, $(#[$hash_doc:meta])* $hash:ident, $bytes:literal, $encoding:path, $purpose:literal) => {
        $(#[$doc])*
        ///
        /// It has no `Clone` and no `Display`, an opaque `Debug`, and is wiped
        /// from memory when dropped.
        pub struct $name(zeroize::Zeroizing<String>);

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($name))
            }
        }

        impl $name {
            /// A fresh one.
            pub fn generate(random: &dyn $crate::random::RandomSource) -> Self {
                let mut bits = zeroize::Zeroizing::new([0_u8; $bytes]);
                random.fill(&mut *bits);
                Self(zeroize::Zeroizing::new($encoding.encode(&*bits)))
            }

            /// The whole text, for the one answer that shows it.
            pub fn reveal(&self) -> &str {
                &self.0
            }

            /// The only form in which it is stored: an HMAC under the server's pepper.
            pub fn hash(&self, pepper: &$crate::secrets::Pepper) -> $hash {
                use hmac::{KeyInit, Mac};
                let key = pepper.derive($purpose);
                let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(&*key)
                    .expect("HMAC takes a key of any length");
                mac.update(self.0.as_bytes());
                $hash(mac.finalize().into_bytes().into())
            }
        }

        $(#[$hash_doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $hash([u8; 32]);

        impl $hash {
            /// A stored hash.
            pub fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The bytes to store.
            pub fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl std::fmt::Debug for $hash {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($hash))
            }
        }
    };
}

pub(super) use shown_once;
