//! Which columns fit, and how wide each is.

use super::columns::Column;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Blanks between two columns.
pub(super) const GAP: usize = 2;
/// What a shortened cell keeps at least.
const ELASTIC_MINIMUM: usize = 12;

/// What the cells of one column need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Need {
    /// The widest cell that must not be cut, and the heading.
    pub(super) rigid: usize,
    /// The widest cell of all.
    pub(super) natural: usize,
}

/// How rows are laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// One line a row; `None` for a column that is left out.
    Lines(Vec<Option<usize>>),
    /// One line a field.
    Records,
}

/// Fits columns into `room`: first names are shortened, then columns leave in their order, then each field gets its own line.
pub(super) fn fit(
    columns: &[Column],
    needs: &[Need],
    room: Option<usize>,
    may_drop: bool,
) -> Layout {
    let Some(room) = room else {
        return Layout::Lines(needs.iter().map(|n| Some(n.natural)).collect());
    };
    let least = |need: &Need| need.rigid.max(need.natural.min(ELASTIC_MINIMUM));
    let mut present = vec![true; columns.len()];
    loop {
        let shown = || needs.iter().zip(&present).filter(|(_, p)| **p);
        let gaps = GAP * shown().count().saturating_sub(1);
        let total: usize = shown().map(|(need, _)| least(need)).sum::<usize>() + gaps;
        if total <= room {
            let mut spare = room - total;
            return Layout::Lines(
                needs
                    .iter()
                    .zip(&present)
                    .map(|(need, present)| {
                        present.then(|| {
                            let more = need.natural.saturating_sub(least(need)).min(spare);
                            spare -= more;
                            least(need) + more
                        })
                    })
                    .collect(),
            );
        }
        let first_to_leave = columns
            .iter()
            .zip(present.iter_mut())
            .filter(|(_, present)| **present)
            .filter_map(|(column, present)| Some((column.leaves?, present)))
            .min_by_key(|(order, _)| *order);
        match first_to_leave {
            Some((_, present)) if may_drop => *present = false,
            _ => return Layout::Records,
        }
    }
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

/// Shortens a text to `width` columns with `…` in its middle, so that both ends of a name stay.
pub(super) fn cut(text: &[u8], width: usize) -> String {
    let text = String::from_utf8_lossy(text);
    if text.width() <= width {
        return text.into_owned();
    }
    // A few scripts are wider together than apart, hence the loop.
    (0..width)
        .rev()
        .map(|keep| {
            let head = take(text.chars(), keep.div_ceil(2));
            let tail = take(text.chars().rev(), keep / 2);
            head.into_iter()
                .chain(['…'])
                .chain(tail.into_iter().rev())
                .collect::<String>()
        })
        .find(|short| short.width() <= width)
        .unwrap_or_default()
}

fn take(chars: impl Iterator<Item = char>, mut width: usize) -> Vec<char> {
    chars
        .map_while(|c| {
            width = width.checked_sub(c.width().unwrap_or(0))?;
            Some(c)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FieldId;
    use proptest::prelude::*;

    fn columns(fields: &[FieldId]) -> Vec<Column> {
        fields.iter().map(|&f| Column::of(f)).collect()
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
            fit(&columns, &needs, Some(45), true),
            Layout::Lines(vec![Some(5), None, Some(20), Some(16)])
        );
        assert_eq!(
            fit(&columns, &needs, Some(30), true),
            Layout::Lines(vec![Some(5), None, Some(20), None])
        );
        assert_eq!(fit(&columns, &needs, Some(20), true), Layout::Records);
        assert_eq!(fit(&columns, &needs, Some(45), false), Layout::Records);
    }

    proptest! {
        #[test]
        fn a_cut_text_fits(text in ".{0,40}", width in 1usize..30) {
            prop_assert!(cut(text.as_bytes(), width).width() <= width);
        }
    }
}
