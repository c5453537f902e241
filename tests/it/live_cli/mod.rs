//! Options, default states, filters, columns, formats and the summary, on sockets the test made.

mod answers;
mod beside_ss;
mod choosing;
mod columns;
mod completion;
mod filters;
mod formats;
mod selection;
mod summary;
mod top;
