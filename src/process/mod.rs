//! One worker process: clock, listener, start → ready → serve → drain → exit.

mod backtrace;
pub mod channel;
pub mod clock;
pub mod image_file;
pub mod listener;
pub mod log_file;
pub mod shared_memory;
pub mod worker;
