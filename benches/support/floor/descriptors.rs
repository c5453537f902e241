//! The floor of finding owners: every descriptor of every process listed and its link read.

use rustix::fs::{CWD, Mode, OFlags, RawDir, openat, readlinkat_raw};
use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

/// Room for a batch of directory entries, as in portctl.
const ENTRIES: usize = 64 * 1024;

/// What was walked over.
#[derive(Default)]
pub(crate) struct Walked {
    /// Processes, those included whose descriptors cannot be seen.
    pub(crate) processes: usize,
    /// Descriptors that can be seen.
    pub(crate) descriptors: usize,
}

/// Walks over /proc once: getdents64(2) for each process, readlinkat(2) for each descriptor.
pub(crate) fn walk() -> Walked {
    let mut walked = Walked::default();
    let mut buffer = vec![MaybeUninit::uninit(); ENTRIES];
    let proc = open(CWD, c"/proc").unwrap();
    let mut tables = Vec::new();
    entries(&proc, &mut buffer, |name| {
        if name.to_bytes()[0].is_ascii_digit() {
            tables.push(CString::new([name.to_bytes(), b"/fd"].concat()).unwrap());
        }
    });
    for path in tables {
        walked.processes += 1;
        // It is not ours to see, or has ended meanwhile.
        let Ok(table) = open(&proc, &path) else {
            continue;
        };
        entries(&table, &mut buffer, |name| {
            let mut link = [MaybeUninit::uninit(); 64];
            // Closed meanwhile, at worst.
            let _ = readlinkat_raw(&table, name, &mut link);
            walked.descriptors += 1;
        });
    }
    walked
}

fn open(base: impl std::os::fd::AsFd, path: &CStr) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(base, path, flags, Mode::empty())
}

/// Calls `each` with every name but `.` and `..`; ends early if the process does.
fn entries(directory: &OwnedFd, buffer: &mut [MaybeUninit<u8>], mut each: impl FnMut(&CStr)) {
    let mut entries = RawDir::new(directory, buffer);
    while let Some(Ok(entry)) = entries.next() {
        if !entry.file_name().to_bytes().starts_with(b".") {
            each(entry.file_name());
        }
    }
}
