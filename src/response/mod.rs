//! Response: scores → bytes.
