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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    /// The paths of the properties in `schema` that nothing describes.
    fn undescribed(schema: &Value, path: &str, found: &mut Vec<String>) {
        match schema {
            Value::Object(members) => {
                for (key, value) in members {
                    if key == "properties" {
                        for (name, property) in value.as_object().unwrap() {
                            let about = property.get("description").and_then(Value::as_str);
                            let is_described = about.is_some_and(|text| text.ends_with('.'));
                            if !is_described && property.get("$ref").is_none() {
                                found.push(format!("{path}/{name}"));
                            }
                        }
                    }
                    undescribed(value, &format!("{path}/{key}"), found);
                }
            }
            Value::Array(items) => {
                for item in items {
                    undescribed(item, path, found);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn every_property_is_described() {
        for name in SCHEMAS {
            let document: Value = serde_json::from_str(schema(name).unwrap()).unwrap();
            let mut found = Vec::new();
            undescribed(&document, name, &mut found);
            assert_eq!(found, [""; 0]);
        }
    }
}
