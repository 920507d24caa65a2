//! What a question is answered: a table, and beside it a number or a chart, of a
//! kind that is chosen among those that fit.

use model::analyses::{Analysis, Answer, Results};
use model::value::{Object, Value};

use super::answer::table;
use crate::charts::{Drawing, Kind};
use crate::console::asking::{EXTRACTED, ask};
use crate::console::forms::sentence;
use crate::console::frame::query;
use crate::console::pictures::{self, Chart, Size, look_of};
use crate::console::saved::in_words;
use crate::console::shown::{self, Table, pretty, rows_of};
use crate::console::snippets::{self, Snippet};
use crate::console::views::Choice;
use crate::console::visitor::InProject;
use crate::error::ApiError;
use crate::input::Parameters;
use crate::state::AppState;

/// An answer.
pub(super) struct Found {
    pub(super) table: Table,
    pub(super) size: String,
    /// The one number that it is, when it is one, and what it is.
    pub(super) figure: Option<(String, String)>,
    /// As what it may be shown; nothing to choose where nothing can be drawn.
    pub(super) kinds: Vec<Choice>,
    pub(super) chart: Option<Chart>,
    pub(super) pretty: String,
    pub(super) snippets: Vec<Snippet>,
    /// Whether it can be a dataset: a series over a period that moves.
    pub(super) is_series: bool,
}

/// What people call a kind.
fn label(kind: Kind) -> &'static str {
    match kind {
        Kind::Line => "Line",
        Kind::Area => "Line on an area",
        Kind::Bars => "Bars",
        Kind::Figures => "Figures",
        Kind::Funnel => "Steps",
        Kind::Table => "The table alone",
    }
}

/// The kind that a request chooses; what is the name of none is no choice.
pub(super) fn chosen(parameters: &Parameters) -> Option<Kind> {
    parameters.get(Kind::MEMBER).and_then(Kind::parse)
}

/// As what the answers of a drawing may be shown: the usual kind without a name,
/// the others that fit, and the table alone, which always does.
fn choices(drawing: &Drawing, chosen: Option<Kind>) -> Vec<Choice> {
    let fitting = drawing.kinds();
    let (usual, named) = match fitting {
        [only] => (label(*only), &fitting[1..]),
        _ => ("What fits best", fitting),
    };
    let named: Vec<Kind> = named.iter().copied().chain([Kind::Table]).collect();
    let all = named.iter().map(|kind| (kind.name(), label(*kind)));
    let all: Vec<(&str, &str)> = [("", usual)].into_iter().chain(all).collect();
    let chosen = chosen.filter(|kind| named.contains(kind));
    Choice::of(&all, chosen.map_or("", Kind::name))
}

/// What its owner keeps with a saved question: what was kept before, with the
/// kind that is named and fits in the place of another one.
pub(super) fn kept(before: &Object, question: &Value, named: &str) -> Object {
    let was = Kind::kept_in(before).is_some();
    let others = before.iter();
    let others = others.filter(|(name, _)| !was || *name != Kind::MEMBER);
    let others = others.fold(Object::new(), |all, (name, value)| {
        all.with(name, value.clone())
    });
    let fits = |kind: &Kind| {
        let analysis = Analysis::parse(question).ok();
        let look = look_of(&Parameters::default());
        let drawing = analysis.and_then(|analysis| Drawing::of(&analysis, look).ok());
        drawing.is_some_and(|drawing| *kind == Kind::Table || drawing.kinds().contains(kind))
    };
    match Kind::parse(named).filter(fits) {
        // What somebody else keeps under this name is not ours to replace.
        Some(kind) if others.get(Kind::MEMBER).is_none() => others.with(Kind::MEMBER, kind.name()),
        _ => others,
    }
}

/// The one number that an answer is.
fn figure(answer: &Answer) -> Option<String> {
    let Answer::Measured(measured) = answer else {
        return None;
    };
    match &measured.results {
        Results::Whole(results) => match &results[..] {
            [Value::Integer(number)] => Some(shown::grouped(*number)),
            [number @ Value::Float(_)] => Some(shown::in_groups(number)),
            [value] if value.as_array().is_none() => Some(shown::text_of(value)),
            _ => None,
        },
        _ => None,
    }
}

/// Asks.
///
/// # Errors
/// What the question is refused for.
pub(super) async fn find(
    here: &InProject,
    parameters: &Parameters,
    question: &Value,
    state: &AppState,
) -> Result<Found, ApiError> {
    let analysis = Analysis::parse(question)?;
    let answer = ask(here, &analysis, state).await?;
    let (table, rows) = table(&analysis, &answer);
    let figure = figure(&answer).map(|number| (number, sentence(&in_words(&analysis))));
    let drawing = Drawing::of(&analysis, look_of(parameters)).ok();
    let drawing = drawing.filter(|_| figure.is_none());
    let kind = chosen(parameters);
    let chart = format!(
        "{}?{}",
        here.address("/explore/chart.svg"),
        query(parameters.iter().filter(|(_, value)| !value.is_empty()))
    );
    let object = question.as_object();
    let has = |name: &str| object.is_some_and(|object| object.get(name).is_some());
    let shown = table.rows.len();
    Ok(Found {
        table,
        size: match matches!(answer, Answer::Rows(_)) && rows > EXTRACTED {
            true => format!("More than {}", rows_of(EXTRACTED, shown)),
            false => rows_of(rows, shown),
        },
        figure,
        chart: (drawing.is_some() && kind != Some(Kind::Table)).then(|| {
            Chart::at(&chart, Size::Medium, "Chart of the answer")
                .over_time(pictures::clock_of(&analysis))
        }),
        kinds: drawing.map_or_else(Vec::new, |drawing| choices(&drawing, kind)),
        snippets: snippets::sending("/v1/query", question),
        pretty: pretty(question),
        is_series: has("interval") && has("timeframe"),
    })
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Found {
    Found {
        table: shown::sample(text),
        size: text.to_owned(),
        figure: Some((text.to_owned(), text.to_owned())),
        kinds: Choice::plain([text.to_owned()], text),
        chart: Some(pictures::sample(text)),
        pretty: text.to_owned(),
        snippets: snippets::sample(text),
        is_series: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Value {
        model::json::parse(text.as_bytes()).expect("JSON")
    }

    fn drawing(question: &str) -> Drawing {
        let analysis = Analysis::parse(&read(question)).expect("legal");
        Drawing::of(&analysis, look_of(&Parameters::default())).expect("it has a chart")
    }

    const SERIES: &str =
        r#"{"analysis":"count","pool":"p","interval":"daily","timeframe":"this_7_days"}"#;
    const GROUPS: &str = r#"{"analysis":"count","pool":"p","group_by":["g"]}"#;
    const ROWS: &str = r#"{"analysis":"extraction","pool":"p","latest":1}"#;

    #[test]
    fn what_is_offered_fits_and_the_table_always_does() {
        let words = |question: &str, chosen: Option<Kind>| {
            let all = choices(&drawing(question), chosen).into_iter();
            let all = all.map(|one| {
                let mark = if one.is_chosen { "*" } else { "" };
                format!("{mark}{}={}", one.value, one.label)
            });
            all.collect::<Vec<_>>().join(", ")
        };
        let bars = words(SERIES, Some(Kind::Bars));
        assert_eq!(
            bars,
            "=What fits best, area=Line on an area, line=Line, *bars=Bars, table=The table alone"
        );
        assert!(words(SERIES, None).starts_with("*="));
        assert_eq!(words(GROUPS, None), "*=Bars, table=The table alone");
        // One that does not fit is not chosen.
        assert!(words(GROUPS, Some(Kind::Line)).starts_with("*=Bars"));
        assert!(words(SERIES, Some(Kind::Funnel)).starts_with("*="));
        assert!(words(GROUPS, Some(Kind::Table)).ends_with("*table=The table alone"));
    }

    #[test]
    fn what_is_kept_with_a_question_is_a_kind_that_fits_beside_what_was_kept() {
        let saved = |before: &str, question: &str, named: &str| {
            let before = read(before);
            let before = before.as_object().expect("an object");
            let all = kept(before, &read(question), named);
            model::json::to_text(&Value::Object(all))
        };
        assert_eq!(saved("{}", SERIES, "bars"), r#"{"chart":"bars"}"#);
        assert_eq!(saved("{}", SERIES, "table"), r#"{"chart":"table"}"#);
        for (question, named) in [
            (SERIES, ""),
            (SERIES, "pie"),
            (GROUPS, "line"),
            (ROWS, "table"),
        ] {
            assert_eq!(saved("{}", question, named), "{}", "{named}");
        }
        let before = r#"{"title":"mine","chart":"line"}"#;
        assert_eq!(
            saved(before, SERIES, "bars"),
            r#"{"title":"mine","chart":"bars"}"#
        );
        assert_eq!(saved(before, SERIES, ""), r#"{"title":"mine"}"#);
        let others = r#"{"chart":{"of":"somebody"}}"#;
        assert_eq!(saved(others, SERIES, "bars"), others);
    }
}
