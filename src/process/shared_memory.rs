//! Memory that processes share: memory files, and the scoreboard, which all read and write.
#![expect(unsafe_code, reason = "mapping memory and viewing it as atomics; one of the files named for this")]

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use memmap2::MmapMut;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

use crate::scoreboard::{FleetBlock, Layout, Scoreboard, Seat};

/// Makes an empty memory file that can be sealed. Closed on exec; it shows as `name` in `/proc/PID/fd`.
pub fn memory_file(name: &str) -> io::Result<OwnedFd> {
    Ok(memfd_create(name, MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?)
}

/// Seals a memory file: from now on nobody can write, grow, shrink or unseal it.
pub fn seal(file: BorrowedFd<'_>) -> io::Result<()> {
    let seals =
        SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL;
    fcntl(file, FcntlArg::F_ADD_SEALS(seals))?;
    Ok(())
}

/// Whether a memory file carries all the seals that [`seal`] sets.
pub(super) fn is_sealed(file: BorrowedFd<'_>) -> io::Result<bool> {
    let seals = SealFlag::from_bits_truncate(fcntl(file, FcntlArg::F_GET_SEALS)?);
    Ok(seals.contains(SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_SHRINK))
}

/// Makes a scoreboard with `seats` seats, of a fleet that starts now, and maps it; see [`map_scoreboard`].
pub fn make_scoreboard(seats: usize) -> io::Result<(Scoreboard, OwnedFd)> {
    let file = memory_file("linnet-scoreboard")?;
    let bytes = Layout::of(seats).bytes().ok_or_else(too_large)?;
    let file = File::from(file);
    file.set_len(bytes as u64)?;
    let file = OwnedFd::from(file);
    let scoreboard = map_scoreboard(&file, seats)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let micros = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
    scoreboard.fleet().started_micros.store(micros, Ordering::Relaxed);
    Ok((scoreboard, file))
}

/// Maps the scoreboard in `file`, which [`make_scoreboard`] has made, in this program or in one of the same [`Layout`], for
/// the rest of the process's life. Forked children share it.
///
/// # Errors
/// If the file has not the size of such a scoreboard, or cannot be mapped.
pub fn map_scoreboard(file: &impl AsFd, seats: usize) -> io::Result<Scoreboard> {
    let bytes = Layout::of(seats).bytes().ok_or_else(too_large)?;
    let file = File::from(file.as_fd().try_clone_to_owned()?);
    if file.metadata()?.len() != bytes as u64 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the scoreboard has another size"));
    }
    // SAFETY: only supervisors and forked children that treat the file in the same way (as atomics) have it, and none
    // of them changes its length, which has just been checked.
    let map = unsafe { MmapMut::map_mut(&file)? };
    let start = Box::leak(Box::new(map)).as_mut_ptr();
    // SAFETY: the mapping is never unmapped ('static), page-aligned (so aligned for both types, whose sizes are
    // multiples of their alignment), valid whatever bytes it holds (all fields are atomics or arrays of them), long
    // enough by the sum above, and from here on reached through shared references to atomics alone.
    #[expect(clippy::cast_ptr_alignment, reason = "the mapping begins at a page; see above")]
    let (fleet, seats) = unsafe {
        let fleet = &*start.cast::<FleetBlock>();
        let first = start.add(size_of::<FleetBlock>()).cast::<Seat>();
        (fleet, std::slice::from_raw_parts(first, seats))
    };
    Ok(Scoreboard::new(fleet, seats))
}

fn too_large() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "a scoreboard of more seats than memory")
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn a_scoreboard_starts_empty_and_holds_what_is_written() {
        let (board, file) = make_scoreboard(6).unwrap();
        assert_eq!(board.seats().len(), 6);
        assert_eq!(board.seats()[5].counters.request_micros.count(), 0);
        board.seats()[5].pid.store(7, Ordering::Relaxed);
        assert_eq!(board.seats()[5].pid.load(Ordering::Relaxed), 7);
        assert_eq!(board.seats()[4].pid.load(Ordering::Relaxed), 0);
        // Who maps it again sees the same; who thinks that it is another one is told.
        assert_eq!(map_scoreboard(&file, 6).unwrap().seats()[5].pid.load(Ordering::Relaxed), 7);
        assert!(map_scoreboard(&file, 7).is_err());
    }
}
