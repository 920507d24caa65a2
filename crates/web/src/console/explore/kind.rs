//! What kinds of question the form asks, and which of its fields each has.

use super::{functions, steps};

/// What kinds of question the form asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One function, or records.
    One,
    /// Several functions over the same records.
    Several,
    /// Who did one thing, and then the next.
    Funnel,
}

/// Fields that ask for one function.
const OF_ONE: [&str; 3] = ["analysis", "field", "percentile"];
/// Fields that a funnel does not have.
const NOT_OF_FUNNELS: [&str; 26] = [
    "pool", "interval", "by1", "by2", "by3", "order", "limit", "filters", "f1", "o1", "v1", "f2",
    "o2", "v2", "f3", "o3", "v3", "f4", "o4", "v4", "f5", "o5", "v5", "f6", "o6", "v6",
];

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::One, Self::Several, Self::Funnel];

    /// Its name in the form, and what people call it.
    pub(super) const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::One => ("one", "One thing"),
            Self::Several => ("several", "Several at once"),
            Self::Funnel => ("funnel", "A funnel"),
        }
    }

    /// Whether it is this one, for templates.
    pub(super) fn named(self, name: &str) -> bool {
        self.words().0 == name
    }

    /// The kind that was asked, unless another one is chosen.
    pub(super) fn typed<'a>(get: &impl Fn(&str) -> Option<&'a str>) -> Self {
        let named = get("as").or_else(|| get("ask")).unwrap_or_default();
        let mut all = Self::ALL.into_iter();
        let found = all.find(|kind| kind.words().0 == named);
        found.unwrap_or(Self::One)
    }

    /// Fields that questions of this kind do not have.
    pub(super) fn others(self) -> Vec<&'static str> {
        let parts: [&[&str]; 3] = match self {
            Self::One => [&functions::FIELDS, &steps::FIELDS, &[]],
            Self::Several => [&OF_ONE, &steps::FIELDS, &[]],
            Self::Funnel => [&OF_ONE, &NOT_OF_FUNNELS, &functions::FIELDS],
        };
        parts.concat()
    }
}
