//! The product on one screen: body bytes → answer bytes.
