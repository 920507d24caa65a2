//! Chance that follows from a seed alone.

/// Numbers below a bound.
pub(crate) type Dice<'d> = dyn FnMut(usize) -> usize + 'd;

/// Dice of this seed (SplitMix64).
pub(crate) fn dice(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed;
    move |bound| {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ z >> 31) % bound as u64).unwrap()
    }
}
