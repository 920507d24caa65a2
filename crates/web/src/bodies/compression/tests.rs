use std::io::Write;

use proptest::prelude::*;

use super::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("in memory")
}

fn code(encoding: &str, body: Vec<u8>, limit: usize) -> FaultCode {
    decompress(Some(encoding), body.into(), limit)
        .expect_err("refused")
        .code
}

fn read(encoding: &str, body: Vec<u8>) -> Bytes {
    decompress(Some(encoding), body.into(), BODY_BYTES_MAX).expect("read")
}

/// Bytes that no compression makes shorter.
fn noise(length: usize) -> Vec<u8> {
    let random = model::random::SeededRandom::new(7);
    let mut bytes = vec![0; length];
    model::random::RandomSource::fill(&random, &mut bytes);
    bytes
}

#[test]
fn reads_each_encoding_and_none() {
    let text = b"{\"a\":1}".to_vec();
    assert_eq!(
        decompress(None, text.clone().into(), 100).expect("plain"),
        text
    );
    for (encoding, body) in [
        ("identity", text.clone()),
        ("", text.clone()),
        ("gzip", gzip(&text)),
        (" GZip ", gzip(&text)),
        ("x-gzip", gzip(&text)),
        ("zstd", zstd(&text)),
    ] {
        assert_eq!(read(encoding, body), text, "{encoding}");
    }
}

#[test]
fn reads_all_members_and_frames() {
    assert_eq!(
        read("gzip", [gzip(b"ab"), gzip(b""), gzip(b"c")].concat()),
        "abc"
    );
    assert_eq!(
        read("zstd", [zstd(b"ab"), zstd(b""), zstd(b"c")].concat()),
        "abc"
    );
    assert_eq!(read("gzip", gzip(b"")), "");
    assert_eq!(read("zstd", zstd(b"")), "");
}

#[test]
fn takes_one_known_encoding() {
    for encoding in ["br", "deflate", "gzip, zstd", "gzip,gzip", "zst", "*"] {
        assert_eq!(
            code(encoding, gzip(b"x"), 100),
            FaultCode::InvalidValue,
            "{encoding}"
        );
    }
}

#[test]
fn what_is_cut_off_or_followed_by_more_is_refused() {
    for (encoding, whole) in [
        ("gzip", gzip(b"hello hello")),
        ("zstd", zstd(b"hello hello")),
    ] {
        for cut in 0..whole.len() {
            assert_eq!(
                code(encoding, whole[..cut].to_vec(), 100),
                FaultCode::MalformedBody,
                "{encoding} cut at {cut}"
            );
        }
        for tail in [
            &b"\0"[..],
            b"\0\0\0\0\0\0\0\0",
            b"x",
            b"{\"a\":1}",
            &whole[..6],
        ] {
            assert_eq!(
                code(encoding, [&whole, tail].concat(), 100),
                FaultCode::MalformedBody,
                "{encoding} with {tail:?} behind it"
            );
        }
    }
    assert_eq!(code("gzip", zstd(b"x"), 100), FaultCode::MalformedBody);
    assert_eq!(code("zstd", gzip(b"x"), 100), FaultCode::MalformedBody);
}

#[test]
fn damaged_data_is_refused() {
    let mut body = gzip(b"hello hello hello");
    let checksum = body.len() - 8;
    body[checksum] ^= 1;
    assert_eq!(code("gzip", body, 100), FaultCode::MalformedBody);
}

#[test]
fn a_bomb_stops_where_it_breaks_the_limit() {
    let zeros = vec![0; BODY_BYTES_MAX];
    for (encoding, mut bomb) in [("gzip", gzip(&zeros)), ("zstd", zstd(&zeros))] {
        // Cut off: had the reading come to the end, the body would be malformed.
        bomb.truncate(bomb.len() - 1);
        assert!(bomb.len() < 100_000, "{encoding}");
        assert_eq!(
            code(encoding, bomb.clone(), BODY_BYTES_MAX),
            FaultCode::LimitExceeded,
            "{encoding}"
        );
        let fault = inflate(&bomb, BODY_BYTES_MAX, encoding, |_, out, room| {
            assert!(room <= 2 << 20, "room for {room} bytes");
            out.resize(usize::try_from(room).expect("small"), 0);
            Ok(&[])
        });
        assert_eq!(fault.expect_err("refused").code, FaultCode::LimitExceeded);
    }
}

#[test]
fn the_limits_are_exact() {
    let data = noise(1_000);
    for (encoding, body) in [
        ("identity", data.clone()),
        ("gzip", gzip(&data)),
        ("zstd", zstd(&data)),
    ] {
        let whole = decompress(Some(encoding), body.clone().into(), 1_000);
        assert_eq!(whole.expect("just fits"), data, "{encoding}");
        assert_eq!(code(encoding, body, 999), FaultCode::LimitExceeded);
    }
    let free = vec![0; DECOMPRESSION_FREE_BYTES];
    let more = vec![0; DECOMPRESSION_FREE_BYTES + 1];
    let large = noise(2 * DECOMPRESSION_FREE_BYTES);
    for (encoding, compress) in [("gzip", gzip as fn(&[u8]) -> Vec<u8>), ("zstd", zstd)] {
        assert_eq!(read(encoding, compress(&free)), free);
        assert_eq!(read(encoding, compress(&large)), large);
        assert_eq!(
            code(encoding, compress(&more), BODY_BYTES_MAX),
            FaultCode::LimitExceeded
        );
    }
    let over = Bytes::from(vec![b' '; BODY_BYTES_MAX + 1]);
    let fault = decompress(None, over, usize::MAX).expect_err("too long");
    assert_eq!(fault.code, FaultCode::LimitExceeded);
}

#[test]
fn the_parts_and_the_window_are_bounded() {
    assert_eq!(
        code("gzip", gzip(b"").repeat(PARTS_MAX + 1), 100),
        FaultCode::LimitExceeded
    );
    assert_eq!(
        code("zstd", zstd(b"").repeat(PARTS_MAX + 1), 100),
        FaultCode::LimitExceeded
    );
    assert_eq!(read("gzip", gzip(b"").repeat(PARTS_MAX)), "");
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).expect("in memory");
    encoder.window_log(27).expect("a legal window");
    encoder.write_all(b"x").expect("in memory");
    let wide = encoder.finish().expect("in memory");
    assert_eq!(code("zstd", wide, 100), FaultCode::MalformedBody);
}

proptest! {
    #[test]
    fn bytes_survive_the_round_trip(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        prop_assert_eq!(read("gzip", gzip(&bytes)), bytes.clone());
        prop_assert_eq!(read("zstd", zstd(&bytes)), bytes);
    }

    #[test]
    fn no_bytes_make_it_panic_or_pass_the_limit(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        at in any::<proptest::sample::Index>(),
    ) {
        for (encoding, mut body) in [("gzip", gzip(&bytes)), ("zstd", zstd(&bytes))] {
            let place = at.index(body.len());
            body[place] ^= 0x55;
            for body in [body, bytes.clone()] {
                if let Ok(read) = decompress(Some(encoding), body.into(), 200) {
                    prop_assert!(read.len() <= 200);
                }
            }
        }
    }
}
