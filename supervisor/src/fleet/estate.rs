//! What goes over when the program on disk takes this one's place in the same process: the fleet's state as a document.
//!
//! Its shape is part of what [`crate::upgrade::estate::VERSION`] counts. Times are on the monotonic clock, which no exec
//! resets.

use linnet::scoreboard::CAUSES;
use serde::{Deserialize, Serialize};

#[cfg(test)]
use super::ChildId;
use super::slot::Slot;
use super::{Fleet, Generation, Phase, Policy};

/// The fleet, as the program before leaves it to the one after.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct FleetEstate {
    /// Workers that should serve, and the setting that this came from.
    wanted: usize,
    workers: usize,
    /// What the workers serve that have proven themselves.
    generation: Generation,
    newest: Generation,
    addresses: Vec<String>,
    next_child: u64,
    deaths: u64,
    exits: [u64; CAUSES],
    kills: u64,
    slots: Vec<Slot>,
}

#[cfg(test)]
impl FleetEstate {
    /// The workers that are there, by name.
    pub(crate) fn children(&self) -> impl Iterator<Item = ChildId> {
        self.slots.iter().flat_map(|slot| &slot.workers).map(|worker| worker.id)
    }
}

impl Fleet {
    pub(super) fn estate(&self) -> FleetEstate {
        FleetEstate {
            wanted: self.wanted,
            workers: self.policy.workers,
            generation: self.generation,
            newest: self.newest,
            addresses: self.addresses.clone(),
            next_child: self.next_child,
            deaths: self.deaths,
            exits: self.exits,
            kills: self.kills,
            slots: self.slots.clone(),
        }
    }

    /// The fleet that another program has left, as if nothing had been; [`super::Event::Start`] begins to roll its workers.
    pub(crate) fn inherit(policy: Policy, estate: FleetEstate) -> Self {
        let FleetEstate {
            wanted,
            workers,
            generation,
            newest,
            addresses,
            next_child,
            deaths,
            exits,
            kills,
            slots,
        } = estate;
        Self {
            phase: Phase::Serving,
            // A changed setting scales the fleet when the first new worker is proven, as in any reload.
            policy: Policy { workers, ..policy },
            wanted,
            generation,
            newest,
            addresses,
            next_child,
            deaths,
            exits,
            kills,
            slots,
            images: vec![generation],
            succeeded: true,
            announced: true,
            ..Self::new(policy)
        }
    }
}
