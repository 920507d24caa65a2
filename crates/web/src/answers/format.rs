//! Which format an answer has.

use model::answers::Columnar;
use model::fault::{Fault, FaultCode, shorten};
use model::views::Delivery;

/// A format of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnswerFormat {
    /// One JSON document.
    Json,
    /// One JSON object on each line.
    Ndjson,
    /// RFC 4180 with a header line.
    Csv,
    /// Encoded by the data plane.
    Columnar(Columnar),
}

/// Which formats an answer exists in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offered {
    /// Rows: in all of them.
    Rows,
    /// A document that is no table: as JSON alone.
    Document,
}

/// A format with the name and the media types that it goes by.
type Known = (AnswerFormat, &'static str, &'static [&'static str]);

/// Every format, the one to prefer first.
const FORMATS: [Known; 5] = [
    (AnswerFormat::Json, "json", &["application/json"]),
    (
        AnswerFormat::Ndjson,
        "ndjson",
        &[
            "application/x-ndjson",
            "application/ndjson",
            "application/jsonl",
        ],
    ),
    (AnswerFormat::Csv, "csv", &["text/csv"]),
    (
        AnswerFormat::Columnar(Columnar::Parquet),
        "parquet",
        &["application/vnd.apache.parquet"],
    ),
    (
        AnswerFormat::Columnar(Columnar::ArrowStream),
        "arrow",
        &["application/vnd.apache.arrow.stream"],
    ),
];

impl Offered {
    fn formats(self) -> &'static [Known] {
        match self {
            Self::Rows => &FORMATS,
            Self::Document => &FORMATS[..1],
        }
    }
}

impl AnswerFormat {
    /// The format of `?format=` when it is there; else the one that `Accept`
    /// prefers, the more exactly named of several, the earlier of those; JSON
    /// when neither says anything. Several `Accept` lines are to be joined
    /// with commas.
    ///
    /// # Errors
    /// [`FaultCode::InvalidValue`], listing what there is, when `?format=` is
    /// another or `Accept` takes none of them.
    pub(crate) fn choose(
        offered: Offered,
        query_format: Option<&str>,
        accept: Option<&str>,
    ) -> Result<Self, Fault> {
        let formats = offered.formats();
        if let Some(sent) = query_format {
            return formats
                .iter()
                .find(|(_, name, _)| *name == sent)
                .map(|(format, _, _)| *format)
                .ok_or_else(|| {
                    Fault::new(
                        FaultCode::InvalidValue,
                        format!(
                            "{} is not a format of this answer; there are {}",
                            shorten(sent),
                            list(formats, |(_, name, _)| name)
                        ),
                    )
                    .at("/format")
                });
        }
        let ranges = parse_accept(accept.unwrap_or_default())?;
        if ranges.is_empty() {
            return Ok(Self::Json);
        }
        let mut best: Option<(Match, Self)> = None;
        for (format, _, media_types) in formats {
            let found = media_types
                .iter()
                .filter_map(|name| best_range(&ranges, name));
            let Some(found) = found.max_by_key(|found| (found.precision, found.weight)) else {
                continue;
            };
            let better = best.is_none_or(|(other, _)| found.rank() > other.rank());
            if found.weight > 0 && better {
                best = Some((found, *format));
            }
        }
        best.map(|(_, format)| format).ok_or_else(|| {
            Fault::new(
                FaultCode::InvalidValue,
                format!(
                    "Accept takes none of the formats of this answer; there are {}",
                    list(formats, |(_, _, media_types)| media_types[0])
                ),
            )
        })
    }

    /// The `Content-Type` of such an answer.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Columnar(Columnar::Parquet) => "application/vnd.apache.parquet",
            Self::Columnar(Columnar::ArrowStream) => "application/vnd.apache.arrow.stream",
        }
    }

    /// How records are given back in this format.
    pub(crate) fn delivery(self) -> Delivery {
        match self {
            Self::Json => Delivery::Pages,
            _ => Delivery::Stream,
        }
    }
}

fn list(formats: &[Known], name: impl Fn(&Known) -> &'static str) -> String {
    formats.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// A media range of `Accept`.
struct Range<'a> {
    major: &'a str,
    minor: &'a str,
    /// In thousandths.
    weight: u32,
}

/// The most precise range that takes a media type.
#[derive(Clone, Copy)]
struct Match {
    weight: u32,
    precision: u32,
    place: usize,
}

impl Match {
    fn rank(self) -> (u32, u32, std::cmp::Reverse<usize>) {
        (self.weight, self.precision, std::cmp::Reverse(self.place))
    }
}

fn parse_accept(accept: &str) -> Result<Vec<Range<'_>>, Fault> {
    let ranges = accept.split(',').map(str::trim).filter(|r| !r.is_empty());
    ranges
        .map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let (major, minor) = parts
                .next()
                .and_then(|essence| essence.split_once('/'))
                .ok_or_else(|| refuse(range))?;
            let mut weight = 1_000;
            for parameter in parts {
                if let Some(("q" | "Q", value)) = parameter
                    .split_once('=')
                    .map(|(name, value)| (name.trim(), value.trim()))
                {
                    weight = parse_weight(value).ok_or_else(|| refuse(range))?;
                }
            }
            Ok(Range {
                major,
                minor,
                weight,
            })
        })
        .collect()
}

fn refuse(range: &str) -> Fault {
    Fault::new(
        FaultCode::InvalidValue,
        format!(
            "{} in Accept is not a media range such as text/csv or */*, with a weight such as ;q=0.5",
            shorten(range)
        ),
    )
}

/// A weight of RFC 9110, section 12.4.2, in thousandths.
fn parse_weight(text: &str) -> Option<u32> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths: u32 = format!("{fraction:0<3}").parse().ok()?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(1_000),
        _ => None,
    }
}

fn best_range(ranges: &[Range<'_>], media_type: &str) -> Option<Match> {
    let (major, minor) = media_type.split_once('/')?;
    let matches = ranges.iter().enumerate().filter_map(|(place, range)| {
        let precision = if range.major == "*" && range.minor == "*" {
            0
        } else if !range.major.eq_ignore_ascii_case(major) {
            return None;
        } else if range.minor == "*" {
            1
        } else if range.minor.eq_ignore_ascii_case(minor) {
            2
        } else {
            return None;
        };
        Some(Match {
            weight: range.weight,
            precision,
            place,
        })
    });
    matches.max_by_key(|found| (found.precision, std::cmp::Reverse(found.place)))
}

#[cfg(test)]
mod tests;
