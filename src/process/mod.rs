//! One worker process: clock, listener, start → ready → serve → drain → exit.
