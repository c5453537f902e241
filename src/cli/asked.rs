//! What the user asked for beyond the sockets themselves, and in which words: what is missing is called by them.

use crate::model::{DetailSet, FieldId, field_by_name};

/// A field that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct AskedField {
    field: FieldId,
    /// The option that asks for it.
    option: &'static str,
    /// What was typed behind the option for this field; `None` if the option itself is about it.
    name: Option<String>,
    /// Whether it comes with much else that the option asks for, which people give out of habit.
    by_habit: bool,
}

/// What was asked for, by options and by names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The details of the kernel that options ask for, wherever they are shown.
    pub details: DetailSet,
    fields: Vec<AskedField>,
}

/// How something was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording {
    /// The words for it, such as `-i` or `--columns rtt,cwnd`.
    pub words: String,
    /// Whether nobody named it: an option that is given out of habit brought it along.
    pub by_habit: bool,
    /// Whether rows are put in order by it.
    pub orders: bool,
}

/// The option whose names put rows in order.
const ORDER: &str = "--sort";

impl Asked {
    /// By options, these details.
    #[must_use]
    pub const fn by_options(details: DetailSet) -> Self {
        Self {
            details,
            fields: Vec::new(),
        }
    }

    /// A field for which an option is there.
    pub fn by_option(&mut self, field: FieldId, option: &'static str) {
        self.add(field, option, None, false);
    }

    /// A field that an option brings along with others.
    pub fn along_with(&mut self, field: FieldId, option: &'static str) {
        self.add(field, option, None, true);
    }

    /// The fields that a list names behind `option`: names with a sign or a direction, separated by commas.
    pub fn by_names(&mut self, list: &str, option: &'static str) {
        for part in list.split(',').map(str::trim) {
            if part.starts_with('-') {
                continue;
            }
            let name = part.trim_start_matches('+');
            let name = name.split(':').next().unwrap_or(name).trim();
            if let Some(field) = field_by_name(name) {
                self.add(field.id, option, Some(name.to_owned()), false);
            }
        }
    }

    /// A field that `option` names by a word of its own.
    pub fn by_word(&mut self, field: FieldId, option: &'static str, word: &str) {
        self.add(field, option, Some(word.to_owned()), false);
    }

    fn add(&mut self, field: FieldId, option: &'static str, name: Option<String>, by_habit: bool) {
        self.fields.push(AskedField {
            field,
            option,
            name,
            by_habit,
        });
    }

    /// Every field that was asked for, by name or along with others, with whether that was out of habit.
    pub fn fields(&self) -> impl Iterator<Item = (FieldId, bool)> {
        self.fields
            .iter()
            .map(|asked| (asked.field, asked.by_habit))
    }

    /// The words in which one of the fields was asked for that `is_meant` says; `None` if none was.
    #[must_use]
    pub fn wording(&self, is_meant: impl Fn(FieldId) -> bool) -> Option<Wording> {
        let meant = || {
            let fields = self.fields.iter();
            fields.filter(|asked| is_meant(asked.field))
        };
        let by_habit = meant().all(|asked| asked.by_habit);
        let mut options: Vec<(&str, Vec<&str>)> = Vec::new();
        for asked in meant().filter(|asked| asked.by_habit == by_habit) {
            let place = options
                .iter()
                .position(|(option, _)| *option == asked.option);
            let place = place.unwrap_or_else(|| {
                options.push((asked.option, Vec::new()));
                options.len() - 1
            });
            if let (Some((_, names)), Some(name)) = (options.get_mut(place), &asked.name)
                && !names.contains(&name.as_str())
            {
                names.push(name);
            }
        }
        let words = options.iter().map(|(option, names)| match &names[..] {
            [] => (*option).to_owned(),
            names => format!("{option} {}", names.join(",")),
        });
        let words = words.collect::<Vec<_>>().join(", ");
        let orders = self.orders_by(is_meant);
        (!words.is_empty()).then_some(Wording {
            words,
            by_habit,
            orders,
        })
    }

    /// The words in which something was asked for that `option` is about, whose fields `is_meant` says.
    #[must_use]
    pub fn wording_of(&self, option: &str, is_meant: impl Fn(FieldId) -> bool) -> Wording {
        Wording {
            words: option.to_owned(),
            by_habit: false,
            orders: self.orders_by(is_meant),
        }
    }

    fn orders_by(&self, is_meant: impl Fn(FieldId) -> bool) -> bool {
        let mut of_the_order = self.fields.iter().filter(|asked| asked.option == ORDER);
        of_the_order.any(|asked| is_meant(asked.field))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TcpMetric;

    #[test]
    fn what_was_typed_is_what_it_is_called() {
        let mut asked = Asked::default();
        asked.along_with(FieldId::Mark, "-e");
        let mark = |asked: &Asked| asked.wording(|field| field == FieldId::Mark);
        let words = |asked: &Asked| mark(asked).map(|w| (w.words, w.by_habit));
        assert_eq!(words(&asked), Some(("-e".to_owned(), true)));
        // What was named is no habit any more.
        asked.by_names("+fwmark, -local,+rtt", "--columns");
        asked.by_names("cwnd:desc,mark,rtt", "--sort");
        let named = "--columns fwmark, --sort mark".to_owned();
        assert_eq!(words(&asked), Some((named, false)));
        let counters = asked.wording(|field| matches!(field, FieldId::Tcp(_)));
        assert_eq!(
            counters.map(|w| w.words),
            Some("--columns rtt, --sort cwnd,rtt".to_owned())
        );
        assert_eq!(asked.wording(|field| field == FieldId::Local), None);
        let is_rto = |field| field == FieldId::Tcp(TcpMetric::Rto);
        assert_eq!(asked.wording(is_rto), None);
    }
}
