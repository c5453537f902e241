//! What can stand behind a field, for completions: the same lists that filters are checked with.

use super::class;
use super::fact::{FAMILIES, REASONS};
use super::kind::{Kind, PROTOCOLS};
use crate::model::FieldId;

/// Whether values of the field have an order, so that `<` makes sense.
#[must_use]
pub const fn has_order(field: FieldId) -> bool {
    matches!(Kind::of(field), Kind::Port(_) | Kind::Number(_))
}

/// The words that the field can be compared with, where they are few: `FIELD = WORD`.
#[must_use]
pub fn words_of(field: FieldId) -> Vec<&'static str> {
    match Kind::of(field) {
        Kind::Words(words) => words.iter().map(|(word, _)| *word).collect(),
        Kind::Listed(words) => words.to_vec(),
        Kind::Protocol => PROTOCOLS.iter().map(|(word, ..)| *word).collect(),
        Kind::Family => FAMILIES.iter().map(|(word, _)| *word).collect(),
        Kind::Flag => vec!["yes", "no"],
        _ => Vec::new(),
    }
}

/// The words for `FIELD is WORD`: classes, reasons, and that there is no value.
#[must_use]
pub fn classes_of(field: FieldId) -> Vec<&'static str> {
    let own: Vec<&str> = match Kind::of(field) {
        // Every state, and no other word.
        Kind::State => return Vec::new(),
        Kind::Port(_) => class::PORTS.to_vec(),
        Kind::Host(_) => class::ADDRESSES.to_vec(),
        Kind::Process => REASONS.iter().map(|reason| reason.word()).collect(),
        _ => words_of(field),
    };
    let absent = ["none", "unknown"].into_iter();
    let absent = absent
        .filter(|word| !own.contains(word))
        .collect::<Vec<_>>();
    [own, absent].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::oracle::try_compile;
    use crate::model::FIELDS;

    #[test]
    fn what_is_offered_can_be_asked_for() {
        for field in FIELDS {
            let values = words_of(field.id).into_iter().map(|word| ("=", word));
            let classes = classes_of(field.id).into_iter().map(|word| ("is", word));
            for (operator, word) in values.chain(classes) {
                let text = format!("{} {operator} {word}", field.name);
                assert!(try_compile(&text).is_ok(), "{text}");
            }
            if has_order(field.id) {
                let text = format!("{} < 22", field.name);
                assert!(try_compile(&text).is_ok(), "{text}");
            }
        }
    }
}
