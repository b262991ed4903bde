//! The files of a model directory: read once, bounded, and held to what the manifest says of them.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::super::error::Defect;
use super::super::manifest::FileEntry;

/// Read and hashed at a time: small enough to be in the processor's cache still when it is hashed.
const CHUNK_BYTES: usize = 1 << 18;

/// Reads a file of at most `most` bytes.
pub(super) fn read_bounded(path: &Path, most: u64) -> Result<Vec<u8>, Defect> {
    let file = open(path, most)?;
    let mut bytes = Vec::with_capacity(file.metadata()?.len() as usize + 1);
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a file and holds it to its entry in the manifest.
pub(super) fn read_listed(path: &Path, entry: &FileEntry, most: u64) -> Result<Vec<u8>, Defect> {
    let file = CheckedFile::open(path, entry, most)?;
    let mut bytes = vec![0; file.len() as usize];
    file.read(0, &mut bytes)?;
    file.check_unchanged()?;
    Ok(bytes)
}

fn open(path: &Path, most: u64) -> Result<File, Defect> {
    let file = File::open(path)?;
    let found = file.metadata()?.len();
    if found > most { Err(Defect::TooLarge { found, allowed: most }) } else { Ok(file) }
}

/// A file that is what the manifest says. It is read a second time, part by part, so that a large one never lies in
/// memory whole.
#[derive(Debug)]
pub(super) struct CheckedFile {
    file: File,
    /// What every write would change.
    state: State,
}

/// Length, and the times of the last change of content and of anything: seconds, nanoseconds.
type State = (u64, [i64; 4]);

fn state(about: &Metadata) -> State {
    (about.len(), [about.mtime(), about.mtime_nsec(), about.ctime(), about.ctime_nsec()])
}

impl CheckedFile {
    /// Reads a file of at most `most` bytes, keeps nothing of it, and holds it to its entry in the manifest.
    pub(super) fn open(path: &Path, entry: &FileEntry, most: u64) -> Result<Self, Defect> {
        let file = open(path, most)?;
        let state = state(&file.metadata()?);
        if state.0 != entry.bytes {
            return Err(Defect::Length { found: state.0, expected: entry.bytes });
        }
        let (mut hash, mut chunk) = (Sha256::new(), vec![0; CHUNK_BYTES]);
        let mut rest = (&file).take(state.0);
        loop {
            let read = rest.read(&mut chunk)?;
            if read == 0 {
                break;
            }
            hash.update(&chunk[..read]);
        }
        if is_hex_of(&hash.finalize(), &entry.sha256) {
            Ok(Self { file, state })
        } else {
            Err(Defect::Checksum)
        }
    }

    /// Its length, in bytes.
    pub(super) fn len(&self) -> u64 {
        self.state.0
    }

    /// Reads what stands from `offset` on.
    pub(super) fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), Defect> {
        self.file.read_exact_at(into, offset).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => Defect::Changed,
            _ => error.into(),
        })
    }

    /// Whether all that was read is what was checked: an artifact is never changed in place.
    pub(super) fn check_unchanged(&self) -> Result<(), Defect> {
        if state(&self.file.metadata()?) == self.state { Ok(()) } else { Err(Defect::Changed) }
    }
}

/// Whether `hex` is `digest` in lower-case hexadecimal digits.
fn is_hex_of(digest: &[u8], hex: &str) -> bool {
    let nibbles = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    hex.bytes().eq(nibbles.map(|nibble| b"0123456789abcdef"[usize::from(nibble)]))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_file_that_changes_after_its_check_is_refused() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"model").unwrap();
        let sha256 = "9372c470eeadd5ecd9c3c74c2b3cb633f8e2f2fad799250a0f70d652b6b825e4".to_owned();
        let checked = CheckedFile::open(file.path(), &FileEntry { bytes: 5, sha256 }, 100).unwrap();
        let mut read = [0; 3];
        checked.read(2, &mut read).unwrap();
        assert_eq!((&read, checked.check_unchanged().is_ok()), (b"del", true));
        file.write_all(b"!").unwrap();
        assert!(matches!(checked.check_unchanged(), Err(Defect::Changed)));
        file.as_file().set_len(2).unwrap();
        assert!(matches!(checked.read(2, &mut read), Err(Defect::Changed)));
    }
}
