//! Whom the fleet runs as.

use std::ffi::CString;
use std::io;
use std::path::Path;

use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{Gid, Group, Uid, User, chown, getegid, geteuid, initgroups, setgid, setgroups, setuid};

/// A user and a group to become.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// The user's name, where it has one: its further groups go by it.
    name: Option<CString>,
    user: Uid,
    group: Gid,
}

impl Identity {
    /// What the settings `user` and `group` ask for, if they ask for anything.
    ///
    /// # Errors
    /// If there is no such user or group, or if this process may not become it.
    pub(crate) fn resolve(user: &str, group: &str) -> io::Result<Option<Self>> {
        if user.is_empty() && group.is_empty() {
            return Ok(None);
        }
        let known = match user.parse() {
            Ok(number) => User::from_uid(Uid::from_raw(number))?,
            Err(_) if user.is_empty() => User::from_uid(geteuid())?,
            Err(_) => Some(User::from_name(user)?.ok_or_else(|| unknown("user", user))?),
        };
        let uid = match user.parse() {
            Ok(number) => Uid::from_raw(number),
            Err(_) => known.as_ref().map_or_else(geteuid, |known| known.uid),
        };
        let gid = match group.parse() {
            Ok(number) => Gid::from_raw(number),
            Err(_) if group.is_empty() => known.as_ref().map_or_else(getegid, |known| known.gid),
            Err(_) => Group::from_name(group)?.ok_or_else(|| unknown("group", group))?.gid,
        };
        let name = known.map(|known| CString::new(known.name)).transpose()?;
        let identity = Self { name, user: uid, group: gid };
        if !geteuid().is_root() && !identity.is_assumed() {
            let message = format!("only root can become user {uid} with group {gid}");
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
        }
        Ok(Some(identity))
    }

    /// Whether this process runs as it already, as after an upgrade.
    fn is_assumed(&self) -> bool {
        geteuid() == self.user && getegid() == self.group
    }

    /// Gives it a file.
    pub(crate) fn own(&self, file: &Path) -> io::Result<()> {
        Ok(chown(file, Some(self.user), Some(self.group))?)
    }

    /// Becomes it, for good.
    pub(crate) fn assume(&self) -> io::Result<()> {
        if self.is_assumed() {
            return Ok(());
        }
        match &self.name {
            Some(name) => initgroups(name, self.group)?,
            None => setgroups(&[self.group])?,
        }
        setgid(self.group)?;
        setuid(self.user)?;
        // The change has made this process one that its own user cannot look into; nothing here is secret from it.
        prctl::set_dumpable(true)?;
        Ok(())
    }

    /// Becomes it in a child, which shall go on to die with its parent: the change of the user has cleared that.
    pub(crate) fn assume_in_child(&self) -> io::Result<()> {
        self.assume()?;
        Ok(prctl::set_pdeathsig(Signal::SIGKILL)?)
    }
}

fn unknown(what: &str, name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("there is no {what} {name:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_resolved() {
        assert!(Identity::resolve("", "").unwrap().is_none());
        assert!(Identity::resolve("nobody-of-this-name", "").unwrap_err().to_string().contains("no user"));
        let myself = geteuid().to_string();
        let identity = Identity::resolve(&myself, "").unwrap().unwrap();
        assert_eq!(identity.user, geteuid());
        if geteuid().is_root() {
            assert_eq!(Identity::resolve("root", "").unwrap().unwrap().group, Gid::from_raw(0));
            let numbers = Identity::resolve("12345", "54321").unwrap().unwrap();
            assert_eq!((numbers.user, numbers.group), (Uid::from_raw(12_345), Gid::from_raw(54_321)));
            assert!(numbers.name.is_none());
        } else {
            assert!(Identity::resolve("root", "").is_err());
        }
    }
}
