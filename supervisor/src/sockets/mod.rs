//! The fleet's listening sockets: bound once, before any worker, and kept for life.

mod group;

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use linnet::config::{BindAddress, Listen, Settings};
use linnet::process::worker::SlotListener;
use linnet::wire::connection::Sharing;

use self::group::Group;
pub(crate) use self::group::Legacy;
use crate::activation::{Activated, take_one};

/// All sockets of the fleet.
pub(crate) struct Sockets {
    /// Those of the public addresses, then that of the metrics.
    groups: Vec<Group>,
    public: usize,
    backlog: i32,
    /// Whether socket files are this process's to remove.
    owns_files: bool,
}

/// What there is before anything is bound.
pub(crate) enum Given {
    /// Nothing.
    Nothing,
    /// Sockets that a service manager has passed on, in place of the addresses in the settings.
    Activated(Vec<Activated>),
    /// The sockets of another program, which this one follows.
    Legacy(Vec<Legacy<OwnedFd>>),
}

/// Why an address cannot be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot bind {address}: {source}")]
pub(crate) struct BindError {
    address: String,
    source: io::Error,
}

impl Sockets {
    /// Binds the sockets for each address, and one for the metrics; none of them listens yet. Of an address that another
    /// program has passed on, its sockets are taken, and more are bound only for more slots.
    pub(crate) fn bind(settings: &Settings, given: Given) -> Result<Self, BindError> {
        let owns_files = !matches!(given, Given::Legacy(_));
        let (activated, mut legacy) = match given {
            Given::Nothing => (Vec::new(), Vec::new()),
            Given::Activated(activated) => (activated, Vec::new()),
            Given::Legacy(legacy) => (Vec::new(), legacy),
        };
        let mut groups: Vec<_> = activated.into_iter().map(Group::foreign).collect();
        for foreign in legacy.extract_if(.., |legacy| legacy.sharing == Sharing::Foreign) {
            groups.push(adopt_foreign(foreign)?);
        }
        let addresses = if groups.is_empty() { settings.bind.as_slice() } else { &[] };
        let public = addresses.iter().map(|address| (address, settings.listen));
        // Few ask for metrics, so that one queue will do.
        for (address, listen) in public.chain(settings.metrics_bind.iter().map(|a| (a, Listen::Shared))) {
            let passed_on = legacy.iter().position(|l| l.asked == display(address));
            let group = match passed_on.map(|place| legacy.remove(place)) {
                Some(legacy) => Group::adopt(address, legacy, listen, settings.max_workers),
                None => Group::bind(address, listen, settings.max_workers),
            };
            groups.push(group.map_err(|source| BindError { address: display(address), source })?);
        }
        let public = groups.len() - usize::from(settings.metrics_bind.is_some());
        let backlog = i32::try_from(settings.backlog).unwrap_or(i32::MAX);
        Ok(Self { groups, public, backlog, owns_files })
    }

    /// Where the metrics have an address of their own: which, as a URL.
    pub(crate) fn metrics(&self) -> Option<String> {
        self.groups.get(self.public).map(|group| display(&group.address))
    }

    /// The real public addresses, as URLs.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.groups.iter().take(self.public).map(|group| display(&group.address)).collect()
    }

    /// How the public addresses are listened on, in one word.
    pub(crate) fn listen(&self) -> &'static str {
        let has = |sharing| self.groups.iter().take(self.public).any(|group| group.sharing() == sharing);
        if has(Sharing::Foreign) {
            "passed_on"
        } else if has(Sharing::Own) {
            "per_worker"
        } else {
            "shared"
        }
    }

    /// The first address, its port resolved.
    pub(crate) fn first(&self) -> Option<&BindAddress> {
        self.groups.first().map(|group| &group.address)
    }

    /// Connections that wait in a slot's own queues, all addresses together; none where all queues are shared.
    pub(crate) fn queue(&self, slot: usize) -> u32 {
        self.groups.iter().map(|group| group.queue(slot)).sum()
    }

    /// Lets a slot's sockets listen.
    pub(crate) fn let_listen(&mut self, slot: usize) -> io::Result<()> {
        self.groups.iter_mut().try_for_each(|group| group.listen(slot, self.backlog))
    }

    /// Leads new TCP connections to these slots alone, all of which listen.
    pub(crate) fn steer(&self, slots: &[usize]) -> io::Result<()> {
        self.groups.iter().try_for_each(|group| group.steer(slots))
    }

    /// Lets nobody new into any queue; what is in the queues stays.
    pub(crate) fn ignore_new_connections(&mut self) -> io::Result<()> {
        self.groups.iter_mut().try_for_each(Group::ignore_new_connections)
    }

    /// Copies of a slot's sockets, one per address, for a worker to keep.
    pub(crate) fn of_slot(&self, slot: usize) -> io::Result<Vec<SlotListener>> {
        let copy = |(number, group): (usize, &Group)| -> io::Result<_> {
            let socket = group.socket(slot).try_clone()?.into();
            Ok(SlotListener { socket, sharing: group.sharing(), metrics: number >= self.public })
        };
        self.groups.iter().enumerate().map(copy).collect()
    }

    /// All sockets, for another program.
    pub(crate) fn legacy(&self) -> Vec<Legacy<BorrowedFd<'_>>> {
        self.groups.iter().map(Group::legacy).collect()
    }

    /// The socket files that exist.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        self.groups.iter().filter_map(Group::file)
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

fn adopt_foreign(legacy: Legacy<OwnedFd>) -> Result<Group, BindError> {
    let address = legacy.asked;
    let only = legacy.sockets.into_iter().next().ok_or_else(|| "passed on without a socket".to_owned());
    match only.and_then(take_one) {
        Ok(activated) => Ok(Group::foreign(activated)),
        Err(problem) => Err(BindError { address, source: io::Error::other(problem) }),
    }
}

fn display(address: &BindAddress) -> String {
    match address {
        BindAddress::Tcp(tcp) => format!("http://{tcp}"),
        BindAddress::Unix(path) => format!("unix:{}", path.display()),
    }
}
