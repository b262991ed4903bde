//! Memory that processes share: memory files, and the scoreboard, which all read and write.
#![expect(unsafe_code, reason = "mapping memory and viewing it as atomics; one of the files named for this")]

use std::fs::File;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use memmap2::MmapMut;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

use crate::scoreboard::{FleetBlock, Scoreboard, Seat};

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

/// Maps a scoreboard with `seats` seats for the rest of the process's life. Forked children share it.
pub fn map_scoreboard(seats: usize) -> io::Result<Scoreboard> {
    let file = File::from(memory_file("linnet-scoreboard")?);
    let length = size_of::<FleetBlock>() + seats * size_of::<Seat>();
    file.set_len(length as u64)?;
    // SAFETY: the memory file was made a line ago, nobody else has it, and only forked children that treat it
    // in the same way (as atomics) will; its length is fixed above.
    let map = unsafe { MmapMut::map_mut(&file)? };
    let start = Box::leak(Box::new(map)).as_mut_ptr();
    // SAFETY: the mapping is never unmapped ('static), page-aligned (so aligned for both types, whose sizes are
    // multiples of their alignment), zeroed (a valid value of every field, all atomics or arrays of them), long
    // enough by the sum above, and from here on reached through shared references to atomics alone.
    #[expect(clippy::cast_ptr_alignment, reason = "the mapping begins at a page; see above")]
    let (fleet, seats) = unsafe {
        let fleet = &*start.cast::<FleetBlock>();
        let first = start.add(size_of::<FleetBlock>()).cast::<Seat>();
        (fleet, std::slice::from_raw_parts(first, seats))
    };
    Ok(Scoreboard::new(fleet, seats))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    #[test]
    fn a_scoreboard_starts_empty_and_holds_what_is_written() {
        let board = map_scoreboard(6).unwrap();
        assert_eq!(board.seats().len(), 6);
        assert_eq!(board.seats()[5].counters.request_micros.count(), 0);
        board.seats()[5].pid.store(7, Ordering::Relaxed);
        assert_eq!(board.seats()[5].pid.load(Ordering::Relaxed), 7);
        assert_eq!(board.seats()[4].pid.load(Ordering::Relaxed), 0);
    }
}
