//! The operating system's source of randomness.

use model::random::RandomSource;

/// Random bytes from the operating system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemRandom;

impl RandomSource for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        // A server that cannot draw randomness must not make up tokens.
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the source that all others go by"
        )]
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}
