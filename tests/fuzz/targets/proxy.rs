//! A PROXY header and what follows.

use linnet::wire::proxy_protocol::{HEADER_BYTES_MAX, read};

/// Every beginning of the bytes needs more, until one is a header or can become none; more bytes change nothing then.
pub(super) fn target(data: &[u8]) {
    let whole = read(data);
    if let Ok(Some(header)) = whole {
        assert!(header.length <= data.len() && header.length <= HEADER_BYTES_MAX, "{header:?}");
        assert_eq!(read(&data[..header.length]), whole, "what follows a header changes it");
    }
    if whole == Ok(None) {
        assert!(data.len() < HEADER_BYTES_MAX, "{} bytes, and still more needed", data.len());
    }
    for end in 0..data.len().min(256) {
        let begun = read(&data[..end]);
        assert!(begun == Ok(None) || begun == whole, "{begun:?} of {end} bytes, {whole:?} of all");
    }
}
