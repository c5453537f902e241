//! The JSON Schemas of the documents, as `portctl schema` prints them.

/// Names of the documents that have a schema.
pub const SCHEMAS: &[&str] = &["ls", "summary", "top", "headroom", "why", "free"];

/// The schema of one document, JSON Schema draft 2020-12.
#[must_use]
pub fn schema(name: &str) -> Option<&'static str> {
    match name {
        "ls" => Some(include_str!("schemas/ls.json")),
        "summary" => Some(include_str!("schemas/summary.json")),
        "free" => Some(include_str!("schemas/free.json")),
        "headroom" => Some(include_str!("schemas/headroom.json")),
        "why" => Some(include_str!("schemas/why.json")),
        "top" => Some(include_str!("schemas/top.json")),
        _ => None,
    }
}
