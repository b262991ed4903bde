//! What the system grants this process.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Lets this process and its children open as many descriptors as they may: the soft limit is a relic for programs that
/// use `select(2)`, and each connection takes one.
pub(crate) fn raise_descriptor_limit() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        // With what there is, workers pause accepting when it is used up.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
