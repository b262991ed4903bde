//! One supervisor starts another beside itself: what is passed on, and what the two say to each other.
//!
//! The old one starts the program on disk with all listening sockets open; the new one says over a socket pair when it
//! serves, or why it cannot. A child that is only to prove itself speaks over the same channel.

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use linnet::process::channel::{FAILED, MAX_REASON, failure_report};
use linnet::wire::connection::Sharing;
use serde::{Deserialize, Serialize};

use super::{Inherited, Invocation, VARIABLE};
use crate::activation;
use crate::ctl::server::LegacyControl;
use crate::fleet::Exit;
use crate::os::child::{self, Child};
use crate::os::inherited;
use crate::sockets::Legacy;

/// First byte of the new supervisor's report that it serves; the number of its slots follows, then a line feed.
const SERVES: u8 = b'S';

/// First byte of a child's report that it could take this program's place; the version of the estate that it reads
/// follows, then a line feed.
const PROVEN: u8 = b'P';

/// All that has a name outside of a supervisor, by the numbers of its descriptors.
#[derive(Deserialize, Serialize)]
pub(crate) struct Relay {
    groups: Vec<Group>,
    control: Option<Control>,
}

#[derive(Deserialize, Serialize)]
struct Group {
    asked: String,
    sockets: Vec<RawFd>,
    listening: Vec<usize>,
    sharing: Sharing,
}

#[derive(Deserialize, Serialize)]
struct Control {
    path: PathBuf,
    socket: RawFd,
}

impl Relay {
    /// What is to be passed on.
    pub(crate) fn of(
        listeners: Vec<Legacy<BorrowedFd<'_>>>,
        control: Option<LegacyControl<BorrowedFd<'_>>>,
    ) -> Self {
        let groups = listeners.into_iter().map(|legacy| Group {
            asked: legacy.asked,
            sockets: legacy.sockets.iter().map(BorrowedFd::as_raw_fd).collect(),
            listening: legacy.listening,
            sharing: legacy.sharing,
        });
        let control =
            control.map(|control| Control { path: control.path, socket: control.socket.as_raw_fd() });
        Self { groups: groups.collect(), control }
    }

    /// The descriptors to leave open.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        let listeners = self.groups.iter().flat_map(|group| group.sockets.iter().copied());
        listeners.chain(self.control.iter().map(|control| control.socket))
    }

    /// Takes what was passed on.
    pub(crate) fn adopt(self) -> io::Result<Relayed> {
        let adopt = |group: Group| -> io::Result<_> {
            let sockets = group.sockets.iter().copied().map(inherited::adopt).collect::<io::Result<_>>()?;
            let Group { asked, listening, sharing, .. } = group;
            Ok(Legacy { asked, sockets, listening, sharing })
        };
        let listeners = self.groups.into_iter().map(adopt).collect::<io::Result<_>>()?;
        let control = self.control.map(|control| -> io::Result<_> {
            Ok(LegacyControl { path: control.path, socket: inherited::adopt(control.socket)? })
        });
        Ok(Relayed { listeners, control: control.transpose()? })
    }
}

/// What another supervisor has passed on.
pub(crate) struct Relayed {
    /// The listeners.
    pub(crate) listeners: Vec<Legacy<OwnedFd>>,
    /// The control socket.
    pub(crate) control: Option<LegacyControl<OwnedFd>>,
}

/// What a program that was started for an upgrade has to say.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// It serves, in so many slots, and this one is to finish.
    Serves(usize),
    /// It could take this program's place.
    Proven,
    /// It is gone, for this reason.
    Failed(String),
}

/// The new program, as the old one sees it.
pub(crate) struct Successor {
    child: Child,
    channel: UnixStream,
    said: Vec<u8>,
    serves: bool,
}

impl Successor {
    /// Starts the program on disk beside this one, and passes `relay` on to it.
    pub(crate) fn start(invocation: &Invocation, relay: Relay) -> io::Result<Self> {
        let pass_on = relay.descriptors().collect();
        Self::execute(invocation, pass_on, |by, channel| Inherited::Beside { by, channel, relay })
    }

    /// Starts the program on disk to prove that it could take this one's place, with what it would find there: the
    /// descriptors `pass_on`, and `estate`, which says what they are.
    pub(crate) fn start_proof(
        invocation: &Invocation,
        estate: RawFd,
        mut pass_on: Vec<RawFd>,
    ) -> io::Result<Self> {
        pass_on.push(estate);
        Self::execute(invocation, pass_on, |by, channel| Inherited::Prove { by, channel, estate })
    }

    fn execute(
        invocation: &Invocation,
        mut pass_on: Vec<RawFd>,
        inherited: impl FnOnce(i32, RawFd) -> Inherited,
    ) -> io::Result<Self> {
        let (channel, theirs) = UnixStream::pair()?;
        channel.set_nonblocking(true)?;
        let inherited = inherited(std::process::id().cast_signed(), theirs.as_raw_fd());
        pass_on.push(theirs.as_raw_fd());
        let mut command = std::process::Command::new(&invocation.program);
        command.args(&invocation.arguments).current_dir(&invocation.directory);
        command.env(VARIABLE, serde_json::to_string(&inherited)?);
        for name in activation::VARIABLES {
            command.env_remove(name);
        }
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

    /// What it has to say now. After [`News::Proven`] and [`News::Failed`] it is gone.
    pub(crate) fn news(&mut self) -> Option<News> {
        let exit = self.child.try_wait();
        let mut chunk = [0; 512];
        while let Ok(count @ 1..) = self.channel.read(&mut chunk) {
            let room = (MAX_REASON + 1).saturating_sub(self.said.len());
            self.said.extend_from_slice(&chunk[..count.min(room)]);
        }
        match exit {
            Some(Exit::Status(0)) if self.number(PROVEN) == Some(super::estate::VERSION as usize) => {
                Some(News::Proven)
            }
            Some(exit) => Some(News::Failed(self.reason(exit))),
            None if self.serves => None,
            None => {
                let slots = self.number(SERVES)?;
                self.serves = true;
                Some(News::Serves(slots))
            }
        }
    }

    /// The number that follows this byte, once all of that has been said.
    fn number(&self, first: u8) -> Option<usize> {
        let number = self.said.strip_prefix(&[first])?.strip_suffix(b"\n")?;
        std::str::from_utf8(number).ok()?.parse().ok()
    }

    /// Why it has ended.
    fn reason(&self, exit: Exit) -> String {
        match self.said.split_first() {
            Some((&FAILED, reason)) => String::from_utf8_lossy(reason).into_owned(),
            _ => format!("the new program ended with {exit}"),
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
    relayed: Option<Relayed>,
}

impl Predecessor {
    pub(super) fn adopt(channel: RawFd, relay: Relay) -> io::Result<Self> {
        let relayed = Some(relay.adopt()?);
        let channel = UnixStream::from(inherited::adopt(channel)?);
        channel.set_nonblocking(true)?;
        Ok(Self { channel, relayed })
    }

    /// What it passes on; nothing the second time.
    pub(crate) fn take_relayed(&mut self) -> Option<Relayed> {
        self.relayed.take()
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

/// What a program says that was to prove itself: that it could, or why not.
pub(super) fn verdict(outcome: Result<(), &str>) -> Vec<u8> {
    match outcome {
        Ok(()) => format!("{}{}\n", PROVEN as char, super::estate::VERSION).into_bytes(),
        Err(reason) => failure_report(reason),
    }
}
