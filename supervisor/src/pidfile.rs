//! The file that tells an operator's tools the supervisor's process id.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::{Pid, getpid, getppid};

/// A pidfile of this process.
pub(crate) struct Pidfile {
    /// Where it should be.
    path: PathBuf,
    place: Place,
}

/// Where it is.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// Where it should be.
    There,
    /// Beside that, while a predecessor's is there.
    Beside(PathBuf),
    /// Nowhere yet: a predecessor's is there, and the directory takes no second file from this user.
    Later,
}

impl Pidfile {
    /// Writes it. While a predecessor, which has started this process, still has its own, this one's name ends in `.2`;
    /// where the directory is closed to this user, it is written when the predecessor is gone.
    ///
    /// # Errors
    /// If another living process has one there, or if it cannot be written.
    pub(crate) fn write(path: &Path) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        match owner(&path) {
            Some(pid) if pid == getppid() && pid.as_raw() > 1 => {
                let mut beside = path.clone();
                beside.as_mut_os_string().push(".2");
                let place = match replace(&beside) {
                    Ok(()) => Place::Beside(beside),
                    Err(e) if e.kind() == io::ErrorKind::PermissionDenied => Place::Later,
                    Err(e) => return Err(e),
                };
                return Ok(Self { path, place });
            }
            Some(pid) if pid != getpid() && is_alive(pid) => {
                let message = format!("process {pid} is running already, says {}", path.display());
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
            }
            Some(pid) if pid == getpid() => {}
            _ => replace(&path)?,
        }
        Ok(Self { path, place: Place::There })
    }

    /// Where it is now, if it is anywhere.
    pub(crate) fn where_it_is(&self) -> Option<&Path> {
        match &self.place {
            Place::There => Some(&self.path),
            Place::Beside(beside) => Some(beside),
            Place::Later => None,
        }
    }

    /// Takes the predecessor's place.
    pub(crate) fn settle(&mut self) -> io::Result<()> {
        match &self.place {
            Place::There => {}
            Place::Beside(beside) => fs::rename(beside, &self.path)?,
            // The file is this user's, though the directory is not.
            Place::Later => fs::write(&self.path, line())?,
        }
        self.place = Place::There;
        Ok(())
    }

    /// Removes it, unless it is somebody else's by now.
    pub(crate) fn remove(&self) {
        let Some(path) = self.where_it_is().filter(|path| owner(path) == Some(getpid())) else { return };
        if fs::remove_file(path).is_err() {
            // Where the directory is not this user's it stays behind; an empty one names nobody.
            let _ = fs::write(path, "");
        }
    }
}

fn line() -> String {
    format!("{}\n", getpid())
}

/// Written beside it and renamed, so that nobody reads half of it.
fn replace(path: &Path) -> io::Result<()> {
    let mut beside = path.to_owned();
    beside.as_mut_os_string().push(".new");
    fs::write(&beside, line())?;
    fs::rename(&beside, path)
}

fn owner(path: &Path) -> Option<Pid> {
    fs::read_to_string(path).ok()?.trim().parse().ok().filter(|pid| *pid > 0).map(Pid::from_raw)
}

fn is_alive(pid: Pid) -> bool {
    !matches!(kill(pid, None), Err(Errno::ESRCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_living_owner_is_respected_and_a_dead_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pid");
        fs::write(&path, "1\n").unwrap();
        let Err(error) = Pidfile::write(&path) else { panic!("process 1 lives") };
        assert!(error.to_string().contains("process 1 is running already"), "{error}");
        // Larger than any process id can be.
        fs::write(&path, "99999999\n").unwrap();
        let mut file = Pidfile::write(&path).unwrap();
        assert_eq!(owner(&path), Some(getpid()));
        file.settle().unwrap();
        file.remove();
        assert!(!path.exists());
        fs::write(&path, "not a number").unwrap();
        let file = Pidfile::write(&path).unwrap();
        fs::write(&path, "1\n").unwrap();
        file.remove();
        assert!(path.exists(), "it is somebody else's");
    }

    #[test]
    fn beside_a_predecessors_until_that_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pid");
        fs::write(&path, format!("{}\n", getppid())).unwrap();
        let mut file = Pidfile::write(&path).unwrap();
        assert_eq!(
            (owner(&path), file.where_it_is().unwrap().extension().unwrap()),
            (Some(getppid()), "2".as_ref())
        );
        fs::remove_file(&path).unwrap();
        file.settle().unwrap();
        assert_eq!(owner(&path), Some(getpid()));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    }
}
