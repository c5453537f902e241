//! A table of few rows, all of which are there before the first is written: its columns give way as those of a list do.
//!
//! comfy-table draws it. What leaves and what is cut is decided before: it would wrap cells, and cut them at their end.

use super::layout::{self, CutAt, Layout, Need, display_width};
use comfy_table::{CellAlignment, Table, presets};

/// A column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heading {
    /// What stands above it.
    pub(super) label: &'static str,
    /// Whether numbers are to stand under each other.
    pub(super) right: bool,
    /// When it leaves, as in [`layout::fit`].
    pub(super) leaves: Option<u8>,
    /// Where its cells are shortened.
    pub(super) cut_at: CutAt,
}

impl Heading {
    /// A column of numbers.
    pub(super) const fn numbers(label: &'static str, leaves: Option<u8>) -> Self {
        Self {
            label,
            right: true,
            leaves,
            cut_at: CutAt::End,
        }
    }
}

/// One cell.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    /// Its text.
    pub(super) text: String,
    /// Whether it may be shortened: numbers never are.
    pub(super) elastic: bool,
}

impl Cell {
    /// A cell that is whole or not there.
    pub(super) const fn whole(text: String) -> Self {
        Self {
            text,
            elastic: false,
        }
    }

    fn width(&self) -> usize {
        display_width(self.text.as_bytes())
    }
}

/// A table.
#[derive(Debug)]
pub(super) struct Grid {
    /// Its columns.
    pub(super) columns: Vec<Heading>,
    /// Its rows, with a cell for each column.
    pub(super) rows: Vec<Vec<Cell>>,
    /// Whether the headings are shown; without them no column leaves, as nobody could tell which.
    pub(super) header: bool,
}

impl Grid {
    /// What a line takes as it is, with the columns that leave first or, where columns can leave, without.
    pub(super) fn width(&self, extras: bool) -> usize {
        let needs = self.needs();
        let shown = self.columns.iter().zip(&needs).filter(|(column, _)| {
            extras || !self.header || column.leaves != Some(layout::LEAVES_FIRST)
        });
        let widths = shown.map(|(_, need)| need.natural + layout::GAP);
        widths.sum::<usize>().saturating_sub(layout::GAP)
    }

    fn needs(&self) -> Vec<Need> {
        let need = |(n, column): (usize, &Heading)| {
            let heading = if self.header { column.label.len() } else { 0 };
            let cells = || self.rows.iter().filter_map(|row| row.get(n));
            let widest = |width: Option<usize>| width.unwrap_or_default().max(heading);
            Need {
                rigid: widest(cells().filter(|c| !c.elastic).map(Cell::width).max()),
                natural: widest(cells().map(Cell::width).max()),
            }
        };
        self.columns.iter().enumerate().map(need).collect()
    }

    /// The table in lines, and which columns there was no room for; `None` if no line holds even the least.
    pub(super) fn lines(&self, room: Option<usize>) -> Option<(String, Vec<&'static str>)> {
        let leaves: Vec<_> = self.columns.iter().map(|column| column.leaves).collect();
        let Layout::Lines(widths) = layout::fit(&leaves, &self.needs(), room, self.header) else {
            return None;
        };
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        if self.header {
            let labels = self.columns.iter().zip(&widths);
            let shown = labels.filter(|(_, width)| width.is_some());
            table.set_header(shown.map(|(column, _)| column.label));
        }
        for row in &self.rows {
            let cells = row.iter().zip(&self.columns).zip(&widths);
            table.add_row(cells.filter_map(|((cell, column), width)| {
                Some(layout::cut(cell.text.as_bytes(), (*width)?, column.cut_at))
            }));
        }
        let (shown, dropped): (Vec<_>, Vec<_>) = self
            .columns
            .iter()
            .zip(&widths)
            .partition(|(_, width)| width.is_some());
        for (column, (heading, _)) in table.column_iter_mut().zip(shown) {
            column.set_padding((0, layout::GAP as u16));
            if heading.right {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let dropped = dropped.into_iter().map(|(column, _)| column.label);
        Some((table.trim_fmt() + "\n", dropped.collect()))
    }

    /// One line a cell behind its heading, with an empty line between rows.
    pub(super) fn records(&self) -> String {
        let labels = self.columns.iter().map(|column| column.label.len());
        let label = labels.max().unwrap_or(0);
        let record = |row: &Vec<Cell>| {
            let cells = self.columns.iter().zip(row);
            cells
                .map(|(column, cell)| format!("{:label$} {}\n", column.label, cell.text))
                .collect::<String>()
        };
        let records: Vec<_> = self.rows.iter().map(record).collect();
        records.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::layout::{LEAVES_FIRST, USUAL};

    fn grid(header: bool) -> Grid {
        let names = |label| Heading {
            label,
            right: false,
            leaves: None,
            cut_at: CutAt::Middle,
        };
        let name = |text: &str| Cell {
            text: text.to_owned(),
            elastic: true,
        };
        let number = |text: &str| Cell::whole(text.to_owned());
        Grid {
            columns: vec![
                names("PATH"),
                Heading::numbers("SOCKETS", None),
                Heading::numbers("ACKED", Some(LEAVES_FIRST)),
                Heading::numbers("RECV-Q", Some(USUAL)),
                Heading {
                    cut_at: CutAt::Entry,
                    ..names("STATES")
                },
            ],
            rows: vec![
                vec![
                    name("/run/postgresql/\u{754c}\u{754c}/.s.PGSQL.5432"),
                    number("12345678"),
                    number("1.5G"),
                    number("4294967295"),
                    name("ESTAB 10, CLOSE-WAIT 3, TIME-WAIT 2"),
                ],
                vec![
                    name("@x"),
                    number("1"),
                    number("-"),
                    number("0"),
                    name("LISTEN 1"),
                ],
            ],
            header,
        }
    }

    #[test]
    fn no_line_is_wider_than_the_room_and_no_number_is_cut() {
        let grid = grid(true);
        let narrowest = (1..).find(|&room| grid.lines(Some(room)).is_some());
        let narrowest = narrowest.unwrap();
        assert_eq!(narrowest, 16 + 2 + 8 + 2 + 16);
        for room in narrowest..130 {
            let (text, dropped) = grid.lines(Some(room)).unwrap();
            let widths = || text.lines().map(|line| display_width(line.as_bytes()));
            assert!(widths().all(|width| width <= room), "at {room}:\n{text}");
            assert!(text.contains("  12345678  "), "at {room}:\n{text}");
            assert_eq!(text.contains("4294967295"), !dropped.contains(&"RECV-Q"));
            assert_eq!(
                text.contains("1.5G"),
                grid.width(true) <= room,
                "at {room}:\n{text}"
            );
            assert_eq!(text.contains('\u{2026}'), grid.width(false) > room);
        }
        assert!(grid.width(false) > narrowest && grid.width(true) < 130);
    }

    #[test]
    fn what_no_line_holds_has_lines_of_its_own() {
        let grid = grid(true);
        assert_eq!(grid.lines(Some(30)), None);
        let records = grid.records();
        assert!(records.starts_with("PATH    /run/postgresql/"), "{records}");
        let second = records.split("\n\n").nth(1).unwrap();
        assert_eq!(
            second,
            "PATH    @x\nSOCKETS 1\nACKED   -\nRECV-Q  0\nSTATES  LISTEN 1\n"
        );
    }

    #[test]
    fn without_a_heading_no_column_leaves() {
        let grid = grid(false);
        for room in (1..130).filter(|&room| grid.lines(Some(room)).is_some()) {
            let (text, dropped) = grid.lines(Some(room)).unwrap();
            assert!(dropped.is_empty() && text.contains("1.5G"), "{text}");
        }
    }

    #[test]
    fn a_pipe_has_room_for_all() {
        let (text, dropped) = grid(true).lines(None).unwrap();
        assert!(dropped.is_empty() && !text.contains('\u{2026}'), "{text}");
    }
}
