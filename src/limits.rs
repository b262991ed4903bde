//! Bounds on what one request may ask for. Every bound that an operator can set is a field here.

/// Limits on `POST /predict`; see `config/linnet.toml` for the settings behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest request body, in bytes; beyond it the answer is 413.
    pub body_bytes: usize,
    /// Most texts in one request; beyond it the answer is 422.
    pub texts: usize,
    /// Longest single text, in bytes of UTF-8; beyond it the answer is 422.
    pub text_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body_bytes: 16 << 20, texts: 10_000, text_bytes: 1 << 20 }
    }
}
