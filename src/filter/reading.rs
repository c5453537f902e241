//! Where `ss` would read an expression differently: it knows no precedence and joins from left to right.

use super::Warning;
use super::parse::Link;
use super::token::Span;

/// Longer lists are not written out.
const WRITTEN_OUT: usize = 6;
/// Nor is a longer text, in bytes: parentheses inside each other would repeat it again and again.
const WRITTEN_OUT_LEN: usize = 200;

/// A warning if an `or` comes before an `and` among the parts of one level. The two readings are written out only if the parts
/// `may_be_moved` into parentheses.
pub(super) fn difference(
    text: &str,
    parts: &[(Link, Span)],
    may_be_moved: bool,
) -> Option<Warning> {
    let links = parts.iter().skip(1).map(|p| p.0);
    if !links
        .skip_while(|&l| l == Link::And)
        .any(|l| l == Link::And)
    {
        return None;
    }
    let span = parts.first()?.1.to(parts.last()?.1);
    let is_long = parts.len() > WRITTEN_OUT || span.end - span.start > WRITTEN_OUT_LEN;
    let message = if is_long || !may_be_moved {
        "'and' is read before 'or' here, but 'ss' reads from left to right: \
         parentheses would make it clear"
            .to_owned()
    } else {
        let (ours, theirs) = (by_precedence(text, parts), left_to_right(text, parts));
        format!(
            "read as '{ours}', because 'and' comes before 'or'; read from left to right, \
             as 'ss' does, it is '{theirs}': write the parentheses you mean"
        )
    };
    Some(Warning { span, message })
}

/// A warning for `state NAME and A or B`: what stands in front holds for all of the filter, with `and` as without, but looks as if it
/// belonged to A.
pub(super) fn states_hold_for_all(span: Span) -> Warning {
    let message = "states in front hold for all of the filter, also for what follows an 'or': \
                   parentheses would make it clear"
        .to_owned();
    Warning { span, message }
}

fn by_precedence(text: &str, parts: &[(Link, Span)]) -> String {
    let groups: Vec<String> = parts
        .chunk_by(|_, next| next.0 == Link::And)
        .map(|group| {
            let words: Vec<&str> = group.iter().map(|p| p.1.of(text)).collect();
            match words.len() {
                1 => words.concat(),
                _ => format!("( {} )", words.join(" and ")),
            }
        })
        .collect();
    groups.join(" or ")
}

fn left_to_right(text: &str, parts: &[(Link, Span)]) -> String {
    let mut written = String::new();
    let mut last = None;
    for (n, &(link, span)) in parts.iter().enumerate() {
        let part = span.of(text);
        if n == 0 {
            written.push_str(part);
            continue;
        }
        if last.is_some_and(|l| l != link) {
            written = format!("( {written} )");
        }
        let word = if link == Link::Or { "or" } else { "and" };
        written = format!("{written} {word} {part}");
        last = Some(link);
    }
    written
}

#[cfg(test)]
mod tests {
    use crate::filter::parse;

    fn warnings(text: &str) -> Vec<(String, String)> {
        let expr = parse(&[text.to_owned()]).unwrap();
        let shown = |w: &super::Warning| (w.span.of(text).to_owned(), w.message.clone());
        expr.warnings.iter().map(shown).collect()
    }

    #[test]
    fn an_and_after_an_or_is_told() {
        let text = "src 0.0.0.0 or src 10.0.0.1 and dst 10.0.0.2";
        let told = warnings(text);
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].0, text);
        assert!(
            told[0]
                .1
                .contains("'src 0.0.0.0 or ( src 10.0.0.1 and dst 10.0.0.2 )'")
        );
        assert!(
            told[0]
                .1
                .contains("'( src 0.0.0.0 or src 10.0.0.1 ) and dst 10.0.0.2'")
        );
    }

    #[test]
    fn so_is_one_without_a_word_and_one_inside_parentheses() {
        let told = warnings("sport 1 or sport 2 dport 3");
        assert!(told[0].1.contains("( sport 2 and dport 3 )"), "{told:?}");
        let told = warnings("dst 1 ( sport 1 or not ( sport 2 ) and dport 3 or dport 4 )");
        assert_eq!(
            told[0].0,
            "sport 1 or not ( sport 2 ) and dport 3 or dport 4"
        );
        assert!(
            told[0]
                .1
                .contains("'( ( sport 1 or not ( sport 2 ) ) and dport 3 ) or dport 4'")
        );
    }

    #[test]
    fn equal_readings_are_not_told() {
        for text in [
            "",
            "sport 1 and sport 2 or sport 3",
            "sport 1 or sport 2 or sport 3",
            "( sport 1 or sport 2 ) and sport 3",
            "sport 1 or ( sport 2 and sport 3 )",
            "sport 1 sport 2 sport 3 or sport 4 or sport 5",
            "state listen sport 1 or sport 2",
        ] {
            assert_eq!(warnings(text), [], "{text}");
        }
    }

    #[test]
    fn states_joined_with_and_are_told_where_an_or_follows() {
        let text = "state listen state close and sport = 1 or dport = 2";
        let told = warnings(text);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].0, "state listen");
        assert!(told[0].1.contains("hold for all"), "{told:?}");
        assert_eq!(
            warnings("state listen and ( sport = 1 ) or ( dport = 2 )").len(),
            1
        );
        for text in [
            "state listen and sport = 1 and dport = 2",
            "state listen and ( sport = 1 or dport = 2 )",
        ] {
            assert_eq!(warnings(text), [], "{text}");
        }
    }

    #[test]
    fn a_set_of_states_is_not_moved_into_parentheses() {
        let told = warnings("state listen state close or sport = 1 and dport = 2");
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(!told[0].1.contains("listen"), "{told:?}");
        let told = warnings("state listen or sport = 1 and dport = 2");
        assert!(
            told[0].1.contains("( state listen or sport = 1 )"),
            "{told:?}"
        );
    }

    #[test]
    fn long_lists_are_not_written_out() {
        let text = "sport 1 or sport 2 and sport 3 ".repeat(1000);
        let told = warnings(text.trim());
        assert_eq!(told.len(), 1);
        assert!(told[0].1.len() < 200);
    }
}
