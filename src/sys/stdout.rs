//! Standard output without the line buffering of the standard library, which costs a write per line.

use std::io::{self, Write};

/// Writes straight to file descriptor 1. Put a buffer in front of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(rustix::stdio::stdout(), bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
