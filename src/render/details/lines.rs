//! Paragraphs below a row, wrapped to the screen.

use crate::render::layout::display_width;
use crate::render::pieces;

/// What begins a paragraph.
const BELOW: &[u8] = b"\n    ";
/// Blanks before its further lines.
const HANGING: usize = 6;

/// Paragraphs in the making.
pub(in crate::render) struct Lines<'a> {
    out: &'a mut Vec<u8>,
    width: Option<usize>,
    oneline: bool,
    /// Columns that the line has.
    column: usize,
}

impl<'a> Lines<'a> {
    /// Paragraphs behind what `out` has, of `width` columns at most if there is one.
    pub(super) fn new(out: &'a mut Vec<u8>, width: Option<usize>, oneline: bool) -> Self {
        Self {
            out,
            width: width.filter(|_| !oneline),
            oneline,
            column: 0,
        }
    }

    /// Where the text goes if nothing is wrapped: it may be appended as it is.
    #[inline]
    pub(super) fn unwrapped(&mut self) -> Option<&mut Vec<u8>> {
        self.width.is_none().then_some(&mut *self.out)
    }

    /// All that was written so far, of rows before too.
    pub(super) fn written(&self) -> &[u8] {
        self.out
    }

    /// Begins a paragraph.
    #[inline]
    pub(in crate::render) fn group(&mut self, label: &str) {
        if self.oneline {
            self.out.extend_from_slice(b"  ");
        } else {
            self.out.extend_from_slice(BELOW);
            self.column = BELOW.len() - 1;
        }
        self.out.extend_from_slice(label.as_bytes());
        self.out.push(b':');
        self.column += label.len() + 1;
    }

    pub(in crate::render) fn newline(&mut self, indent: usize) {
        self.out.push(b'\n');
        pieces::blanks(self.out, indent);
        self.column = indent;
    }

    /// Appends an item, on the next line if it does not fit this one. `gap` are the blanks before it.
    #[inline]
    pub(in crate::render) fn item(&mut self, gap: usize, write: impl FnOnce(&mut Vec<u8>)) {
        if self.width.is_none() {
            if gap > 0 {
                pieces::blanks(self.out, gap);
            }
            return write(self.out);
        }
        let start = self.out.len();
        pieces::blanks(self.out, gap);
        write(self.out);
        let Some(width) = self.width else { return };
        // What is nothing needs no room.
        if self.out.len() == start + gap {
            return self.out.truncate(start);
        }
        let taken = display_width(self.out.get(start..).unwrap_or_default());
        if self.column + taken <= width {
            self.column += taken;
            return;
        }
        let item = self.out.get(start..).unwrap_or_default();
        let blanks = item.iter().take_while(|b| **b == b' ').count();
        let item = item.get(blanks..).unwrap_or_default().to_vec();
        self.out.truncate(start);
        self.newline(HANGING);
        self.out.extend_from_slice(&item);
        self.column += taken - blanks;
    }

    /// A name and its value.
    pub(in crate::render) fn named(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
        self.item(2, |out| {
            out.extend_from_slice(name.as_bytes());
            out.push(b' ');
            write(out);
        });
    }

    /// A line of its own below the paragraph, or behind it where there is only one line.
    pub(in crate::render) fn line(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.oneline {
            self.out.extend_from_slice(b"  ");
        } else {
            self.newline(HANGING);
        }
        write(self.out);
    }

    /// Names that have the same to say, behind so many blanks. Returns how many are to be before the next item.
    pub(in crate::render) fn together(
        &mut self,
        gap: usize,
        what: &str,
        names: impl Iterator<Item = &'static str>,
    ) -> usize {
        let mut first = true;
        for name in names {
            if std::mem::take(&mut first) {
                self.item(gap, |out| {
                    out.extend_from_slice(what.as_bytes());
                    out.extend_from_slice(b": ");
                    out.extend_from_slice(name.as_bytes());
                });
            } else {
                self.item(1, |out| out.extend_from_slice(name.as_bytes()));
            }
        }
        if first { gap } else { 2 }
    }
}
