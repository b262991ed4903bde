//! The one door to the operating system. Decides nothing.

pub(crate) mod affinity;
pub(crate) mod child;
pub(crate) mod exec;
pub(crate) mod inherited;
pub(crate) mod limits;
pub(crate) mod oom;
pub(crate) mod proc;
pub(crate) mod signals;
pub(crate) mod tcp;
pub(crate) mod timer;
pub(crate) mod wait;
