//! Compressed bodies.

use std::io::{self, Read};

use bytes::Bytes;
use model::fault::{Fault, FaultCode, shorten};
use model::limits::{BODY_BYTES_MAX, DECOMPRESSION_FREE_BYTES, DECOMPRESSION_RATIO_MAX};

/// Gzip members or zstd frames in one body. Each costs some work even when
/// it holds nothing.
const PARTS_MAX: usize = 4_096;
/// Two to this power is the largest window of a zstd frame: 8 MiB, as RFC
/// 9659 sets for this content encoding.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// The body without its `Content-Encoding`, at most `limit` and
/// [`BODY_BYTES_MAX`] bytes of it.
///
/// The work done is bounded by what may come out: a body that goes beyond a
/// limit is refused where it does. Nothing may follow the compressed data.
///
/// # Errors
/// [`FaultCode::InvalidValue`] for an encoding that is not known or for more
/// than one, [`FaultCode::MalformedBody`] for data that is damaged, cut off or
/// followed by other bytes, [`FaultCode::LimitExceeded`] for too much of it.
pub(crate) fn decompress(
    encoding: Option<&str>,
    body: Bytes,
    limit: usize,
) -> Result<Bytes, Fault> {
    let limit = limit.min(BODY_BYTES_MAX);
    let encoding = encoding.unwrap_or_default().trim().to_ascii_lowercase();
    match encoding.as_str() {
        "" | "identity" if body.len() > limit => Err(too_long(limit)),
        "" | "identity" => Ok(body),
        "gzip" | "x-gzip" => inflate(&body, limit, "gzip", gzip_member),
        "zstd" => inflate(
            &body,
            limit,
            "zstd (with a window of at most 8 MiB)",
            zstd_frame,
        ),
        _ => Err(Fault::new(
            FaultCode::InvalidValue,
            format!(
                "the content encoding {} is not read; send gzip, zstd or identity, one of them",
                shorten(&encoding)
            ),
        )),
    }
}

/// Reads the first part of `compressed` into `out`, at most `room` bytes;
/// answers what follows the part.
type ReadPart = for<'a> fn(&'a [u8], &mut Vec<u8>, u64) -> io::Result<&'a [u8]>;

fn gzip_member<'a>(compressed: &'a [u8], out: &mut Vec<u8>, room: u64) -> io::Result<&'a [u8]> {
    let mut member = flate2::bufread::GzDecoder::new(compressed);
    member.by_ref().take(room).read_to_end(out)?;
    Ok(member.into_inner())
}

fn zstd_frame<'a>(compressed: &'a [u8], out: &mut Vec<u8>, room: u64) -> io::Result<&'a [u8]> {
    let mut frame = zstd::stream::read::Decoder::with_buffer(compressed)?.single_frame();
    frame.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
    frame.by_ref().take(room).read_to_end(out)?;
    Ok(frame.finish())
}

fn inflate(
    compressed: &[u8],
    limit: usize,
    name: &str,
    read_part: ReadPart,
) -> Result<Bytes, Fault> {
    let by_ratio = compressed.len().saturating_mul(DECOMPRESSION_RATIO_MAX);
    let most = limit.min(by_ratio.max(DECOMPRESSION_FREE_BYTES));
    let malformed = || {
        Fault::new(
            FaultCode::MalformedBody,
            format!(
                "the body is not {name} data from its first byte to its last, or it is cut off"
            ),
        )
    };
    let mut out = Vec::new();
    let mut rest = compressed;
    for _ in 0..PARTS_MAX {
        // One byte more than may come out shows that there is more.
        let room = u64::try_from(most - out.len()).unwrap_or(u64::MAX) + 1;
        let after = read_part(rest, &mut out, room).map_err(|_| malformed())?;
        if out.len() > most {
            return Err(if most == limit {
                too_long(limit)
            } else {
                too_dense()
            });
        }
        if after.len() == rest.len() {
            return Err(malformed());
        }
        rest = after;
        if rest.is_empty() {
            return Ok(out.into());
        }
    }
    Err(Fault::new(
        FaultCode::LimitExceeded,
        format!("a compressed body has at most {PARTS_MAX} members or frames"),
    ))
}

fn too_long(limit: usize) -> Fault {
    Fault::new(
        FaultCode::LimitExceeded,
        format!("this body has at most {limit} bytes, counted without compression"),
    )
}

fn too_dense() -> Fault {
    Fault::new(
        FaultCode::LimitExceeded,
        format!(
            "a body beyond {DECOMPRESSION_FREE_BYTES} bytes is at most {DECOMPRESSION_RATIO_MAX} \
             times as long as its compressed form; send smaller bodies, or this one uncompressed"
        ),
    )
}

#[cfg(test)]
mod tests;
