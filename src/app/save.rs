//! `portctl ls --dump`: rows into a file instead of a list.

use super::gather::Tally;
use super::{closing, finish};
use crate::cli::plan::LsPlan;
use crate::collect::owners::find_owners;
use crate::collect::{self, Recording};
use crate::error::Error;
use crate::exit::Exit;
use crate::model::{Context, Listeners, Names, Notice, Row, SourceChoice};
use crate::sys::stdout::Stdout;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Saves the rows that pass the filter. No dump has what the options `unsaved` ask for.
pub(super) fn run(
    plan: &LsPlan,
    path: &Path,
    names: &dyn Names,
    unsaved: &[&str],
) -> Result<Exit, Error> {
    let mut recording = collect::record(&plan.query).map_err(Error::Source)?;
    let is_live = !matches!(plan.query.source, SourceChoice::Dump { .. });
    let owners = (plan.filter.needs_owners && is_live)
        .then(|| find_owners(&plan.query, &recording.sockets, Listeners::default()));
    let context = Context {
        owners: owners.as_ref(),
        names,
    };
    let mut tally = Tally::default();
    let bytes = recording.encode(|socket| tally.passes(&plan.filter, Row { socket, context }));
    let Recording { collected, .. } = &mut recording;
    let mut closing = closing(&plan.query, std::mem::take(collected))?;
    // Written at last: it may be the file that was read.
    write(path, &bytes)?;
    closing.notices.extend(tally.report(None));
    let readings = plan.filter.warnings.iter().map(|w| Notice::FilterReading {
        explanation: w.message.clone(),
    });
    closing.notices.extend(readings);
    closing
        .notices
        .extend((!unsaved.is_empty()).then(|| Notice::NotComputed {
            explanation: format!(
                "the dump has nothing of {}: it holds what the kernel tells of sockets, with neither processes nor host names",
                unsaved.join(", ")
            ),
        }));
    Ok(finish(&closing, plan.verbosity, plan.strict))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    if path == Path::new("-") {
        return Ok(Stdout.write_all(bytes)?);
    }
    // Root is told the keys of TCP-MD5, and they are in the dump. A file that is there keeps its mode, which somebody chose.
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(bytes))
        .map_err(|error| Error::Save {
            path: path.to_owned(),
            error,
        })
}
