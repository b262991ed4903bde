//! All that a program leaves to the one that takes its place in the same process: a document, and open descriptors.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::fd::{OwnedFd, RawFd};

use linnet::process::shared_memory::memory_file;
use linnet::scoreboard::Layout;
use serde::{Deserialize, Serialize};

use super::beside::{Relay, Relayed};
use crate::fleet::{ChildId, FleetEstate, Generation};
use crate::os::inherited;

/// Counts the shapes that the document has had, and what workers and supervisor say to each other. A program takes over
/// from one of the same version alone; the others refuse while they prove themselves, and nothing has happened.
pub(crate) const VERSION: u32 = 1;

/// The document.
#[derive(Deserialize, Serialize)]
pub(crate) struct Estate {
    pub(crate) version: u32,
    /// Settings that only a restart can change, as the program before had them.
    pub(crate) settings: BTreeMap<String, String>,
    pub(crate) scoreboard: RawFd,
    pub(crate) layout: Layout,
    pub(crate) relay: Relay,
    pub(crate) images: Vec<(Generation, RawFd)>,
    pub(crate) workers: Vec<WorkerEstate<RawFd>>,
    pub(crate) fleet: FleetEstate,
}

/// A worker process that runs on.
#[derive(Deserialize, Serialize)]
pub(crate) struct WorkerEstate<D> {
    pub(crate) id: ChildId,
    pub(crate) pid: i32,
    pub(crate) seat: usize,
    pub(crate) pidfd: D,
    pub(crate) channel: D,
    /// What it has said of a sentence that has not ended.
    pub(crate) said: Vec<u8>,
}

impl Estate {
    /// The descriptors to leave open.
    pub(crate) fn descriptors(&self) -> Vec<RawFd> {
        let workers = self.workers.iter().flat_map(|worker| [worker.pidfd, worker.channel]);
        let images = self.images.iter().map(|(_, image)| *image);
        self.relay.descriptors().chain(images).chain(workers).chain([self.scoreboard]).collect()
    }

    /// The document as a file in memory.
    pub(crate) fn write(&self) -> io::Result<OwnedFd> {
        let mut file = File::from(memory_file("linnet-estate")?);
        file.write_all(&serde_json::to_vec(self)?)?;
        Ok(file.into())
    }
}

/// What was left, with its descriptors.
pub(crate) struct Inheritance {
    pub(crate) settings: BTreeMap<String, String>,
    pub(crate) scoreboard: OwnedFd,
    pub(crate) layout: Layout,
    pub(crate) relayed: Relayed,
    pub(crate) images: BTreeMap<Generation, OwnedFd>,
    pub(crate) workers: Vec<WorkerEstate<OwnedFd>>,
    pub(crate) fleet: FleetEstate,
}

impl Inheritance {
    /// Takes what the document in this descriptor describes.
    ///
    /// # Errors
    /// If it is of another version, or a descriptor is not open.
    pub(super) fn adopt(document: RawFd) -> io::Result<Self> {
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        let mut file = File::from(inherited::adopt(document)?);
        let mut text = Vec::new();
        // The program before has left the offset at the end.
        file.rewind()?;
        file.read_to_end(&mut text)?;
        let Head { version } = serde_json::from_slice(&text)?;
        if version != VERSION {
            let message = format!(
                "this program takes over from one that leaves version {VERSION} of its state, and not version {version}: \
                 only a restart can change between them"
            );
            return Err(io::Error::new(io::ErrorKind::Unsupported, message));
        }
        let estate: Estate = serde_json::from_slice(&text)?;
        let images = estate.images.into_iter().map(|(number, image)| Ok((number, inherited::adopt(image)?)));
        let workers = estate.workers.into_iter().map(|worker| {
            let WorkerEstate { id, pid, seat, pidfd, channel, said } = worker;
            let (pidfd, channel) = (inherited::adopt(pidfd)?, inherited::adopt(channel)?);
            Ok(WorkerEstate { id, pid, seat, pidfd, channel, said })
        });
        Ok(Self {
            settings: estate.settings,
            scoreboard: inherited::adopt(estate.scoreboard)?,
            layout: estate.layout,
            relayed: estate.relay.adopt()?,
            images: images.collect::<io::Result<_>>()?,
            workers: workers.collect::<io::Result<_>>()?,
            fleet: estate.fleet,
        })
    }
}
