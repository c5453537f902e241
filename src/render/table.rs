//! The list as a table.
//!
//! One streaming writer for ten rows and for a million: the widths come from the first rows, which are held back, and then every row is
//! formatted once, into one buffer. comfy-table, which draws the bounded reports, keeps 2.6 KB a row and prints
//! nothing before it has seen all of them.

use super::columns::Column;
use super::details::{self, DetailOptions};
use super::direct::Direct;
use super::layout::{self, GAP, Layout, Need, display_width};
use super::pieces::blanks;
use super::text::{self, TextOptions};
use super::{Closing, List, Opening};
use crate::model::{FieldId, Notice, Queues, Row, State};
use std::io::{self, Write};

/// Rows whose widths decide the layout of a stream.
const FIRST_ROWS: usize = 500;
/// On a terminal every row is measured before the first is shown, up to this many.
const TERMINAL_ROWS: usize = 50_000;
/// Bytes that are gathered before they are written: few enough to stay in the cache next to the processor.
const BUFFER_LEN: usize = 32 * 1024;

/// The heading of both queues of a listener, where they have a line together.
const ACCEPT_QUEUE: &str = "ACCEPT-Q";
const BOLD: &[u8] = b"\x1b[1m";
const RESET: &[u8] = b"\x1b[0m";

/// How a table looks.
#[derive(Clone, Debug)]
pub struct TableOptions {
    /// Its columns.
    pub columns: Vec<Column>,
    /// Whether the user named them: then each is shown, whatever room there is and whatever the sockets have.
    pub columns_named: bool,
    /// Whether it has a heading.
    pub header: bool,
    /// Columns of the screen; `None` for no limit.
    pub width: Option<usize>,
    /// Whether rows are to appear while more are collected.
    pub streaming: bool,
    /// Whether to use colour.
    pub colour: bool,
    /// How numbers with names are shown.
    pub text: TextOptions,
    /// What stands below each row.
    pub details: DetailOptions,
    /// Whether every field has a line of its own, whatever room there is.
    pub record: bool,
}

/// Writes a table.
#[derive(Debug)]
pub struct TableList<W> {
    out: W,
    options: TableOptions,
    hold: usize,
    held: Held,
    /// The same rows as records, as long as nobody knows whether lines of them fit.
    records: Held,
    layout: Option<Layout>,
    /// The last row, where rows are written as they come and nothing is measured.
    last: Direct,
    direct: bool,
    buffer: Vec<u8>,
    rows: u64,
    dropped: Vec<&'static str>,
    recent: details::Recent,
}

/// Cells that wait for the layout, or of the one row that is being written.
#[derive(Debug, Default)]
struct Held {
    text: Vec<u8>,
    cells: Vec<Cell>,
    /// What stands below the rows.
    details: Vec<u8>,
    /// Where that of each row ends.
    detail_ends: Vec<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    end: usize,
    width: usize,
    elastic: bool,
    state: State,
    full: bool,
    /// Whether it is the accept queue, in a record of a listener.
    accept: bool,
    /// Whether the socket has nothing of that kind, in a record.
    absent: bool,
}

impl<W: Write> TableList<W> {
    /// Writes to `out`.
    pub fn new(out: W, options: TableOptions) -> Self {
        let hold = if options.width.is_some() && !options.streaming {
            TERMINAL_ROWS
        } else {
            FIRST_ROWS
        };
        Self {
            direct: options.width.is_none() && !options.colour && !options.record,
            out,
            options,
            hold,
            held: Held::default(),
            records: Held::default(),
            layout: None,
            buffer: Vec::with_capacity(BUFFER_LEN + 4096),
            rows: 0,
            dropped: Vec::new(),
            recent: details::Recent::default(),
            last: Direct::default(),
        }
    }

    /// Decides the layout from the rows held back and writes them.
    fn settle(&mut self) -> io::Result<()> {
        let columns = &self.options.columns;
        let mut needs: Vec<Need> = columns
            .iter()
            .map(|column| {
                let heading = if self.options.header {
                    column.heading.len()
                } else {
                    0
                };
                Need {
                    rigid: heading,
                    natural: heading,
                }
            })
            .collect();
        for row in self.held.cells.chunks(columns.len().max(1)) {
            for (need, cell) in needs.iter_mut().zip(row) {
                need.natural = need.natural.max(cell.width);
                if !cell.elastic {
                    need.rigid = need.rigid.max(cell.width);
                }
            }
        }
        let layout = if self.options.record {
            Layout::Records
        } else {
            // Without a heading nobody could tell which columns are left.
            let may_drop = !self.options.columns_named && self.options.header;
            let leaves: Vec<_> = columns.iter().map(|column| column.leaves).collect();
            layout::fit(&leaves, &needs, self.options.width, may_drop)
        };
        if let Layout::Lines(widths) = &layout {
            self.dropped = columns
                .iter()
                .zip(widths)
                .filter(|(_, width)| width.is_none())
                .map(|(column, _)| column.field.field().name)
                .collect();
            if self.options.header {
                self.heading(widths);
            }
        }
        let held = std::mem::take(&mut self.held);
        let records = std::mem::take(&mut self.records);
        let (text, cells) = match (&layout, records.cells.is_empty()) {
            (Layout::Records, false) => (&records.text, &records.cells),
            _ => (&held.text, &held.cells),
        };
        let (mut start, mut details_start) = (0, 0);
        let rows = cells.chunks(self.options.columns.len().max(1));
        for (n, row) in rows.enumerate() {
            let details_end = held.detail_ends.get(n).copied().unwrap_or(details_start);
            let details = held.details.get(details_start..details_end);
            let details = details.unwrap_or_default();
            start = self.write_row(&layout, text, row, start, details)?;
            details_start = details_end;
        }
        self.layout = Some(layout);
        self.flush()
    }

    fn heading(&mut self, widths: &[Option<usize>]) {
        if self.options.colour {
            self.buffer.extend_from_slice(BOLD);
        }
        let mut line = Line::new(&mut self.buffer, last_shown(widths));
        for (n, (column, width)) in self.options.columns.iter().zip(widths).enumerate() {
            if let Some(width) = *width {
                let heading = column.heading.as_bytes();
                line.cell(n, heading, heading.len(), width, column.right, b"");
            }
        }
        if self.options.colour {
            self.buffer.extend_from_slice(RESET);
        }
        self.buffer.push(b'\n');
    }

    /// Writes one row of cells whose text begins at `start`; returns where it ends.
    fn write_row(
        &mut self,
        layout: &Layout,
        text: &[u8],
        cells: &[Cell],
        mut start: usize,
        details: &[u8],
    ) -> io::Result<usize> {
        match layout {
            Layout::Lines(widths) => {
                let limited = self.options.width.is_some();
                let mut line = Line::new(&mut self.buffer, last_shown(widths));
                for (n, ((column, cell), width)) in self
                    .options
                    .columns
                    .iter()
                    .zip(cells)
                    .zip(widths)
                    .enumerate()
                {
                    let content = text.get(start..cell.end).unwrap_or_default();
                    start = cell.end;
                    let Some(width) = *width else { continue };
                    let colour = if self.options.colour && column.field == FieldId::State {
                        state_colour(cell.state, cell.full)
                    } else {
                        b""
                    };
                    if limited && cell.elastic && cell.width > width {
                        let short = layout::cut(content, width, column.cut_at());
                        let taken = display_width(short.as_bytes());
                        line.cell(n, short.as_bytes(), taken, width, column.right, colour);
                    } else {
                        line.cell(n, content, cell.width, width, column.right, colour);
                    }
                }
                self.buffer.extend_from_slice(details);
                self.buffer.push(b'\n');
            }
            Layout::Records => {
                if self.rows > 0 {
                    self.buffer.push(b'\n');
                }
                let label = self
                    .options
                    .columns
                    .iter()
                    .map(|c| c.heading.len())
                    .max()
                    .unwrap_or(0);
                let is_queue = |c: &Column| c.field == FieldId::RecvQueue;
                let has_queues = self.options.columns.iter().any(is_queue);
                let label = if has_queues {
                    label.max(ACCEPT_QUEUE.len())
                } else {
                    label
                };
                for (column, cell) in self.options.columns.iter().zip(cells) {
                    let content = text.get(start..cell.end).unwrap_or_default();
                    start = cell.end;
                    if cell.absent {
                        continue;
                    }
                    let heading = match (cell.accept, column.field) {
                        // Its limit, which is with its length.
                        (true, FieldId::SendQueue) => continue,
                        (true, _) => ACCEPT_QUEUE,
                        (false, _) => column.heading,
                    };
                    self.buffer.extend_from_slice(heading.as_bytes());
                    blanks(&mut self.buffer, label + 1 - heading.len());
                    self.buffer.extend_from_slice(content);
                    self.buffer.push(b'\n');
                }
                if let Some(details) = details.strip_prefix(b"\n") {
                    self.buffer.extend_from_slice(details);
                    self.buffer.push(b'\n');
                }
            }
        }
        self.rows += 1;
        if self.buffer.len() >= BUFFER_LEN {
            self.flush()?;
        }
        Ok(start)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

impl<W: Write> List for TableList<W> {
    fn open(&mut self, _: &Opening) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, row: Row<'_>) -> io::Result<()> {
        if self.direct
            && let Some(Layout::Lines(widths)) = &self.layout
        {
            let start = self.buffer.len();
            self.last.row(&mut self.buffer, &self.options, widths, row);
            if self.buffer.get(start..).is_some_and(<[u8]>::is_ascii) {
                if !self.options.details.is_empty() {
                    self.buffer.pop();
                    details::write(
                        &mut self.buffer,
                        row,
                        self.options.details,
                        None,
                        &mut self.recent,
                    );
                    self.buffer.push(b'\n');
                }
                return if self.buffer.len() >= BUFFER_LEN {
                    self.flush()
                } else {
                    Ok(())
                };
            }
            self.buffer.truncate(start);
        }
        let as_record = self.options.record || self.layout == Some(Layout::Records);
        hold(&mut self.held, row, &self.options, as_record);
        if self.layout.is_none() && !as_record && self.options.width.is_some() {
            hold(&mut self.records, row, &self.options, true);
        }
        if !self.options.details.is_empty() {
            let width = self.options.width;
            details::write(
                &mut self.held.details,
                row,
                self.options.details,
                width,
                &mut self.recent,
            );
            self.held.detail_ends.push(self.held.details.len());
        }
        if let Some(layout) = self.layout.take() {
            let mut held = std::mem::take(&mut self.held);
            let written = self.write_row(&layout, &held.text, &held.cells, 0, &held.details);
            held.details.clear();
            held.detail_ends.clear();
            held.text.clear();
            held.cells.clear();
            self.held = held;
            self.layout = Some(layout);
            return written.map(|_| ());
        }
        if self.held.cells.len() >= self.hold * self.options.columns.len().max(1) {
            self.settle()?;
        }
        Ok(())
    }

    fn close(&mut self, _: &Closing) -> io::Result<Vec<Notice>> {
        if self.layout.is_none() {
            self.settle()?;
        }
        self.flush()?;
        self.out.flush()?;
        let mut notices = self.recent.notices();
        if !self.dropped.is_empty() {
            notices.push(Notice::ColumnsDropped {
                columns: std::mem::take(&mut self.dropped),
                remedy: "-O or --columns",
            });
        }
        Ok(notices)
    }
}

/// Appends the cells of a row, as they are in a line or in a record.
fn hold(held: &mut Held, row: Row<'_>, options: &TableOptions, as_record: bool) {
    let is_unix = row.socket.unix().is_some();
    for column in &options.columns {
        let start = held.text.len();
        let accept = as_record && is_accept_queue(&options.columns, column, row);
        if as_record {
            record_cell(&mut held.text, column.field, row, options.text, accept);
        } else {
            text::cell(&mut held.text, column.field, row, options.text);
        }
        let content = held.text.get(start..).unwrap_or_default();
        held.cells.push(Cell {
            end: held.text.len(),
            width: display_width(content),
            elastic: column.is_elastic() && !layout::is_reason(content)
                || is_unix && matches!(column.field, FieldId::Local | FieldId::Peer),
            state: row.socket.state,
            full: row.socket.queues.is_full(),
            accept,
            absent: as_record && !options.columns_named && !details::has(row, column.field),
        });
    }
}

/// Whether the cell is the accept queue of a listener, whose length and limit are two columns of a table and one line of a record.
fn is_accept_queue(columns: &[Column], column: &Column, row: Row<'_>) -> bool {
    let is_listener = matches!(row.socket.queues, Queues::Accept { .. });
    let both = || columns.iter().any(|c| c.field == FieldId::RecvQueue);
    is_listener
        && match column.field {
            FieldId::RecvQueue => true,
            FieldId::SendQueue => both(),
            _ => false,
        }
}

/// Appends a cell of a record: there is room for units.
fn record_cell(
    out: &mut Vec<u8>,
    field: FieldId,
    row: Row<'_>,
    options: TextOptions,
    accept: bool,
) {
    match (accept, field) {
        (true, FieldId::SendQueue) => {}
        (true, _) => details::accept_queue(out, row),
        (false, _) => details::alone(out, field, row, |out| {
            text::cell(out, field, row, options);
        }),
    }
}

/// One line in the making.
struct Line<'a> {
    out: &'a mut Vec<u8>,
    last: usize,
    started: bool,
}

impl<'a> Line<'a> {
    fn new(out: &'a mut Vec<u8>, last: usize) -> Self {
        Self {
            out,
            last,
            started: false,
        }
    }

    /// Appends a cell of `taken` columns, padded to `width`; nothing is padded at the end of a line.
    fn cell(
        &mut self,
        column: usize,
        content: &[u8],
        taken: usize,
        width: usize,
        right: bool,
        colour: &[u8],
    ) {
        if std::mem::replace(&mut self.started, true) {
            blanks(self.out, GAP);
        }
        let padding = width.saturating_sub(taken);
        if right {
            blanks(self.out, padding);
        }
        self.out.extend_from_slice(colour);
        self.out.extend_from_slice(content);
        if !colour.is_empty() {
            self.out.extend_from_slice(RESET);
        }
        if !right && column != self.last {
            blanks(self.out, padding);
        }
    }
}

fn last_shown(widths: &[Option<usize>]) -> usize {
    widths.iter().rposition(Option::is_some).unwrap_or(0)
}

/// Colour repeats what the word says: open for business, or lingering.
const fn state_colour(state: State, full: bool) -> &'static [u8] {
    match state {
        State::Listen if full => b"\x1b[1;31m",
        State::Listen => b"\x1b[32m",
        State::CloseWait | State::SynRecv | State::SynSent => b"\x1b[33m",
        State::TimeWait | State::FinWait1 | State::FinWait2 | State::LastAck | State::Closing => {
            b"\x1b[2m"
        }
        _ => b"",
    }
}
