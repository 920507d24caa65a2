//! The few files that pages need beside themselves. Each has a digest of its
//! bytes in its address, so that a browser may keep it for good.

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use sha2::{Digest, Sha256};

use super::headers::Unchanging;
use crate::caller::Named;
use crate::error::ApiError;

/// How many bytes of the digest stand in an address.
const DIGEST_BYTES: usize = 9;

/// The files by what pages call them.
pub(super) struct Assets {
    pub(super) style: Asset,
    pub(super) htmx: Asset,
    pub(super) script: Asset,
    pub(super) icon: Asset,
}

/// One file.
pub(super) struct Asset {
    /// Its address.
    pub(super) address: String,
    media_type: &'static str,
    bytes: &'static [u8],
}

/// All of them.
pub(super) static ASSETS: LazyLock<Assets> = LazyLock::new(|| Assets {
    style: Asset::new(
        "style.css",
        "text/css; charset=utf-8",
        include_bytes!("../../console/style.css"),
    ),
    htmx: Asset::new(
        "htmx.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../console/vendor/htmx-2.0.11.min.js"),
    ),
    script: Asset::new(
        "console.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../console/console.js"),
    ),
    icon: Asset::new(
        "icon.svg",
        "image/svg+xml",
        include_bytes!("../../console/icon.svg"),
    ),
});

impl Asset {
    fn new(name: &str, media_type: &'static str, bytes: &'static [u8]) -> Self {
        let digest = Sha256::digest(bytes);
        let digest = digest[..DIGEST_BYTES].iter();
        let digest: String = digest.map(|byte| format!("{byte:02x}")).collect();
        Self {
            address: format!("{}/assets/{digest}-{name}", super::ROOT),
            media_type,
            bytes,
        }
    }
}

/// One of the files, for good; one that an older version of the server had is
/// not there.
pub(super) async fn read(Named(name): Named) -> Result<Response, ApiError> {
    let assets = &*ASSETS;
    let all = [&assets.style, &assets.htmx, &assets.script, &assets.icon];
    let mut all = all.into_iter();
    let found = all.find(|asset| asset.address.rsplit('/').next() == Some(name.as_str()));
    let found = found.ok_or_else(ApiError::not_found)?;
    let mut response = found.bytes.into_response();
    let media_type = HeaderValue::from_static(found.media_type);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, media_type);
    response.extensions_mut().insert(Unchanging);
    Ok(response)
}
