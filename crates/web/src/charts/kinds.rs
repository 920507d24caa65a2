//! Kinds of charts, and which of them fit the answers to a question. Whoever looks
//! may choose among those; one that does not fit is never drawn.

use model::analyses::Analysis;
use model::value::{Object, Value};

/// A kind of chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Over time, a line for each function or group.
    Line,
    /// Over time, one line on an area that begins at zero.
    Area,
    /// Bars of groups; over time, columns. Both begin at zero.
    Bars,
    /// Numbers by themselves.
    Figures,
    /// The steps of a funnel.
    Funnel,
    /// No picture, where a table stands beside it; else the usual one.
    Table,
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Self; 6] = [
        Self::Line,
        Self::Area,
        Self::Bars,
        Self::Figures,
        Self::Funnel,
        Self::Table,
    ];
    /// What addresses, and the metadata of saved queries, name it by.
    pub(crate) const MEMBER: &str = "chart";

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Area => "area",
            Self::Bars => "bars",
            Self::Figures => "figures",
            Self::Funnel => "funnel",
            Self::Table => "table",
        }
    }

    /// The kind of this name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The kind that the owner of a saved query keeps with it; `None` where its
    /// metadata names none.
    pub(crate) fn kept_in(metadata: &Object) -> Option<Self> {
        let kept = metadata.get(Self::MEMBER).and_then(Value::as_str);
        kept.and_then(Self::parse)
    }
}

/// The kinds that fit the answers to a question of which the results at these
/// places are drawn, the usual one first.
pub(super) fn fitting(query: &Analysis, metrics: &[usize]) -> &'static [Kind] {
    match query {
        Analysis::Extraction(_) => &[],
        Analysis::Funnel(_) => &[Kind::Funnel],
        Analysis::Aggregation(asked) => {
            let is_one = asked.group_by.is_empty() && metrics.len() == 1;
            match (asked.interval.is_some(), asked.group_by.is_empty()) {
                (true, _) if is_one => &[Kind::Area, Kind::Line, Kind::Bars],
                // Areas would lie on each other.
                (true, _) => &[Kind::Line, Kind::Bars],
                // Between groups nothing lies that a line could lead through.
                (false, false) => &[Kind::Bars],
                (false, true) => &[Kind::Figures],
            }
        }
    }
}
