//! The fleet's listening sockets: bound once, before any worker, and kept for life.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use linnet::config::BindAddress;
use linnet::process::listener::{
    bind_first, bind_further, bind_unix, bound_address, ignore_new_connections, steer,
};
use socket2::Socket;

use crate::os::tcp::accept_queue;

/// All sockets of one address.
struct Group {
    address: BindAddress,
    /// The address as the settings have it.
    asked: BindAddress,
    /// One per slot, or one that all slots share: of a Unix socket, and of the metrics.
    sockets: Vec<Socket>,
    is_shared: bool,
    /// Slots in the order in which they began to listen: the kernel's index of each in its group.
    listening: Vec<usize>,
    /// The socket file, until it is removed: after that, the path may be somebody else's.
    file: Option<PathBuf>,
}

/// All sockets of the fleet.
pub(crate) struct Sockets {
    /// Those of the public addresses, then that of the metrics.
    groups: Vec<Group>,
    public: usize,
    backlog: i32,
    /// Whether socket files are this process's to remove.
    owns_files: bool,
}

/// The sockets of one address, as a supervisor passes them on to its successor.
pub(crate) struct Legacy<S> {
    /// The address as the settings had it.
    pub(crate) asked: String,
    /// One per slot, or one in all.
    pub(crate) sockets: Vec<S>,
    /// Slots in the order in which they began to listen.
    pub(crate) listening: Vec<usize>,
}

/// Why an address cannot be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot bind {address}: {source}")]
pub(crate) struct BindError {
    address: String,
    source: io::Error,
}

impl Sockets {
    /// Binds `slots` sockets for each address, and one for the metrics; none of them listens yet. Of an address that a predecessor has passed
    /// on (`legacy`), its sockets are taken, and more are bound only for more slots.
    pub(crate) fn bind(
        addresses: &[BindAddress],
        metrics: Option<&BindAddress>,
        slots: usize,
        backlog: u32,
        legacy: Option<Vec<Legacy<OwnedFd>>>,
    ) -> Result<Self, BindError> {
        let mut bound = Self {
            groups: Vec::new(),
            public: addresses.len(),
            backlog: i32::try_from(backlog).unwrap_or(i32::MAX),
            owns_files: legacy.is_none(),
        };
        let mut legacy = legacy.unwrap_or_default();
        let public = addresses.iter().map(|address| (address, slots));
        for (address, slots) in public.chain(metrics.map(|address| (address, 0))) {
            let passed_on = legacy.iter().position(|l| l.asked == display(address));
            let group = match passed_on.map(|place| legacy.remove(place)) {
                Some(legacy) => Group::adopt(address, legacy, slots),
                None => Group::bind(address, slots),
            };
            let group = group.map_err(|source| BindError { address: display(address), source })?;
            bound.groups.push(group);
        }
        Ok(bound)
    }

    /// Where the metrics have an address of their own: which, as a URL.
    pub(crate) fn metrics(&self) -> Option<String> {
        self.groups.get(self.public).map(|group| display(&group.address))
    }

    /// The real public addresses, as URLs.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.groups.iter().take(self.public).map(|group| display(&group.address)).collect()
    }

    /// The first address, its port resolved.
    pub(crate) fn first(&self) -> Option<&BindAddress> {
        self.groups.first().map(|group| &group.address)
    }

    /// Connections that wait in a slot's own queues, all addresses together; shared sockets are nobody's own.
    pub(crate) fn queue(&self, slot: usize) -> u32 {
        let own = self.groups.iter().filter(|group| !group.is_shared);
        own.filter_map(|group| accept_queue(group.sockets.get(slot)?).ok()).sum()
    }

    /// Lets a slot's sockets listen.
    pub(crate) fn listen(&mut self, slot: usize) -> io::Result<()> {
        for group in &mut self.groups {
            // One that listens already only gets a new backlog. A shared one listens from the first slot's turn on.
            group.socket(slot).listen(self.backlog)?;
            if !group.listening.contains(&slot) {
                group.listening.push(slot);
            }
        }
        Ok(())
    }

    /// Leads new TCP connections to these slots alone, all of which listen.
    pub(crate) fn steer(&self, slots: &[usize]) -> io::Result<()> {
        for group in self.groups.iter().filter(|group| !group.is_shared) {
            let place = |slot: &usize| group.listening.iter().position(|s| s == slot);
            let live: Vec<_> = slots.iter().filter_map(place).collect();
            steer(&group.sockets[group.listening.first().copied().unwrap_or(0)], &live)?;
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
        let copy = |group: &Group| Ok(group.socket(slot).try_clone()?.into());
        self.groups.iter().map(copy).collect()
    }

    /// All sockets, for a successor.
    pub(crate) fn legacy(&self) -> Vec<Legacy<BorrowedFd<'_>>> {
        let groups = self.groups.iter().map(|group| Legacy {
            asked: display(&group.asked),
            sockets: group.sockets.iter().map(AsFd::as_fd).collect(),
            listening: group.listening.clone(),
        });
        groups.collect()
    }

    /// The socket files that exist.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        self.groups.iter().filter_map(|group| group.file.as_deref())
    }

    /// From now on the socket files are a successor's.
    pub(crate) fn leave_files(&mut self) {
        self.owns_files = false;
    }

    /// From now on the socket files are this process's, no more the predecessor's.
    pub(crate) fn own_files(&mut self) {
        self.owns_files = true;
    }

    /// Removes the socket files that were made and are still there. The supervisor's last act.
    pub(crate) fn remove_files(&mut self) {
        if self.owns_files {
            self.groups.iter_mut().for_each(Group::remove_file);
        }
    }
}

impl Group {
    /// `slots` sockets of a TCP address; with 0, one that all slots share.
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
        Ok(Self {
            is_shared: slots == 0 || matches!(real, BindAddress::Unix(_)),
            file: file_of(&real),
            asked: address.clone(),
            address: real,
            sockets,
            listening: Vec::new(),
        })
    }

    /// Takes the sockets that a predecessor has passed on. Ones that no slot needs are kept, too: closing one would
    /// change the kernel's indexes of the others.
    fn adopt(asked: &BindAddress, legacy: Legacy<OwnedFd>, slots: usize) -> io::Result<Self> {
        let mut sockets: Vec<Socket> = legacy.sockets.into_iter().map(Socket::from).collect();
        let first = sockets.first().ok_or_else(|| io::Error::other("passed on without a socket"))?;
        let real = bound_address(first, asked)?;
        if let BindAddress::Tcp(tcp) = real {
            while sockets.len() < slots {
                sockets.push(bind_further(tcp)?);
            }
        }
        let listening = legacy.listening;
        let is_shared = slots == 0 || matches!(real, BindAddress::Unix(_));
        Ok(Self { is_shared, file: file_of(&real), asked: asked.clone(), address: real, sockets, listening })
    }

    /// The socket that a slot serves.
    fn socket(&self, slot: usize) -> &Socket {
        &self.sockets[if self.is_shared { 0 } else { slot }]
    }

    fn remove_file(&mut self) {
        if let Some(file) = self.file.take() {
            // Gone already is just as well.
            let _ = std::fs::remove_file(file);
        }
    }
}

fn file_of(address: &BindAddress) -> Option<PathBuf> {
    match address {
        BindAddress::Unix(path) => Some(path.clone()),
        BindAddress::Tcp(_) => None,
    }
}

fn display(address: &BindAddress) -> String {
    match address {
        BindAddress::Tcp(tcp) => format!("http://{tcp}"),
        BindAddress::Unix(path) => format!("unix:{}", path.display()),
    }
}
