//! The loader: a short-lived child that turns the artifact into a sealed image, so that the supervisor never
//! parses a model and keeps none of the memory that this takes.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use linnet::model::build_image;
use linnet::process::channel::{FAILED, MAX_REASON, failure_report};
use linnet::process::shared_memory::{memory_file, seal};
use linnet::process::worker::{EXIT_BOOT_FAILED, EXIT_DONE};

use crate::fleet::{Exit, Generation};
use crate::identity::Identity;
use crate::log::{self, Role};
use crate::os::child::{self, Child};

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
                Ok(()) => EXIT_DONE,
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

    /// The sealed image, or the reason why there is none. For a loader that has ended.
    pub(crate) fn result(self, exit: Exit) -> Result<OwnedFd, String> {
        if exit == Exit::Status(i32::from(EXIT_DONE)) {
            return Ok(self.image);
        }
        let mut report = Vec::new();
        // Whatever was said before an error is worth telling.
        let _ = (&self.report).take(MAX_REASON as u64 + 1).read_to_end(&mut report);
        match report.split_first() {
            Some((&FAILED, reason)) => Err(String::from_utf8_lossy(reason).into_owned()),
            _ => Err(format!("the model loader ended with {exit}")),
        }
    }
}

fn load(directory: &Path, identity: Option<&Identity>, image: &OwnedFd) -> Result<(), String> {
    identity.map_or(Ok(()), Identity::assume_in_child).map_err(|e| format!("cannot become the user: {e}"))?;
    let bytes = build_image(directory).map_err(|e| e.to_string())?;
    let write = || -> io::Result<()> {
        File::from(image.try_clone()?).write_all(bytes.as_bytes())?;
        seal(image.as_fd())
    };
    write().map_err(|e| format!("cannot write the model image: {e}"))
}
