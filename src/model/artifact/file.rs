//! The files of a model directory: read once, bounded, and held to what the manifest says of them.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::super::error::Defect;
use super::super::manifest::FileEntry;

/// Read and hashed at a time: small enough to be in the processor's cache still when it is hashed.
const CHUNK_BYTES: u64 = 1 << 18;

/// Reads a file of at most `most` bytes.
pub(super) fn read_bounded(path: &Path, most: u64) -> Result<Vec<u8>, Defect> {
    read(path, most, |_| {})
}

/// Reads a file and holds it to its entry in the manifest.
pub(super) fn read_listed(path: &Path, entry: &FileEntry, most: u64) -> Result<Vec<u8>, Defect> {
    let mut hash = Sha256::new();
    let bytes = read(path, most, |chunk| hash.update(chunk))?;
    if bytes.len() as u64 != entry.bytes {
        return Err(Defect::Length { found: bytes.len() as u64, expected: entry.bytes });
    }
    if is_hex_of(&hash.finalize(), &entry.sha256) { Ok(bytes) } else { Err(Defect::Checksum) }
}

fn read(path: &Path, most: u64, mut see: impl FnMut(&[u8])) -> Result<Vec<u8>, Defect> {
    let mut file = File::open(path)?;
    let found = file.metadata()?.len();
    if found > most {
        return Err(Defect::TooLarge { found, allowed: most });
    }
    let mut bytes = Vec::with_capacity(found as usize + 1);
    // A file that grows meanwhile is cut here; its length or checksum gives it away.
    while (bytes.len() as u64) < most {
        let chunk = CHUNK_BYTES.min(most - bytes.len() as u64);
        let start = bytes.len();
        if file.by_ref().take(chunk).read_to_end(&mut bytes)? == 0 {
            break;
        }
        see(&bytes[start..]);
    }
    Ok(bytes)
}

/// Whether `hex` is `digest` in lower-case hexadecimal digits.
fn is_hex_of(digest: &[u8], hex: &str) -> bool {
    let nibbles = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    hex.bytes().eq(nibbles.map(|nibble| b"0123456789abcdef"[usize::from(nibble)]))
}
