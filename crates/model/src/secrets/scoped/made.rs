//! Scoped keys as clients make them; for tests alone, also those of other crates.

use aes::Aes256;
use cbc::Encryptor;
use cbc::cipher::{Block, BlockModeEncrypt, KeyIvInit};

const BLOCK_BYTES: usize = 16;

fn bytes(hex: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
    (0..hex.len()).step_by(2).map(byte).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a client makes of this under a master key, with this vector, and as
/// the standard has it with padding whatever the length is.
pub(crate) fn scoped(master: &str, said: &str, vector: [u8; BLOCK_BYTES]) -> String {
    let padding = BLOCK_BYTES - said.len() % BLOCK_BYTES;
    let padding = vec![u8::try_from(padding).expect("at most 16"); padding];
    sealed(master, &[said.as_bytes(), &padding].concat(), vector)
}

/// The same of whole blocks, which nothing is added to.
pub(crate) fn sealed(master: &str, said: &[u8], vector: [u8; BLOCK_BYTES]) -> String {
    let key: [u8; 32] = bytes(master).try_into().expect("64 digits");
    let (blocks, rest) = said.as_chunks::<BLOCK_BYTES>();
    assert!(rest.is_empty(), "whole blocks");
    let mut blocks: Vec<Block<Aes256>> = blocks.iter().map(|&block| block.into()).collect();
    Encryptor::<Aes256>::new(&key.into(), &vector.into()).encrypt_blocks(&mut blocks);
    hex(&vector) + &hex(&blocks.concat())
}
