//! What a worker and its supervisor say to each other: single bytes over a socket pair.
//!
//! Not signals: a terminal's Ctrl-C and systemd's default kill mode signal every process of the group, and a
//! worker that obeyed those would stop before the fleet has drained. So workers ignore the stop signals and
//! obey this channel, and its end-of-file tells them that the supervisor is gone.

/// What the supervisor asks of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Start to accept: the slot's listener is listening.
    Serve,
    /// Retire, and stop accepting: a successor already serves the same listener.
    HandOver,
    /// Retire, and answer what still waits in the accept queue that is this slot's alone: there is no successor. Queues
    /// that are shared are the siblings'.
    StandDown,
    /// Retire, and answer what still waits in all accept queues: nobody else will.
    DrainQueue,
    /// Exit now.
    Quit,
    /// Open the log file again.
    ReopenLogs,
}

impl Order {
    const ALL: [Self; 6] =
        [Self::Serve, Self::HandOver, Self::StandDown, Self::DrainQueue, Self::Quit, Self::ReopenLogs];

    /// The byte that stands for this order.
    pub fn to_byte(self) -> u8 {
        match self {
            Self::Serve => b'S',
            Self::HandOver => b'H',
            Self::StandDown => b'T',
            Self::DrainQueue => b'D',
            Self::Quit => b'Q',
            Self::ReopenLogs => b'L',
        }
    }

    /// The order that `byte` stands for.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|order| order.to_byte() == byte)
    }
}

/// First byte of a worker's report that it is proven and may serve.
pub const READY: u8 = b'R';

/// A worker's report that it has answered as many requests as it should. It goes on until it is asked to retire.
pub const WORN: u8 = b'W';

/// First byte of a child's report that it failed to start; the reason follows, one line, up to the end.
pub const FAILED: u8 = b'E';

/// Longest reason that is passed on, in bytes.
pub const MAX_REASON: usize = 2_000;

/// A reason as it goes over the channel: [`FAILED`], then one line of bounded length.
pub fn failure_report(reason: &str) -> Vec<u8> {
    let line = reason.replace(['\n', '\r'], " ");
    let mut report = vec![FAILED];
    report.extend_from_slice(&line.as_bytes()[..line.floor_char_boundary(MAX_REASON)]);
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_survive_the_channel() {
        for order in Order::ALL {
            assert_eq!(Order::from_byte(order.to_byte()), Some(order));
        }
        assert_eq!(Order::from_byte(0), None);
    }

    #[test]
    fn a_reason_is_one_bounded_line() {
        let report = failure_report(&"ü\n".repeat(2_000));
        assert_eq!(report[0], FAILED);
        let text = std::str::from_utf8(&report[1..]).unwrap();
        assert!(text.len() <= MAX_REASON && !text.contains('\n'));
    }
}
