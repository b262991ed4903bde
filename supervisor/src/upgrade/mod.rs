//! One program after another, without a gap: how this one was started, and what it was left by another.
//!
//! Beside (`beside`): the old supervisor starts the new one, both live for a while. In place (`estate`, `prove`): as PID 1,
//! whose end would be the end of its container, the new program proves itself in a child and then takes over the process.
//! Either way a line of JSON in the environment says which open descriptor is which.

pub(crate) mod beside;
pub(crate) mod estate;
pub(crate) mod prove;

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};
use std::path::PathBuf;

use nix::unistd::{getpid, getppid};
use serde::{Deserialize, Serialize};

use self::beside::{Predecessor, Relay};
use self::estate::Inheritance;
use self::prove::Proof;
use crate::activation::{self, Activated};
use crate::os::exec::become_program;

/// The variable that tells a supervisor what it inherits.
const VARIABLE: &str = "LINNET_INHERITED";

/// How this program was started, so that it can be started again.
#[derive(Clone, Debug)]
pub(crate) struct Invocation {
    /// What was started: a path, or a name to be looked up again.
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) directory: PathBuf,
}

impl Invocation {
    /// Of this process. Call it before the working directory changes.
    pub(crate) fn of_this_process() -> io::Result<Self> {
        let mut arguments = env::args_os();
        let named = PathBuf::from(arguments.next().unwrap_or_else(|| "linnet".into()));
        // A name without a slash is looked up in PATH; a symbolic link is followed again, to wherever it leads then.
        let is_path = named.components().count() > 1 || named.is_absolute();
        let program = if is_path { std::path::absolute(&named)? } else { named };
        Ok(Self { program, arguments: arguments.collect(), directory: env::current_dir()? })
    }
}

/// What the variable says. `by` is the process that says it: a variable from elsewhere means nothing.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Inherited {
    /// Serve in place of the parent, which gives way.
    Beside { by: i32, channel: RawFd, relay: Relay },
    /// Show the parent that this program could take its place.
    Prove { by: i32, channel: RawFd, estate: RawFd },
    /// This program has taken the place of another in this process.
    InPlace { by: i32, estate: RawFd },
}

/// Lets the program on disk take this one's place in this process, and leaves it what `document` describes. Returns only
/// if that fails, and then nothing has changed.
pub(crate) fn become_heir(
    invocation: &Invocation,
    document: &OwnedFd,
    pass_on: &[BorrowedFd<'_>],
) -> io::Error {
    let inherited = Inherited::InPlace { by: getpid().as_raw(), estate: document.as_raw_fd() };
    let text = match serde_json::to_string(&inherited) {
        Ok(text) => text,
        Err(error) => return error.into(),
    };
    let mut pass_on = pass_on.to_vec();
    pass_on.push(document.as_fd());
    let Invocation { program, arguments, directory } = invocation;
    become_program(program, arguments, directory, (VARIABLE, text), &activation::VARIABLES, &pass_on)
}

/// Where this program comes from.
pub(crate) enum Origin {
    /// An operator has started it, or a service manager, which may have passed sockets on.
    Fresh(Vec<Activated>),
    /// Another supervisor has, to be replaced by it.
    Beside(Predecessor),
    /// Another supervisor has, to see whether it could take its place.
    ToProve(Box<Proof>),
    /// It has taken the place of another one in this process.
    InPlace(Box<Inheritance>),
}

impl Origin {
    /// What the environment says. Call it before anything else is opened.
    ///
    /// # Errors
    /// If it says that there is something to inherit, but that is not so, or cannot be read by this program.
    pub(crate) fn from_environment() -> io::Result<Self> {
        let fresh = || activation::take().map(Self::Fresh).map_err(io::Error::other);
        let Some(text) = env::var_os(VARIABLE) else { return fresh() };
        let (parent, this) = (getppid().as_raw(), getpid().as_raw());
        Ok(match serde_json::from_slice(text.as_encoded_bytes())? {
            Inherited::Beside { by, channel, relay } if by == parent => {
                Self::Beside(Predecessor::adopt(channel, relay)?)
            }
            Inherited::Prove { by, channel, estate } if by == parent => {
                Self::ToProve(Box::new(Proof::adopt(channel, estate)?))
            }
            Inherited::InPlace { by, estate } if by == this => {
                Self::InPlace(Box::new(Inheritance::adopt(estate)?))
            }
            _ => fresh()?,
        })
    }

    /// What another program has left in this process, or would leave.
    pub(crate) fn inheritance(&self) -> Option<&Inheritance> {
        match self {
            Self::ToProve(proof) => proof.inheritance(),
            Self::InPlace(inheritance) => Some(inheritance),
            Self::Fresh(_) | Self::Beside(_) => None,
        }
    }

    /// Tells a supervisor that waits for this one why it cannot start.
    pub(crate) fn tell_failure(&mut self, reason: &str) {
        match self {
            Self::Beside(predecessor) => predecessor.tell_failure(reason),
            Self::ToProve(proof) => proof.tell_failure(reason),
            Self::Fresh(_) | Self::InPlace(_) => {}
        }
    }
}
