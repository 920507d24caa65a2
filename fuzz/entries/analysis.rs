//! What must hold for every body of bytes that is read as a question of analytics.

use model::analyses::Analysis;

/// No bytes make the reader panic, and what it reads it writes back to the
/// same question. Returns whether the bytes are one.
pub(crate) fn check(bytes: &[u8]) -> bool {
    let Ok(value) = model::json::parse(bytes) else {
        return false;
    };
    let analysis = match Analysis::parse(&value) {
        Ok(analysis) => analysis,
        Err(fault) => {
            assert!(!fault.detail.is_empty());
            assert!(fault.pointer.is_empty() || fault.pointer.starts_with('/'));
            return false;
        }
    };
    let written = analysis.to_value();
    let again = Analysis::parse(&written);
    assert_eq!(again.as_ref(), Ok(&analysis), "{written:?}");
    let text = model::json::to_text(&written);
    let read = model::json::parse(text.as_bytes()).expect("own text is JSON");
    assert_eq!(Analysis::parse(&read).as_ref(), Ok(&analysis), "{text}");
    assert_eq!(analysis.to_value(), written);
    assert!(!analysis.sources().is_empty());
    true
}
