//! Servers of our own that Linnet is compared with, each started as a process of its own.

pub(crate) mod afternoon;
pub(crate) mod ceiling;
