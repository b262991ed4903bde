//! The fleet's listening sockets: bound once, before any worker, and kept for life.

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use linnet::config::BindAddress;
use linnet::process::listener::{
    bind_first, bind_further, bind_unix, bound_address, ignore_new_connections, steer,
};
use socket2::Socket;

use crate::os::tcp::accept_queue;

/// All sockets of one address.
struct Group {
    address: BindAddress,
    /// One per slot; a Unix socket is shared by all slots, so there is one.
    sockets: Vec<Socket>,
    /// The socket file, until it is removed: after that, the path may be somebody else's.
    file: Option<PathBuf>,
}

/// All sockets of the fleet.
pub(crate) struct Sockets {
    groups: Vec<Group>,
    backlog: i32,
    /// Slots in the order in which they began to listen: the kernel's index of each in its group.
    listening: Vec<usize>,
}

/// Why an address cannot be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot bind {address}: {source}")]
pub(crate) struct BindError {
    address: String,
    source: io::Error,
}

impl Sockets {
    /// Binds `slots` sockets for each address; none of them listens yet.
    pub(crate) fn bind(addresses: &[BindAddress], slots: usize, backlog: u32) -> Result<Self, BindError> {
        let mut bound = Self {
            groups: Vec::new(),
            backlog: i32::try_from(backlog).unwrap_or(i32::MAX),
            listening: Vec::new(),
        };
        for address in addresses {
            let group = Group::bind(address, slots)
                .map_err(|source| BindError { address: display(address), source })?;
            bound.groups.push(group);
        }
        Ok(bound)
    }

    /// The real addresses, as URLs.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.groups.iter().map(|group| display(&group.address)).collect()
    }

    /// The first address, its port resolved.
    pub(crate) fn first(&self) -> Option<&BindAddress> {
        self.groups.first().map(|group| &group.address)
    }

    /// Connections that wait in a slot's own queues, all addresses together; shared sockets are nobody's own.
    pub(crate) fn queue(&self, slot: usize) -> u32 {
        let own = self.groups.iter().filter(|group| matches!(group.address, BindAddress::Tcp(_)));
        own.filter_map(|group| accept_queue(group.sockets.get(slot)?).ok()).sum()
    }

    /// Lets a slot's sockets listen.
    pub(crate) fn listen(&mut self, slot: usize) -> io::Result<()> {
        for group in &self.groups {
            match group.sockets.as_slice() {
                // Shared: the first slot's turn is everybody's.
                [shared] if matches!(group.address, BindAddress::Unix(_)) => {
                    if self.listening.is_empty() {
                        shared.listen(self.backlog)?;
                    }
                }
                sockets => sockets[slot].listen(self.backlog)?,
            }
        }
        self.listening.push(slot);
        Ok(())
    }

    /// Leads new TCP connections to these slots alone, all of which listen.
    pub(crate) fn steer(&self, slots: &[usize]) -> io::Result<()> {
        let place = |slot: &usize| self.listening.iter().position(|s| s == slot);
        let live: Vec<_> = slots.iter().filter_map(place).collect();
        for group in self.groups.iter().filter(|g| matches!(g.address, BindAddress::Tcp(_))) {
            steer(&group.sockets[self.listening.first().copied().unwrap_or(0)], &live)?;
        }
        Ok(())
    }

    /// Lets nobody new into any queue; what is in the queues stays.
    pub(crate) fn ignore_new_connections(&mut self) -> io::Result<()> {
        for group in &mut self.groups {
            match &group.address {
                BindAddress::Tcp(_) => group.sockets.iter().try_for_each(ignore_new_connections)?,
                BindAddress::Unix(_) => group.remove_file(),
            }
        }
        Ok(())
    }

    /// Copies of a slot's sockets, one per address, for a worker to keep.
    pub(crate) fn of_slot(&self, slot: usize) -> io::Result<Vec<OwnedFd>> {
        let copy = |group: &Group| Ok(group.sockets[slot.min(group.sockets.len() - 1)].try_clone()?.into());
        self.groups.iter().map(copy).collect()
    }

    /// Removes the socket files that were made and are still there. The supervisor's last act.
    pub(crate) fn remove_files(&mut self) {
        self.groups.iter_mut().for_each(Group::remove_file);
    }
}

impl Group {
    fn bind(address: &BindAddress, slots: usize) -> io::Result<Self> {
        let first = match address {
            BindAddress::Tcp(tcp) => bind_first(*tcp)?,
            BindAddress::Unix(path) => bind_unix(path)?,
        };
        let real = bound_address(&first, address)?;
        let mut sockets = vec![first];
        if let BindAddress::Tcp(tcp) = real {
            for _ in 1..slots {
                sockets.push(bind_further(tcp)?);
            }
        }
        let file = match &real {
            BindAddress::Unix(path) => Some(path.clone()),
            BindAddress::Tcp(_) => None,
        };
        Ok(Self { address: real, sockets, file })
    }

    fn remove_file(&mut self) {
        if let Some(file) = self.file.take() {
            // Gone already is just as well.
            let _ = std::fs::remove_file(file);
        }
    }
}

fn display(address: &BindAddress) -> String {
    match address {
        BindAddress::Tcp(tcp) => format!("http://{tcp}"),
        BindAddress::Unix(path) => format!("unix:{}", path.display()),
    }
}
