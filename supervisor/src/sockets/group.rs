//! All sockets of one address.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use linnet::config::{BindAddress, Listen};
use linnet::process::listener::{
    bind_alone, bind_first, bind_further, bind_unix, bound_address, ignore_new_connections, steer,
};
use linnet::wire::connection::Sharing;
use socket2::Socket;

use super::display;
use crate::activation::Activated;
use crate::os::tcp::accept_queue;

/// The sockets of one address, as one program passes them on to another.
pub(crate) struct Legacy<S> {
    /// The address as the settings had it.
    pub(crate) asked: String,
    /// One per slot, or one in all.
    pub(crate) sockets: Vec<S>,
    /// Slots in the order in which they began to listen.
    pub(crate) listening: Vec<usize>,
    /// Who accepts from them.
    pub(crate) sharing: Sharing,
}

/// All sockets of one address.
pub(super) struct Group {
    pub(super) address: BindAddress,
    /// The address as the settings have it.
    asked: String,
    /// One per slot, or one that all slots share.
    sockets: Vec<Socket>,
    sharing: Sharing,
    /// Slots in the order in which they began to listen: the kernel's index of each in its group.
    listening: Vec<usize>,
    /// The socket file, until it is removed: after that, the path may be somebody else's.
    file: Option<PathBuf>,
}

impl Group {
    /// A socket of an address for each of `slots`, or one that they share.
    pub(super) fn bind(address: &BindAddress, listen: Listen, slots: usize) -> io::Result<Self> {
        let sharing = sharing(address, listen);
        let first = match address {
            BindAddress::Tcp(tcp) if sharing == Sharing::Own => bind_first(*tcp)?,
            BindAddress::Tcp(tcp) => bind_alone(*tcp)?,
            BindAddress::Unix(path) => bind_unix(path)?,
        };
        let real = bound_address(&first, address)?;
        let mut group = Self {
            sharing,
            file: file_of(&real),
            asked: display(address),
            address: real,
            sockets: vec![first],
            listening: Vec::new(),
        };
        group.bind_for(slots)?;
        Ok(group)
    }

    /// Takes the sockets that another program has passed on. Ones that no slot needs are kept, too: closing one would
    /// change the kernel's indexes of the others.
    pub(super) fn adopt(
        asked: &BindAddress,
        legacy: Legacy<OwnedFd>,
        listen: Listen,
        slots: usize,
    ) -> io::Result<Self> {
        let sockets: Vec<Socket> = legacy.sockets.into_iter().map(Socket::from).collect();
        let first = sockets.first().ok_or_else(|| io::Error::other("passed on without a socket"))?;
        let address = bound_address(first, asked)?;
        if legacy.sharing != sharing(asked, listen) {
            return Err(io::Error::other("only a restart can change `listen`"));
        }
        let (sharing, listening) = (legacy.sharing, legacy.listening);
        let file = file_of(&address);
        let mut group = Self { sharing, file, asked: display(asked), address, sockets, listening };
        group.bind_for(slots)?;
        Ok(group)
    }

    /// A socket that was passed on by somebody who keeps it, and who alone knows what file it has.
    pub(super) fn foreign(Activated { socket, address }: Activated) -> Self {
        let asked = display(&address);
        let (sharing, sockets) = (Sharing::Foreign, vec![socket]);
        Self { sharing, file: None, asked, address, sockets, listening: Vec::new() }
    }

    /// Binds what slots lack that have a socket each.
    fn bind_for(&mut self, slots: usize) -> io::Result<()> {
        if let (Sharing::Own, BindAddress::Tcp(tcp)) = (self.sharing, &self.address) {
            while self.sockets.len() < slots {
                self.sockets.push(bind_further(*tcp)?);
            }
        }
        Ok(())
    }

    /// Who accepts from its sockets.
    pub(super) fn sharing(&self) -> Sharing {
        self.sharing
    }

    /// The socket that a slot serves.
    pub(super) fn socket(&self, slot: usize) -> &Socket {
        &self.sockets[if self.sharing == Sharing::Own { slot } else { 0 }]
    }

    /// Connections that wait in a slot's own queue; shared sockets are nobody's own.
    pub(super) fn queue(&self, slot: usize) -> u32 {
        let own = self.sockets.get(slot).filter(|_| self.sharing == Sharing::Own);
        own.and_then(|socket| accept_queue(socket).ok()).unwrap_or(0)
    }

    /// Lets a slot's socket listen.
    pub(super) fn listen(&mut self, slot: usize, backlog: i32) -> io::Result<()> {
        if self.sharing == Sharing::Foreign {
            // It does, with a queue whose length is not this program's to set.
            return Ok(());
        }
        // One that listens already only gets a new backlog. A shared one listens from the first slot's turn on.
        self.socket(slot).listen(backlog)?;
        if !self.listening.contains(&slot) {
            self.listening.push(slot);
        }
        Ok(())
    }

    /// Leads new TCP connections to these slots alone, all of which listen.
    pub(super) fn steer(&self, slots: &[usize]) -> io::Result<()> {
        if self.sharing != Sharing::Own {
            return Ok(());
        }
        let place = |slot: &usize| self.listening.iter().position(|s| s == slot);
        let live: Vec<_> = slots.iter().filter_map(place).collect();
        steer(&self.sockets[self.listening.first().copied().unwrap_or(0)], &live)
    }

    /// Lets nobody new into its queues; what is in them stays. A foreign one goes on to queue connections: they wait for
    /// whoever is started next.
    pub(super) fn ignore_new_connections(&mut self) -> io::Result<()> {
        match &self.address {
            _ if self.sharing == Sharing::Foreign => {}
            BindAddress::Tcp(_) => self.sockets.iter().try_for_each(ignore_new_connections)?,
            BindAddress::Unix(_) => self.remove_file(),
        }
        Ok(())
    }

    /// All its sockets, for another program.
    pub(super) fn legacy(&self) -> Legacy<BorrowedFd<'_>> {
        Legacy {
            asked: self.asked.clone(),
            sockets: self.sockets.iter().map(AsFd::as_fd).collect(),
            listening: self.listening.clone(),
            sharing: self.sharing,
        }
    }

    /// The socket file, where it has one that is this program's.
    pub(super) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    pub(super) fn remove_file(&mut self) {
        if let Some(file) = self.file.take() {
            // Gone already is just as well.
            let _ = std::fs::remove_file(file);
        }
    }
}

/// A Unix socket cannot be bound twice.
fn sharing(address: &BindAddress, listen: Listen) -> Sharing {
    match (address, listen) {
        (BindAddress::Tcp(_), Listen::PerWorker) => Sharing::Own,
        _ => Sharing::Siblings,
    }
}

fn file_of(address: &BindAddress) -> Option<PathBuf> {
    match address {
        BindAddress::Unix(path) => Some(path.clone()),
        BindAddress::Tcp(_) => None,
    }
}
