//! How large an answer of groups is, reckoned before it is made.

use crate::limits::{RESULT_ROWS_MAX, RESULT_TEXT_BYTES_MAX, RESULT_VALUES_MAX};
use crate::value::Value;

/// An answer would be larger than allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooManyResults {
    /// By its rows.
    #[error(
        "an answer has at most {RESULT_ROWS_MAX} rows, each group's of each interval and each \
         actor's of each pool of a funnel; ask for fewer groups or actors, or longer intervals"
    )]
    Rows,
    /// By its values.
    #[error(
        "an answer has at most {RESULT_VALUES_MAX} values, those of each group and function in \
         each interval, and of lists each; ask for fewer groups, functions, intervals or lists"
    )]
    Values,
    /// By its texts.
    #[error(
        "the texts of an answer have at most {RESULT_TEXT_BYTES_MAX} bytes, those of groups \
         counted in each interval; ask for fewer groups or intervals, or for shorter fields"
    )]
    Text,
}

/// What an answer holds. Counting never overflows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResultSize {
    /// Rows.
    pub rows: usize,
    /// Values, those of a list or object each.
    pub values: usize,
    /// Bytes of texts.
    pub text: usize,
}

impl ResultSize {
    /// The size of these values, as part of a row.
    pub fn of<'a>(values: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut size = Self::default();
        values.into_iter().for_each(|value| size.count(value));
        size
    }

    fn count(&mut self, value: &Value) {
        self.values = self.values.saturating_add(1);
        match value {
            Value::String(text) => self.text = self.text.saturating_add(text.len()),
            Value::Array(values) => values.iter().for_each(|value| self.count(value)),
            Value::Object(object) => object.iter().for_each(|(name, value)| {
                self.text = self.text.saturating_add(name.len());
                self.count(value);
            }),
            _ => {}
        }
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            rows: self.rows.saturating_add(other.rows),
            values: self.values.saturating_add(other.values),
            text: self.text.saturating_add(other.text),
        }
    }

    /// So many of it.
    #[must_use]
    pub fn times(self, count: usize) -> Self {
        Self {
            rows: self.rows.saturating_mul(count),
            values: self.values.saturating_mul(count),
            text: self.text.saturating_mul(count),
        }
    }

    /// The size of an answer in which each of `seen` groups, known by its keys,
    /// is in each of so many intervals: with the results that `present` rows
    /// have there, and those of no rows elsewhere.
    pub fn filled<'a>(
        seen: impl Iterator<Item = &'a [Value]>,
        intervals: usize,
        present: impl Iterator<Item = &'a [Value]>,
        empty: &[Value],
    ) -> Self {
        let keys = seen.map(|keys| Self {
            rows: 1,
            ..Self::of(keys)
        });
        let keys = keys.fold(Self::default(), Self::and).times(intervals);
        let (mut count, mut results) = (0, Self::default());
        for of_group in present {
            count += 1;
            results = results.and(Self::of(of_group));
        }
        let missing = Self::of(empty).times(keys.rows.saturating_sub(count));
        keys.and(results).and(missing)
    }

    /// Whether an answer may be so large.
    ///
    /// # Errors
    /// [`TooManyResults`], by the limit that is passed.
    pub fn check(self) -> Result<(), TooManyResults> {
        if self.rows > RESULT_ROWS_MAX {
            return Err(TooManyResults::Rows);
        }
        if self.values > RESULT_VALUES_MAX {
            return Err(TooManyResults::Values);
        }
        if self.text > RESULT_TEXT_BYTES_MAX {
            return Err(TooManyResults::Text);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(rows: usize, values: usize, text: usize) -> ResultSize {
        ResultSize { rows, values, text }
    }

    #[test]
    fn a_filled_answer_is_reckoned_as_it_is_made() {
        let keys: [Vec<Value>; 2] = [vec!["abc".into(), 1.into()], vec![Value::Null, 2.into()]];
        let present: [Vec<Value>; 3] = [
            vec![vec![Value::from("xy"), Value::Null].into(), 7.into()],
            vec![Vec::<Value>::new().into(), 7.into()],
            vec![Vec::<Value>::new().into(), 7.into()],
        ];
        let empty = [Vec::<Value>::new().into(), 0.into()];
        // By hand: every group in every interval, three with results, seven without.
        let mut made = Vec::new();
        for at in 0..10 {
            let keys = &keys[at % 2];
            let results = present.get(at).map_or(&empty[..], |results| results);
            made.push(ResultSize::of(keys.iter().chain(results)));
        }
        let made = made.into_iter().fold(size(10, 0, 0), ResultSize::and);
        let reckoned = ResultSize::filled(
            keys.iter().map(|keys| &keys[..]),
            5,
            present.iter().map(|results| &results[..]),
            &empty,
        );
        assert_eq!(reckoned, made);
        assert_eq!(reckoned, size(10, 2 * 10 + 2 + 2 * 10, 3 * 5 + 2));
    }

    #[test]
    fn each_limit_is_said_with_its_number() {
        let most = size(RESULT_ROWS_MAX, RESULT_VALUES_MAX, RESULT_TEXT_BYTES_MAX);
        assert_eq!(most.check(), Ok(()));
        let cases = [
            (size(1, 0, 0), TooManyResults::Rows, RESULT_ROWS_MAX),
            (size(0, 1, 0), TooManyResults::Values, RESULT_VALUES_MAX),
            (size(0, 0, 1), TooManyResults::Text, RESULT_TEXT_BYTES_MAX),
        ];
        for (more, refused, number) in cases {
            assert_eq!(most.and(more).check(), Err(refused));
            assert!(
                refused.to_string().contains(&number.to_string()),
                "{refused}"
            );
        }
        assert_eq!(most.times(usize::MAX).check(), Err(TooManyResults::Rows));
    }
}
