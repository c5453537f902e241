//! Which columns fit, and how wide each is.

use unicode_width::UnicodeWidthStr;

/// Blanks between two columns.
pub(super) const GAP: usize = 2;
/// What a shortened cell keeps at least.
const ELASTIC_MINIMUM: usize = 16;
/// The place in which a column leaves that nobody asked for: before anything is shortened.
pub(super) const LEAVES_FIRST: u8 = 0;
/// From this place on columns leave that nobody asked for, and that every list has all the same.
pub(super) const USUAL: u8 = 18;

/// What the cells of one column need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Need {
    /// The widest cell that must not be cut, and the heading.
    pub(super) rigid: usize,
    /// The widest cell of all.
    pub(super) natural: usize,
}

impl Need {
    fn least(self) -> usize {
        self.rigid.max(self.natural.min(ELASTIC_MINIMUM))
    }
}

/// How rows are laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// One line a row; `None` for a column that is left out.
    Lines(Vec<Option<usize>>),
    /// One line a field.
    Records,
}

/// Fits columns into `room`: first those leave that are extras, then names are shortened, then columns leave in their order (`leaves`,
/// lowest first; `None` stays), then each field gets its own line.
///
/// More room never shows less of what stays: an extra has only room that nothing else wants, and where a usual column is missing, the
/// room that is kept for it goes to nobody else.
pub(super) fn fit(
    leaves: &[Option<u8>],
    needs: &[Need],
    room: Option<usize>,
    may_drop: bool,
) -> Layout {
    let Some(room) = room else {
        return Layout::Lines(needs.iter().map(|n| Some(n.natural)).collect());
    };
    let mut order: Vec<(u8, usize)> = leaves
        .iter()
        .enumerate()
        .filter_map(|(n, leaves)| Some(((*leaves)?, n)))
        .filter(|_| may_drop)
        .collect();
    order.sort_unstable();
    let mut present = vec![true; needs.len()];
    let set = |present: &mut Vec<bool>, column: usize, shown: bool| {
        if let Some(slot) = present.get_mut(column) {
            *slot = shown;
        }
    };
    let is_extra = |&(place, _): &(u8, usize)| place == LEAVES_FIRST;
    if width_of(needs, &present, |need| need.natural) > room {
        for &(_, column) in order.iter().filter(|&column| is_extra(column)) {
            set(&mut present, column, false);
        }
    }
    order.retain(|column| !is_extra(column));
    for &(_, column) in &order {
        if width_of(needs, &present, Need::least) <= room {
            break;
        }
        set(&mut present, column, false);
    }
    if width_of(needs, &present, Need::least) > room {
        return Layout::Records;
    }
    // A wide column that had to leave may have made room for narrow ones that left before it.
    for &(_, column) in order.iter().rev() {
        let was = present.get(column).copied().unwrap_or_default();
        set(&mut present, column, true);
        if width_of(needs, &present, Need::least) > room {
            set(&mut present, column, was);
        }
    }
    let is_missing = |column: usize| present.get(column) == Some(&false);
    let is_kept_for_another = order
        .iter()
        .any(|&(place, column)| place >= USUAL && is_missing(column));
    let spare = if is_kept_for_another {
        0
    } else {
        room - width_of(needs, &present, Need::least)
    };
    Layout::Lines(share(needs, &present, spare))
}

/// Gives the spare room to the columns that want it, in equal parts.
fn share(needs: &[Need], present: &[bool], mut spare: usize) -> Vec<Option<usize>> {
    let mut widths: Vec<Option<usize>> = needs
        .iter()
        .zip(present)
        .map(|(need, present)| present.then(|| need.least()))
        .collect();
    loop {
        let mut wanting: Vec<(&mut usize, usize)> = widths
            .iter_mut()
            .zip(needs)
            .filter_map(|(width, need)| {
                let width = width.as_mut()?;
                let more = need.natural.checked_sub(*width).filter(|&n| n > 0)?;
                Some((width, more))
            })
            .collect();
        let part = spare / wanting.len().max(1);
        if wanting.is_empty() || part == 0 {
            return widths;
        }
        for (width, more) in &mut wanting {
            let given = part.min(*more);
            **width += given;
            spare -= given;
        }
    }
}

/// What a line of the columns that are present takes.
fn width_of(needs: &[Need], present: &[bool], width: impl Fn(Need) -> usize) -> usize {
    let shown = || needs.iter().zip(present).filter(|(_, present)| **present);
    shown().map(|(need, _)| width(*need)).sum::<usize>() + GAP * shown().count().saturating_sub(1)
}

/// Columns of the screen that a text takes.
#[inline]
pub(super) fn display_width(text: &[u8]) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        std::str::from_utf8(text).map_or(text.len(), UnicodeWidthStr::width)
    }
}

/// Where a text that is too long loses its characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CutAt {
    /// Names: both ends tell them apart.
    Middle,
    /// Texts that say most at their beginning.
    End,
    /// Lists of processes and numbers: behind an entry, and never inside a number or a word, with how many entries are missing.
    Entry,
}

/// A reason why a cell has no name is in words of ours, and half of one says nothing: up to this width it stays whole.
const REASON: usize = 22;

/// Whether a text is such a reason, `(in accept queue)`. Who is hidden has a name, too, which may be cut.
pub(super) fn is_reason(text: &[u8]) -> bool {
    text.len() <= REASON
        && text.starts_with(b"(")
        && text.ends_with(b")")
        && !text.starts_with(b"(hidden,")
}

/// Shortens a text to `width` columns, with `…` for what is missing.
pub(super) fn cut(text: &[u8], width: usize, at: CutAt) -> String {
    let text = String::from_utf8_lossy(text);
    if text.width() <= width {
        return text.into_owned();
    }
    if at == CutAt::Entry
        && let Some(short) = first_entries(&text, width)
    {
        return short;
    }
    let units = units(&text);
    // A few scripts are wider together than apart, hence the loop.
    (0..width)
        .rev()
        .map(|keep| {
            let behind = if at == CutAt::Middle { keep / 2 } else { 0 };
            let head = take(units.iter(), keep - behind);
            let tail = take(units.iter().rev(), behind);
            head.into_iter()
                .chain(["\u{2026}"])
                .chain(tail.into_iter().rev())
                .collect::<String>()
        })
        .find(|short| short.width() <= width)
        .unwrap_or_default()
}

/// As many whole entries and words of a list as there is room for, and how many entries are missing behind those that are seen, if
/// there is room for that; of a single name in front of its `[number]` what fits. `None` if a list does not begin so.
fn first_entries(text: &str, width: usize) -> Option<String> {
    if text.starts_with('(') {
        return None;
    }
    let mut quoted = false;
    // Where a word begins, and how many entries do before that.
    let mut words: Vec<(usize, usize)> = Vec::new();
    let mut entries = 1;
    let mut last = ' ';
    for (at, c) in text.char_indices() {
        quoted ^= c == '"';
        if !quoted && c == ' ' {
            entries += usize::from(last == ',');
            // A word that says what the next is says nothing alone.
            if !text.get(..at).is_some_and(|head| head.ends_with(" fd")) {
                words.push((at + 1, entries));
            }
        } else if !quoted && last == ',' {
            words.push((at, entries));
        }
        last = c;
    }
    let fitting = |counted: bool| {
        words.iter().rev().find_map(|&(end, begun)| {
            let head = text.get(..end)?;
            let seen = begun - usize::from(head.ends_with(", "));
            let missing = match entries - seen {
                missing if counted && missing > 0 => format!("+{missing}"),
                _ => String::new(),
            };
            let short = format!("{head}\u{2026}{missing}");
            (short.width() <= width).then_some(short)
        })
    };
    fitting(true).or_else(|| fitting(false)).or_else(|| {
        let first = words
            .first()
            .map_or(text, |&(end, _)| text.get(..end).unwrap_or(text));
        let behind = if words.is_empty() { "" } else { " \u{2026}" };
        let (name, number) = first.trim_end_matches([' ', ',']).rsplit_once('[')?;
        let room = width.checked_sub(2 + number.width() + behind.width())?;
        let name: String = take(units(name).iter(), room).into_iter().collect();
        Some(format!("{name}\u{2026}[{number}{behind}"))
    })
}

/// The characters of a text, with each escape (`\xNN`, `\u{…}`) as one: half of it would be another name.
fn units(text: &str) -> Vec<&str> {
    let mut units = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match rest {
            _ if rest.starts_with("\\x") => 4,
            _ if rest.starts_with("\\u{") => rest.find('}').map_or(1, |end| end + 1),
            _ => first.len_utf8(),
        };
        let (unit, after) = rest
            .split_at_checked(length)
            .unwrap_or_else(|| rest.split_at(first.len_utf8()));
        units.push(unit);
        rest = after;
    }
    units
}

fn take<'a>(units: impl Iterator<Item = &'a &'a str>, mut width: usize) -> Vec<&'a str> {
    units
        .map_while(|unit| {
            width = width.checked_sub(unit.width())?;
            Some(*unit)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FieldId;
    use crate::render::columns::Column;
    use proptest::prelude::*;

    fn columns(fields: &[FieldId]) -> Vec<Option<u8>> {
        fields.iter().map(|&f| Column::of(f).leaves).collect()
    }

    fn need(rigid: usize, natural: usize) -> Need {
        Need { rigid, natural }
    }

    #[test]
    fn without_a_terminal_nothing_gives_way() {
        let columns = columns(&[FieldId::State, FieldId::Process]);
        let layout = fit(&columns, &[need(5, 5), need(7, 500)], None, true);
        assert_eq!(layout, Layout::Lines(vec![Some(5), Some(500)]));
    }

    #[test]
    fn names_shrink_then_columns_leave_then_lines_split() {
        let columns = columns(&[
            FieldId::State,
            FieldId::SendQueue,
            FieldId::Local,
            FieldId::Process,
        ]);
        let needs = [need(5, 5), need(6, 6), need(20, 20), need(7, 100)];
        assert_eq!(
            fit(&columns, &needs, Some(80), true),
            Layout::Lines(vec![Some(5), Some(6), Some(20), Some(43)])
        );
        assert_eq!(
            fit(&columns, &needs, Some(47), true),
            Layout::Lines(vec![Some(5), None, Some(20), Some(16)])
        );
        // Processes were asked for by a letter: they never leave.
        assert_eq!(fit(&columns, &needs, Some(44), true), Layout::Records);
        assert_eq!(fit(&columns, &needs, Some(47), false), Layout::Records);
    }

    #[test]
    fn more_room_never_shows_less_of_what_was_asked_for() {
        let columns = columns(&[
            FieldId::State,
            FieldId::RecvQueue,
            FieldId::SendQueue,
            FieldId::Local,
            FieldId::Exposure,
            FieldId::Process,
            FieldId::Threads,
        ]);
        let needs = [(6, 6), (6, 6), (6, 6), (14, 14), (8, 8), (8, 40), (8, 90)];
        let needs = needs.map(|(rigid, natural)| need(rigid, natural));
        let widths = |room| match fit(&columns, &needs, Some(room), true) {
            Layout::Lines(widths) => Some(widths),
            Layout::Records => None,
        };
        let narrowest = (1..).find(|&room| widths(room).is_some()).unwrap();
        assert_eq!(narrowest, 6 + 14 + 2 * ELASTIC_MINIMUM + 3 * GAP);
        let whole = needs.iter().map(|n| n.natural + GAP).sum::<usize>() - GAP;
        for room in narrowest..whole {
            let (narrow, wide) = (widths(room).unwrap(), widths(room + 1).unwrap());
            // `None` is less than any width.
            assert!(narrow.iter().zip(&wide).all(|(a, b)| a <= b), "at {room}");
            assert_eq!(narrow[4], None, "at {room}");
        }
        let all = needs.iter().map(|n| Some(n.natural)).collect();
        assert_eq!(widths(whole), Some(all));
    }

    #[test]
    fn names_keep_both_ends_and_lists_their_beginning() {
        assert_eq!(
            cut(b"/run/postgresql/.s.PGSQL.5432", 13, CutAt::Middle),
            "/run/p\u{2026}L.5432"
        );
        assert_eq!(
            cut(b"nginx[812] fd 6, nginx[813] fd 6", 13, CutAt::End),
            "nginx[812] f\u{2026}"
        );
    }

    #[test]
    fn lists_are_cut_behind_whole_words_and_numbers() {
        let list = "python3[28016] fd 3,14, \"a, b\"[2] fd 3, worker[3] fd 3";
        for (width, expected) in [
            (55, list),
            (50, "python3[28016] fd 3,14, \"a, b\"[2] fd 3, \u{2026}+1"),
            (37, "python3[28016] fd 3,14, \"a, b\"[2] \u{2026}+1"),
            (36, "python3[28016] fd 3,14, \u{2026}+2"),
            (24, "python3[28016] fd 3,\u{2026}+2"),
            (20, "python3[28016] \u{2026}+2"),
            (16, "python3[28016] \u{2026}"),
            (14, "pyth\u{2026}[28016] \u{2026}"),
            (10, "\u{2026}[28016] \u{2026}"),
        ] {
            assert_eq!(cut(list.as_bytes(), width, CutAt::Entry), expected);
        }
        let one = b"chromium-browser[1234567] fd 12,13";
        assert_eq!(
            cut(one, 20, CutAt::Entry),
            "chromium\u{2026}[1234567] \u{2026}"
        );
        assert_eq!(
            cut(b"28016, 28059, 28060", 16, CutAt::Entry),
            "28016, \u{2026}+2"
        );
        let hidden = b"(hidden, user systemd-resolve)";
        assert_eq!(cut(hidden, 16, CutAt::Entry), "(hidden, user s\u{2026}");
    }

    #[test]
    fn a_reason_is_ours_and_short() {
        assert!(is_reason(b"(in transit, it seems)") && is_reason(b"(in accept queue)"));
        assert!(!is_reason(b"(sd-pam)[812] fd 3") && !is_reason(b"(hidden, user root)"));
    }

    #[test]
    fn escapes_are_kept_whole_or_left_out() {
        let name = br"/tmp/\x1b\u{202e}\x5cq";
        for width in 1..23 {
            let short = cut(name, width, CutAt::Middle);
            for part in short.split('\u{2026}') {
                let whole = part
                    .replace(r"\x1b", "")
                    .replace(r"\u{202e}", "")
                    .replace(r"\x5c", "");
                assert!(!whole.contains(['\\', '{', '}', '5', 'b']), "{short}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_cut_text_fits(text in ".{0,40}", width in 1usize..30) {
            prop_assert!(cut(text.as_bytes(), width, CutAt::Middle).width() <= width);
            prop_assert!(cut(text.as_bytes(), width, CutAt::End).width() <= width);
            prop_assert!(cut(text.as_bytes(), width, CutAt::Entry).width() <= width);
        }

        #[test]
        fn a_cut_list_fits(text in "[a-c\"(,]{1,9}\\[[0-9]{1,5}\\]( fd [0-9,]{1,8}(, [a-c\",]{1,6}\\[[0-9]{1,9}\\])?)?", width in 1usize..30) {
            prop_assert!(cut(text.as_bytes(), width, CutAt::Entry).width() <= width);
        }
    }
}
