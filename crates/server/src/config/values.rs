//! From the text of a setting to its value.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::{LogFormat, LogLevel, QueryPriority};

/// Reads `address:port`; `localhost` stands for 127.0.0.1.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let numeric = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    numeric.parse().map_err(|_| {
        format!("`{text}` is not an address and port such as 127.0.0.1:8080 or [::1]:8080")
    })
}

/// Reads a network, or one address, and answers it with its prefix length.
pub(super) fn cidr(text: &str) -> Result<String, String> {
    let rule =
        || format!("`{text}` is not a network such as 10.0.0.0/8 or fd00::/8, nor an address");
    let (ip, prefix) = match text.split_once('/') {
        Some((ip, prefix)) => (ip, Some(prefix)),
        None => (text, None),
    };
    let ip: IpAddr = ip.parse().map_err(|_| rule())?;
    let longest: u8 = if ip.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        None => longest,
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            digits.parse().map_err(|_| rule())?
        }
        Some(_) => return Err(rule()),
    };
    if prefix > longest {
        return Err(rule());
    }
    Ok(format!("{ip}/{prefix}"))
}

/// Reads a count of bytes: digits, or digits with KiB, MiB, GiB, KB, MB, GB.
pub(super) fn byte_count(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 7] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("B", 1),
    ];
    let (digits, unit) = UNITS
        .iter()
        .find_map(|(name, unit)| text.strip_suffix(name).map(|digits| (digits, *unit)))
        .unwrap_or((text, 1));
    whole(digits.trim_end())
        .and_then(|count| count.checked_mul(unit))
        .ok_or_else(|| format!("`{text}` is not a number of bytes such as 67108864 or 64MiB"))
}

/// Reads a duration from 1 millisecond to 1 day: `30s`, `500ms`, `2m`, `1h`,
/// or plain seconds.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
    let (digits, unit) = UNITS
        .iter()
        .find_map(|(name, unit)| text.strip_suffix(name).map(|digits| (digits, *unit)))
        .unwrap_or((text, 1_000));
    whole(digits.trim_end())
        .and_then(|count| count.checked_mul(unit))
        .filter(|millis| (1..=86_400_000).contains(millis))
        .map(Duration::from_millis)
        .ok_or_else(|| {
            format!("`{text}` is not a duration up to one day such as 30s, 500ms, 2m or 1h")
        })
}

/// Reads how often something is done: a duration, days such as `7d`, or `off`.
pub(super) fn period(text: &str) -> Result<Option<Duration>, String> {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    if text == "off" {
        return Ok(None);
    }
    let days = text.strip_suffix('d').map(whole);
    match days {
        None => duration(text).map(Some),
        Some(Some(days @ 1..=366)) => Ok(Some(DAY * days as u32)),
        Some(_) => Err(format!(
            "`{text}` is not a number of days from 1d to 366d, a shorter duration such as 12h, nor off"
        )),
    }
}

/// Digits and nothing else; the parser of the standard library also takes `+`.
fn whole(digits: &str) -> Option<u64> {
    digits
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| digits.parse().ok())?
}

/// Reads `behind` or `idle`.
pub(super) fn query_priority(text: &str) -> Result<QueryPriority, String> {
    match text {
        "behind" => Ok(QueryPriority::Behind),
        "idle" => Ok(QueryPriority::Idle),
        _ => Err(format!(
            "`{text}` is not a priority of queries; there are behind, idle"
        )),
    }
}

/// Reads `text` or `json`.
pub(super) fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!(
            "`{text}` is not a log format; there are text, json"
        )),
    }
}

/// Reads `on` or `off`.
pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(format!("`{text}` is neither on nor off")),
    }
}

/// Reads a log level's name.
pub(super) fn log_level(text: &str) -> Result<LogLevel, String> {
    LogLevel::ALL
        .into_iter()
        .find(|level| level.name() == text)
        .ok_or_else(|| {
            let names = LogLevel::ALL.map(LogLevel::name).join(", ");
            format!("`{text}` is not a log level; there are {names}")
        })
}
