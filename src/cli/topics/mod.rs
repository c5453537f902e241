//! The texts of `portctl help TOPIC`, from which the manual pages are made too.

use crate::model::{FIELDS, Field};
use std::borrow::Cow;
use std::fmt::Write as _;

/// Names of the topics.
pub const TOPICS: &[&str] = &[
    "filter",
    "columns",
    "json",
    "states",
    "headroom",
    "exhaustion",
    "exit-codes",
    "capabilities",
];

/// The text of a topic.
#[must_use]
pub fn topic(name: &str) -> Option<Cow<'static, str>> {
    Some(match name {
        "filter" => include_str!("filter.txt").into(),
        "columns" => columns().into(),
        "json" => include_str!("json.txt").into(),
        "states" => include_str!("states.txt").into(),
        "capabilities" => include_str!("capabilities.txt").into(),
        "headroom" => include_str!("headroom.txt").into(),
        "exhaustion" => include_str!("exhaustion.txt").into(),
        "exit-codes" => include_str!("exit-codes.txt").into(),
        _ => return None,
    })
}

/// Every field, from the registry.
fn columns() -> String {
    let mut text = String::from(
        "COLUMNS: fields for --columns and --sort\n\n  \
         portctl ls -tan --columns state,local,peer,recv_queue --sort recv_queue:desc\n  \
         portctl ls -tan --columns +inode,-peer    the usual columns, one more and one less\n  \
         portctl ls -tn --columns peer,rtt,total_retrans,delivery_rate --sort rtt:desc\n\n\
         Each with its unit and what it comes from: tcp_info is INET_DIAG_INFO of linux/tcp.h,\n\
         SKMEMINFO is in linux/sock_diag.h, words in capitals are attributes of inet_diag and\n\
         unix_diag, idiag_ are members of struct inet_diag_msg.\n\n",
    );
    let widest = |width: fn(&Field) -> usize| FIELDS.iter().map(width).max().unwrap_or_default();
    let names = widest(|field| field.name.len());
    let units = widest(|field| field.unit.word().len());
    for field in FIELDS {
        // Writing to a String cannot fail.
        let (name, unit) = (field.name, field.unit.word());
        let _ = writeln!(text, "  {name:<names$}  {unit:<units$}  {}", field.source);
        let _ = writeln!(text, "      {}", field.doc);
        if !field.aliases.is_empty() {
            let _ = writeln!(text, "      also: {}", field.aliases.join(", "));
        }
    }
    text.push_str(
        "\nCase does not matter, and - is the same as _ in a name.\n\
         ? stands for a value that nobody can tell, - for one that is known to be nothing.\n\
         What there is no room for is an ellipsis; +3 behind it are 3 more entries.\n\
         Times and rates are cut to three digits in tables and exact, in the unit above, in CSV\n\
         and JSON. Fields of tcp_info, SKMEMINFO and the like are asked of the kernel only if a\n\
         column, the order or an option such as -i needs them.\n\
         process, pid and fd make portctl look at every process; owners of sockets of other\n\
         users are only shown to root.\n\
         In CSV, nothing is an empty cell, and a cell whose first character a spreadsheet would\n\
         take for a formula (= + - @) has it written as \\xNN.\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_has_a_text_that_fits_a_terminal() {
        for name in TOPICS {
            let text = topic(name).unwrap();
            for line in text.lines() {
                assert!(line.chars().count() <= 90, "{name}: {line}");
            }
        }
        assert!(topic("nope").is_none());
    }

    /// Unit and source of every field stand below each other.
    #[test]
    fn columns_are_aligned() {
        let text = topic("columns").unwrap();
        let mut starts = std::collections::HashSet::new();
        for field in FIELDS {
            let begins = format!("  {} ", field.name);
            let line = text.lines().find(|line| line.starts_with(&begins)).unwrap();
            let unit = format!("  {} ", field.unit.word());
            let column = |at: Option<usize>| line.split_at(at.unwrap()).0.chars().count();
            starts.insert((column(line.rfind(&unit)), column(line.rfind("  "))));
        }
        assert_eq!(starts.len(), 1, "{starts:?}");
    }

    #[test]
    fn the_filter_language_fits_one_screen() {
        let text = topic("filter").unwrap();
        assert!(text.lines().count() <= 40);
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}
