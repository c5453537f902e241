//! What BPF programs keep with a socket: a line for each map.

use super::lines::Lines;
use crate::model::{BpfStorage, Details, Row, hexadecimal};
use crate::render::escape::escape_into;
use crate::render::pieces::decimal;
use crate::render::{text, units};

/// More bytes than this of a value are not shown on a screen.
const SHOWN: usize = 32;

/// Appends them; nothing if there are none, or nobody was told.
pub(super) fn write(lines: &mut Lines<'_>, row: Row<'_>, details: &Details) {
    let storages = details.bpf_storage.as_deref().unwrap_or_default();
    for storage in storages {
        lines.group("bpf");
        lines.item(1, |out| {
            out.extend_from_slice(b"map ");
            decimal(out, storage.map.into());
            name(out, row, storage);
        });
        lines.item(2, |out| units::bytes(out, storage.value.len() as u64));
        // What is read by programs is whole.
        let shown = match lines.unwrapped() {
            Some(_) => storage.value.len(),
            None => storage.value.len().min(SHOWN),
        };
        let (first, more) = storage.value.split_at_checked(shown).unwrap_or_default();
        lines.item(2, |out| hexadecimal(out, first));
        if !more.is_empty() {
            lines.item(1, |out| {
                out.extend_from_slice("… and ".as_bytes());
                decimal(out, more.len() as u64);
                let bytes = if more.len() == 1 { "byte" } else { "bytes" };
                out.extend_from_slice(format!(" more {bytes} (--record shows them)").as_bytes());
            });
        }
    }
}

/// A map without a name has none here either; one whose name cannot be told has a mark.
fn name(out: &mut Vec<u8>, row: Row<'_>, storage: &BpfStorage) {
    match row.context.names.bpf_map(storage.map) {
        Some(name) if name.is_empty() => {}
        Some(name) => {
            out.push(b' ');
            escape_into(out, &name);
        }
        None => {
            out.push(b' ');
            out.extend_from_slice(text::UNKNOWN);
        }
    }
}
