//! The list as comma-separated values, RFC 4180.

use super::columns::Column;
use super::text::{self, TextOptions};
use super::{Closing, List, Opening};
use crate::model::{Notice, Row};
use std::io::{self, Write};

/// Writes one line a row, with the fields' names above unless told otherwise.
#[derive(Debug)]
pub struct CsvList<W: Write> {
    out: csv::Writer<W>,
    columns: Vec<Column>,
    header: bool,
    text: TextOptions,
    cell: Vec<u8>,
}

impl<W: Write> CsvList<W> {
    /// Writes to `out`.
    pub fn new(out: W, columns: Vec<Column>, header: bool, text: TextOptions) -> Self {
        Self {
            out: csv::WriterBuilder::new()
                .buffer_capacity(64 * 1024)
                .from_writer(out),
            columns,
            header,
            text,
            cell: Vec::new(),
        }
    }
}

impl<W: Write> List for CsvList<W> {
    fn open(&mut self, _: &Opening) -> io::Result<()> {
        if self.header {
            let names = self.columns.iter().map(|c| c.field.field().name);
            self.out.write_record(names).map_err(io_error)?;
        }
        Ok(())
    }

    fn row(&mut self, row: Row<'_>) -> io::Result<()> {
        for column in &self.columns {
            self.cell.clear();
            // "Nothing" is an empty cell, "unknown" is not.
            text::csv_value(&mut self.cell, column.field, row, self.text);
            defuse(&mut self.cell);
            self.out.write_field(&self.cell).map_err(io_error)?;
        }
        self.out.write_record(None::<&[u8]>).map_err(io_error)
    }

    fn close(&mut self, _: &Closing) -> io::Result<Vec<Notice>> {
        self.out.flush()?;
        Ok(Vec::new())
    }
}

/// A spreadsheet runs a cell that begins like a formula, and processes choose their names: such a first character is written as `\xNN`.
/// A negative number is none.
fn defuse(cell: &mut Vec<u8>) {
    let is_number = |digits: &[u8]| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    if cell.strip_prefix(b"-").is_some_and(is_number) {
        return;
    }
    if let Some(&first @ (b'=' | b'+' | b'-' | b'@')) = cell.first() {
        cell.splice(..1, format!("\\x{first:02x}").into_bytes());
    }
}

fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_defused() {
        for (given, expected) in [
            ("=1+1", "\\x3d1+1"),
            ("@x", "\\x40x"),
            ("a=b", "a=b"),
            ("-10", "-10"),
            ("-1+1", "\\x2d1+1"),
        ] {
            let mut cell = given.as_bytes().to_vec();
            defuse(&mut cell);
            assert_eq!(cell, expected.as_bytes());
        }
    }
}
