//! Figures that the system knows: CPU time and memory of a process tree, its system calls, the machine.

pub(crate) mod machine;
pub(crate) mod process_tree;
pub(crate) mod syscalls;
