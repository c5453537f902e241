//! The binary: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    portctl::app::run(std::env::args_os()).into()
}
