//! What samples of times tell.

pub(crate) fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

/// The value at a share of the sorted values.
pub(crate) fn at_share(sorted: &[f64], share: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let index = ((sorted.len() - 1) as f64 * share.clamp(0.0, 1.0)).round() as usize;
    sorted[index]
}

pub(crate) fn median(values: &[f64]) -> f64 {
    at_share(&sorted(values.to_vec()), 0.5)
}

/// The median of sorted values, and the range that holds the true one in 95 of 100 samples: the
/// ranks of a binomial distribution, whatever the values' own distribution is.
pub(crate) fn median_with_range(sorted: &[f64]) -> [f64; 3] {
    #[expect(clippy::cast_precision_loss, reason = "a few thousand values")]
    let half = 0.98 / (sorted.len() as f64).sqrt();
    [0.5, 0.5 - half, 0.5 + half].map(|share| at_share(sorted, share))
}

/// How often who is shown one time of each of the two says rightly which is of `b`, by saying that
/// the longer one is (or always the shorter one): 0.5 is guessing, 1 is knowing.
pub(crate) fn distinguished(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (sorted(a.to_vec()), sorted(b.to_vec()));
    let mut wins = 0.0;
    for value in &b {
        let below = a.partition_point(|other| other < value);
        let equal = a.partition_point(|other| other <= value) - below;
        #[expect(clippy::cast_precision_loss, reason = "a few thousand values")]
        let won = below as f64 + equal as f64 / 2.0;
        wins += won;
    }
    #[expect(clippy::cast_precision_loss, reason = "a few thousand values")]
    let share = wins / (a.len() as f64 * b.len() as f64);
    share.max(1.0 - share)
}
