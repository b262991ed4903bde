//! The loader: a short-lived child that turns the artifact into a sealed image, so that the supervisor never
//! parses a model and keeps none of the memory that this takes.

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use linnet::model::build_image_in;
use linnet::process::channel::{FAILED, MAX_REASON, failure_report};
use linnet::process::image_file::map_to_write;
use linnet::process::shared_memory::{memory_file, seal};
use linnet::process::worker::{EXIT_BOOT_FAILED, EXIT_DONE};
use nix::sys::resource::{UsageWho, getrusage};

use crate::fleet::{Exit, Generation};
use crate::identity::Identity;
use crate::log::{self, Role};
use crate::os::child::{self, Child};

/// What loading took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Loaded {
    /// From the first byte read to the sealed image.
    pub(crate) took: Duration,
    /// Size of the image, which all workers share.
    pub(crate) image_bytes: u64,
    /// The most memory that the loader had at a time, the image included.
    pub(crate) peak_bytes: u64,
}

impl Loaded {
    /// As it goes from the loader to the supervisor.
    fn to_bytes(self) -> Vec<u8> {
        [self.took.as_micros() as u64, self.image_bytes, self.peak_bytes].map(u64::to_ne_bytes).concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let [took, image_bytes, peak_bytes] = *bytes.as_chunks::<8>().0 else { return None };
        let [took, image_bytes, peak_bytes] = [took, image_bytes, peak_bytes].map(u64::from_ne_bytes);
        Some(Self { took: Duration::from_micros(took), image_bytes, peak_bytes })
    }
}

/// A loader at work.
pub(crate) struct Loader {
    generation: Generation,
    child: Child,
    image: OwnedFd,
    report: UnixStream,
}

impl Loader {
    /// Forks a loader for the artifact in `directory`, which it reads as `identity`, under this name.
    pub(crate) fn start(
        generation: Generation,
        directory: &Path,
        identity: Option<&Identity>,
        name: &str,
    ) -> io::Result<Self> {
        let image = memory_file("linnet-model")?;
        let (report, mut said) = UnixStream::pair()?;
        report.set_nonblocking(true)?;
        let keep = [image.as_raw_fd(), said.as_raw_fd()];
        let child = child::spawn(&keep, name, || {
            log::enter(Role::Loader);
            match load(directory, identity, &image) {
                // Figures for the log; without them the image is as good.
                Ok(loaded) => said.write_all(&loaded.to_bytes()).map_or(EXIT_DONE, |()| EXIT_DONE),
                Err(reason) => {
                    // If even this fails, the exit status still says that loading failed.
                    let _ = said.write_all(&failure_report(&reason));
                    EXIT_BOOT_FAILED
                }
            }
        })?;
        Ok(Self { generation, child, image, report })
    }

    /// What it loads.
    pub(crate) fn generation(&self) -> Generation {
        self.generation
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> i32 {
        self.child.pid()
    }

    /// Readable once it has ended.
    pub(crate) fn pidfd(&self) -> BorrowedFd<'_> {
        self.child.pidfd()
    }

    /// Kills it.
    pub(crate) fn kill(&self) {
        self.child.kill();
    }

    /// How it ended, if it has.
    pub(crate) fn try_wait(&self) -> Option<Exit> {
        self.child.try_wait()
    }

    /// The sealed image with what it took, or the reason why there is none. For a loader that has ended.
    pub(crate) fn result(self, exit: Exit) -> Result<(OwnedFd, Option<Loaded>), String> {
        let mut report = Vec::new();
        // Whatever was said before an error is worth telling.
        let _ = (&self.report).take(MAX_REASON as u64 + 1).read_to_end(&mut report);
        if exit == Exit::Status(i32::from(EXIT_DONE)) {
            return Ok((self.image, Loaded::from_bytes(&report)));
        }
        match report.split_first() {
            Some((&FAILED, reason)) => Err(String::from_utf8_lossy(reason).into_owned()),
            _ => Err(format!("the model loader ended with {exit}")),
        }
    }
}

/// Builds the image in the memory file, and seals that.
pub(crate) fn load(directory: &Path, identity: Option<&Identity>, image: &OwnedFd) -> Result<Loaded, String> {
    identity.map_or(Ok(()), Identity::assume_in_child).map_err(|e| format!("cannot become the user: {e}"))?;
    let begun = Instant::now();
    let place = build_image_in(directory, |size| map_to_write(image.as_fd(), size));
    let place = place.map_err(|e| e.to_string())?;
    let image_bytes = place.len() as u64;
    drop(place); // a file that is mapped to be written cannot be sealed
    seal(image.as_fd()).map_err(|e| format!("cannot seal the model image: {e}"))?;
    let peak = getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| usage.max_rss().unsigned_abs() * 1024);
    Ok(Loaded { took: begun.elapsed(), image_bytes, peak_bytes: peak })
}
