//! Another program in the place of this one: the same process, with the same children, signals and descriptors.

use std::convert::Infallible;
use std::env;
use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::unistd::execvpe;

/// Executes `program` in `directory`, with the environment of this process, less the variables `removed` and with `added`,
/// and leaves the descriptors `pass_on` open. Returns only if that fails, and then everything is as it was.
///
/// Not `std`'s exec: that opens the signal mask first, and a TERM that is pending would be lost.
pub(crate) fn become_program(
    program: &Path,
    arguments: &[OsString],
    directory: &Path,
    added: (&str, String),
    removed: &[&str],
    pass_on: &[BorrowedFd<'_>],
) -> io::Error {
    let before = env::current_dir();
    let outcome: io::Result<Infallible> =
        prepare(program, arguments, added, removed).and_then(|(program, arguments, environment)| {
            env::set_current_dir(directory)?;
            set_flags(pass_on, FdFlag::empty())?;
            Ok(execvpe(&program, &arguments, &environment)?)
        });
    let Err(error) = outcome;
    // What a failure here would leave is no worse than what it was called in: descriptors that children close themselves.
    let _ = set_flags(pass_on, FdFlag::FD_CLOEXEC);
    if let Ok(before) = before {
        let _ = env::set_current_dir(before);
    }
    error
}

type Prepared = (CString, Vec<CString>, Vec<CString>);

fn prepare(
    program: &Path,
    arguments: &[OsString],
    added: (&str, String),
    removed: &[&str],
) -> io::Result<Prepared> {
    let text = |text: OsString| CString::new(text.into_vec()).map_err(io::Error::other);
    let program = text(program.as_os_str().to_owned())?;
    let all = [program.clone()].into_iter().map(Ok).chain(arguments.iter().cloned().map(text));
    let replaced = |name: &OsStr| removed.iter().chain([&added.0]).any(|other| name == *other);
    let kept = env::vars_os().filter(|(name, _)| !replaced(name));
    let variables = kept.chain([(OsString::from(added.0), OsString::from(added.1))]);
    let line = |(mut name, value): (OsString, OsString)| {
        name.push("=");
        name.push(value);
        text(name)
    };
    Ok((program, all.collect::<io::Result<_>>()?, variables.map(line).collect::<io::Result<_>>()?))
}

fn set_flags(descriptors: &[BorrowedFd<'_>], flags: FdFlag) -> io::Result<()> {
    for descriptor in descriptors {
        fcntl(descriptor, FcntlArg::F_SETFD(flags))?;
    }
    Ok(())
}
