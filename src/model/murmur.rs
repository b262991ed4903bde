//! `MurmurHash3` (x86, 32 bits) as scikit-learn's `HashingVectorizer` uses it: which column an n-gram falls into.

/// Where the hash of an n-gram points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bucket {
    /// The column.
    pub(super) column: u32,
    /// Whether the n-gram counts −1 under `alternate_sign`.
    pub(super) negative: bool,
}

/// The bucket of an n-gram among `columns`, which is 1 to 2³¹ − 1.
pub(super) fn bucket(ngram: &[u8], columns: u32) -> Bucket {
    let hash = hash(ngram).cast_signed();
    // scikit-learn spells −2³¹ out, whose absolute value is no i32; `unsigned_abs` gives the same column.
    Bucket { column: hash.unsigned_abs() % columns, negative: hash < 0 }
}

/// The hash, with seed 0.
fn hash(bytes: &[u8]) -> u32 {
    let (blocks, tail) = bytes.as_chunks::<4>();
    let mut hash = blocks.iter().fold(0_u32, |hash, block| {
        (hash ^ scramble(u32::from_le_bytes(*block)))
            .rotate_left(13)
            .wrapping_mul(5)
            .wrapping_add(0xE654_6B64)
    });
    if !tail.is_empty() {
        let mut block = [0; 4];
        block[..tail.len()].copy_from_slice(tail);
        hash ^= scramble(u32::from_le_bytes(block));
    }
    hash ^= bytes.len() as u32; // an n-gram is far shorter than 4 GiB
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85EB_CA6B);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xC2B2_AE35);
    hash ^ (hash >> 16)
}

fn scramble(block: u32) -> u32 {
    block.wrapping_mul(0xCC9E_2D51).rotate_left(15).wrapping_mul(0x1B87_3593)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Its hash is −2³¹.
    const LOWEST: &str = "akqlrggi";

    #[test]
    fn hashes_are_scikit_learns() {
        // sklearn.utils.murmurhash3_32(text), signed.
        for (text, expected) in [
            ("", 0),
            ("a", 1_009_084_850),
            ("ab", -1_681_926_305),
            ("abc", -1_277_324_294),
            ("abcd", 1_139_631_978),
            ("é🙂", 1_348_531_497),
            (LOWEST, i32::MIN),
        ] {
            assert_eq!(hash(text.as_bytes()).cast_signed(), expected, "{text:?}");
        }
    }

    #[test]
    fn the_lowest_hash_has_scikit_learns_column() {
        for columns in [1, 2, 3, 1000, 1 << 20, 12_345_678, i32::MAX as u32] {
            let expected = (i64::from(i32::MAX) - (i64::from(columns) - 1)).rem_euclid(i64::from(columns));
            let found = bucket(LOWEST.as_bytes(), columns);
            assert_eq!((i64::from(found.column), found.negative), (expected, true), "{columns} columns");
        }
    }
}
