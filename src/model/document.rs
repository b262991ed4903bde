//! `args.json` and `performance.json`: JSON objects that the API passes through.

use std::collections::HashMap;

use crate::json::{self, DocumentError};

/// A JSON object as the lesson's stack would answer it, whole and member by member.
#[derive(Debug)]
pub struct Document {
    whole: Vec<u8>,
    members: HashMap<String, Vec<u8>>,
}

impl Document {
    /// Reads an object that Python's `json.dumps` wrote.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        let members = json::members(bytes)?.into_iter().collect();
        Ok(Self { whole: json::compact(bytes)?, members })
    }

    /// The whole object, as compact JSON.
    pub fn whole(&self) -> &[u8] {
        &self.whole
    }

    /// The value of one member, as compact JSON.
    pub fn member(&self, name: &str) -> Option<&[u8]> {
        self.members.get(name).map(Vec::as_slice)
    }
}
