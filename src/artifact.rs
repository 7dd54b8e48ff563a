//! What is published: the function's two zips.

use std::collections::BTreeMap;

/// One deployable zip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    pub zip: Vec<u8>,
    /// Base64 of the zip's SHA-256, as Lambda's `CodeSha256` has it.
    pub code_sha256: String,
}

/// By function name: `chatbot` and `migrator`.
#[derive(Debug, Clone, Default)]
pub struct Artifacts {
    pub by_name: BTreeMap<String, Artifact>,
    /// Hash of the migrations that the migrator carries.
    pub migrations: String,
}
