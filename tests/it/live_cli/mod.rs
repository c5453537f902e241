//! Options, default states, filters, columns, formats and the summary, on sockets the test made.

mod choosing;
mod columns;
mod filters;
mod formats;
mod selection;
mod summary;
