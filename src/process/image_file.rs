//! The model image in a memory file: made by the loader, sealed, then read by every worker.
//!
//! A large image lies in huge pages where the kernel gives them: its rows are read here and there, and with small pages
//! nearly every row is a miss in the processor's table of pages.
#![expect(unsafe_code, reason = "mapping memory; one of the files named for this")]

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::ops::{Deref, DerefMut};
use std::os::fd::{AsFd, BorrowedFd};
use std::ptr::NonNull;

use nix::fcntl::{FallocateFlags, fallocate};
use nix::libc;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};

use super::shared_memory::is_sealed;

/// Size of a huge page, and so what mappings are aligned to.
const HUGE_PAGE: usize = 2 << 20;
/// Smaller images stay in small pages: the processor's table of pages covers about as much.
pub(super) const HUGE_MIN: usize = 16 << 20;

/// A memory file that is mapped to be written: all zeros at first. The file can be sealed once this is dropped.
#[derive(Debug)]
pub struct ImageInMaking(Mapping);

/// Gives an empty memory file its length, and maps it to be written.
///
/// # Errors
/// If there is no memory for so many bytes, or it cannot be mapped.
pub fn map_to_write(file: BorrowedFd<'_>, length: usize) -> io::Result<ImageInMaking> {
    let end = i64::try_from(length).map_err(io::Error::other)?;
    File::from(file.try_clone_to_owned()?).set_len(end.unsigned_abs())?;
    let mut mapping =
        Mapping::of(file, length, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_SHARED)?;
    if length >= HUGE_MIN {
        mapping.ask_for_huge_pages();
    }
    // Takes the memory now: what is missing is an error here, and would be a SIGBUS later.
    fallocate(file, FallocateFlags::empty(), 0, end)?;
    Ok(ImageInMaking(mapping))
}

impl Deref for ImageInMaking {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the mapping is that long and readable; the caller of `map_to_write` has made the file and fills it
        // alone: nobody else writes it, and nobody cuts it.
        unsafe { std::slice::from_raw_parts(self.0.start.as_ptr(), self.0.length.get()) }
    }
}

impl DerefMut for ImageInMaking {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and it is writable; `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.0.start.as_ptr(), self.0.length.get()) }
    }
}

/// Maps a sealed model image, read-only and private, for the rest of the process's life.
///
/// # Errors
/// If the file is not sealed, is empty, or cannot be mapped.
pub fn map_image(file: &impl AsFd) -> io::Result<&'static [u8]> {
    let fd = file.as_fd();
    if !is_sealed(fd)? {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the model image is not sealed"));
    }
    let length = File::from(fd.try_clone_to_owned()?).metadata()?.len();
    let length = usize::try_from(length).map_err(io::Error::other)?;
    let mapping =
        std::mem::ManuallyDrop::new(Mapping::of(fd, length, ProtFlags::PROT_READ, MapFlags::MAP_PRIVATE)?);
    // SAFETY: the mapping is that long, readable and never unmapped; the file is sealed against writes and truncation,
    // so the bytes cannot change or vanish under the shared slice.
    Ok(unsafe { std::slice::from_raw_parts(mapping.start.as_ptr(), mapping.length.get()) })
}

/// A mapping of a whole file, aligned to huge pages; unmapped when dropped.
#[derive(Debug)]
struct Mapping {
    /// The addresses within which it lies.
    reserved: NonNull<c_void>,
    room: NonZeroUsize,
    start: NonNull<u8>,
    length: NonZeroUsize,
}

impl Mapping {
    fn of(file: BorrowedFd<'_>, length: usize, access: ProtFlags, kind: MapFlags) -> io::Result<Self> {
        let length = NonZeroUsize::new(length).ok_or(io::ErrorKind::InvalidData)?;
        // Addresses for the file and for what alignment may skip; no memory lies behind the rest.
        let room = length.checked_add(HUGE_PAGE).ok_or(io::ErrorKind::OutOfMemory)?;
        // SAFETY: new addresses that nothing uses yet, without memory behind them.
        let reserved = unsafe { mmap_anonymous(None, room, ProtFlags::PROT_NONE, MapFlags::MAP_PRIVATE)? };
        let skipped = reserved.addr().get().next_multiple_of(HUGE_PAGE) - reserved.addr().get();
        // SAFETY: within the addresses that were just reserved, which are `HUGE_PAGE` more than the file is long.
        let place = unsafe { reserved.byte_add(skipped) };
        // SAFETY: replaces addresses of the reservation alone. That the bytes do not change under a slice is for those to
        // say who make one.
        let mapped = unsafe { mmap(Some(place.addr()), length, access, kind | MapFlags::MAP_FIXED, file, 0) };
        Ok(Self { reserved, room, start: mapped?.cast(), length })
    }

    /// Puts whole huge pages under the mapping, as far as the kernel has any; without them all works as well.
    fn ask_for_huge_pages(&mut self) {
        let whole = self.length.get() / HUGE_PAGE * HUGE_PAGE;
        for at in (0..whole).step_by(HUGE_PAGE) {
            // The kernel collapses only where something is.
            // SAFETY: within the mapping, which is writable where this is called, and zero anyway.
            unsafe { self.start.add(at).write_volatile(0) };
        }
        // SAFETY: changes what lies behind the addresses of this mapping, not their content. Linux before 6.1 does not
        // know the advice and refuses it.
        let _ = unsafe { libc::madvise(self.start.as_ptr().cast(), whole, libc::MADV_COLLAPSE) };
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: addresses that nothing else was given; slices of the mapping borrow its owner.
        let _ = unsafe { munmap(self.reserved, self.room.get()) };
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::super::shared_memory::{memory_file, seal};
    use super::*;

    #[test]
    fn an_image_must_be_sealed_and_then_stays_as_it_is() {
        let mut file = File::from(memory_file("test").unwrap());
        file.write_all(b"image").unwrap();
        assert!(map_image(&file).is_err());
        seal(file.as_fd()).unwrap();
        assert_eq!(map_image(&file).unwrap(), b"image");
        assert!(file.write_all(b"more").is_err());
        assert!(file.set_len(0).is_err());
    }

    #[test]
    fn what_is_written_in_place_is_what_is_mapped() {
        for length in [1, 4096, HUGE_PAGE, HUGE_MIN - 1, HUGE_MIN, HUGE_MIN + HUGE_PAGE + 5] {
            let file = memory_file("test").unwrap();
            let mut image = map_to_write(file.as_fd(), length).unwrap();
            assert_eq!(image.len(), length);
            assert!(image.iter().all(|&byte| byte == 0));
            for (at, byte) in image.iter_mut().enumerate() {
                *byte = (at / 7) as u8;
            }
            assert!(seal(file.as_fd()).is_err(), "a file that is mapped to be written");
            drop(image);
            seal(file.as_fd()).unwrap();
            let mapped = map_image(&file).unwrap();
            assert_eq!(mapped.len(), length);
            assert!(mapped.iter().enumerate().all(|(at, &byte)| byte == (at / 7) as u8), "{length} bytes");
        }
    }

    #[test]
    fn no_memory_is_an_error() {
        assert!(map_to_write(memory_file("test").unwrap().as_fd(), usize::MAX / 4).is_err());
        assert!(map_to_write(memory_file("test").unwrap().as_fd(), 0).is_err());
    }
}
