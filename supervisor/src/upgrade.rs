//! One supervisor starts another: what is passed on, and what the two say to each other.
//!
//! The old one starts the program on disk with all listening sockets open and a line of JSON in the environment that says
//! which descriptor is which; the new one says over a socket pair when it serves, or why it cannot.

use std::env;
use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use linnet::process::channel::{FAILED, MAX_REASON, failure_report};
use nix::unistd::getppid;
use serde::{Deserialize, Serialize};

use crate::ctl::server::LegacyControl;
use crate::fleet::Exit;
use crate::os::child::{self, Child};
use crate::os::inherited;
use crate::sockets::Legacy;

/// The variable that tells a supervisor what it inherits.
const VARIABLE: &str = "LINNET_INHERITED";

/// First byte of the new supervisor's report that it serves; the number of its slots follows, then a line feed.
const SERVES: u8 = b'S';

/// How this program was started, so that it can be started again.
#[derive(Clone, Debug)]
pub(crate) struct Invocation {
    /// What was started: a path, or a name to be looked up again.
    pub(crate) program: PathBuf,
    arguments: Vec<OsString>,
    directory: PathBuf,
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

#[derive(Serialize, Deserialize)]
struct Inherited {
    /// The process that passes this on: a variable from elsewhere means nothing.
    predecessor: i32,
    channel: RawFd,
    groups: Vec<Group>,
    control: Option<Control>,
}

#[derive(Serialize, Deserialize)]
struct Control {
    path: PathBuf,
    socket: RawFd,
}

#[derive(Serialize, Deserialize)]
struct Group {
    asked: String,
    sockets: Vec<RawFd>,
    listening: Vec<usize>,
}

/// The new supervisor, as the old one sees it.
pub(crate) struct Successor {
    child: Child,
    channel: UnixStream,
    said: Vec<u8>,
    serves: bool,
}

impl Successor {
    /// Starts the program on disk and passes `listeners` on to it.
    pub(crate) fn start(
        invocation: &Invocation,
        listeners: Vec<Legacy<BorrowedFd<'_>>>,
        control: Option<LegacyControl<BorrowedFd<'_>>>,
    ) -> io::Result<Self> {
        let (channel, theirs) = UnixStream::pair()?;
        channel.set_nonblocking(true)?;
        let groups = listeners.into_iter().map(|legacy| Group {
            asked: legacy.asked,
            sockets: legacy.sockets.iter().map(BorrowedFd::as_raw_fd).collect(),
            listening: legacy.listening,
        });
        let inherited = Inherited {
            predecessor: std::process::id().cast_signed(),
            channel: theirs.as_raw_fd(),
            groups: groups.collect(),
            control: control
                .map(|control| Control { path: control.path, socket: control.socket.as_raw_fd() }),
        };
        let mut pass_on: Vec<RawFd> =
            inherited.groups.iter().flat_map(|g| g.sockets.iter().copied()).collect();
        pass_on.push(inherited.channel);
        pass_on.extend(inherited.control.iter().map(|control| control.socket));
        let mut command = std::process::Command::new(&invocation.program);
        command.args(&invocation.arguments).current_dir(&invocation.directory);
        command.env(VARIABLE, serde_json::to_string(&inherited)?);
        Ok(Self { child: child::execute(command, pass_on)?, channel, said: Vec::new(), serves: false })
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> i32 {
        self.child.pid()
    }

    /// Readable when it has said something, or has ended.
    pub(crate) fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        // Once it serves it says no more; the end of its channel would only keep waking this process.
        if self.serves { vec![self.child.pidfd()] } else { vec![self.child.pidfd(), self.channel.as_fd()] }
    }

    /// In how many slots it serves, once it does; told once.
    pub(crate) fn serves(&mut self) -> Option<usize> {
        let mut chunk = [0; 512];
        while let Ok(count @ 1..) = self.channel.read(&mut chunk) {
            let room = (MAX_REASON + 1).saturating_sub(self.said.len());
            self.said.extend_from_slice(&chunk[..count.min(room)]);
        }
        let number = self.said.strip_prefix(&[SERVES])?.strip_suffix(b"\n")?;
        if std::mem::replace(&mut self.serves, true) {
            return None;
        }
        std::str::from_utf8(number).ok()?.parse().ok()
    }

    /// How it ended, if it has.
    pub(crate) fn try_wait(&self) -> Option<Exit> {
        self.child.try_wait()
    }

    /// Why it has ended.
    pub(crate) fn reason(&self, exit: Exit) -> String {
        match self.said.split_first() {
            Some((&FAILED, reason)) => String::from_utf8_lossy(reason).into_owned(),
            _ => format!("the new supervisor ended with {exit}"),
        }
    }

    /// Kills it.
    pub(crate) fn kill(&self) {
        self.child.kill();
    }
}

/// The old supervisor, as the new one sees it.
pub(crate) struct Predecessor {
    channel: UnixStream,
    listeners: Vec<Legacy<OwnedFd>>,
    control: Option<LegacyControl<OwnedFd>>,
}

impl Predecessor {
    /// What this process inherits, if another supervisor has started it.
    ///
    /// # Errors
    /// If it says so, but what it says is not so.
    pub(crate) fn from_environment() -> io::Result<Option<Self>> {
        let Some(text) = env::var_os(VARIABLE) else { return Ok(None) };
        let inherited: Inherited = serde_json::from_slice(text.as_encoded_bytes())?;
        if inherited.predecessor != getppid().as_raw() {
            return Ok(None);
        }
        let adopt = |group: Group| -> io::Result<_> {
            let sockets = group.sockets.into_iter().map(inherited::adopt).collect::<io::Result<_>>()?;
            Ok(Legacy { asked: group.asked, sockets, listening: group.listening })
        };
        let channel = UnixStream::from(inherited::adopt(inherited.channel)?);
        channel.set_nonblocking(true)?;
        let listeners = inherited.groups.into_iter().map(adopt).collect::<io::Result<_>>()?;
        let adopt_control = |control: Control| -> io::Result<_> {
            Ok(LegacyControl { path: control.path, socket: inherited::adopt(control.socket)? })
        };
        let control = inherited.control.map(adopt_control).transpose()?;
        Ok(Some(Self { channel, listeners, control }))
    }

    /// The listeners that it passes on.
    pub(crate) fn take_listeners(&mut self) -> Vec<Legacy<OwnedFd>> {
        std::mem::take(&mut self.listeners)
    }

    /// The control socket that it passes on.
    pub(crate) fn take_control(&mut self) -> Option<LegacyControl<OwnedFd>> {
        self.control.take()
    }

    /// Readable once it is gone.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }

    /// Whether it is gone. It says nothing, so all that there can be to read is the end.
    pub(crate) fn is_gone(&mut self) -> bool {
        !matches!(self.channel.read(&mut [0]), Err(e) if e.kind() == io::ErrorKind::WouldBlock)
    }

    /// Tells it that this fleet serves in so many slots.
    pub(crate) fn tell_serving(&mut self, slots: usize) {
        // One that is gone needs to know nothing.
        let _ = self.channel.write_all(format!("{}{slots}\n", SERVES as char).as_bytes());
    }

    /// Tells it why this fleet cannot start.
    pub(crate) fn tell_failure(&mut self, reason: &str) {
        let _ = self.channel.write_all(&failure_report(reason));
    }
}
