//! `linnet ctl`: the exact channel to a running supervisor, as signals are the short one. One line of JSON asks,
//! one line answers, then the connection ends (`protocol`). `server` is the supervisor's end, in its own loop.

pub(crate) mod client;
pub(crate) mod place;
pub(crate) mod protocol;
pub(crate) mod server;
pub(crate) mod table;
pub(crate) mod top;
