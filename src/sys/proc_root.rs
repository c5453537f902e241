//! Files under /proc, always relative to an open directory, so that a process id that is used again
//! cannot mix two processes.
//!
//! The procfs crate is not used for these walks: it makes four system calls for each descriptor where one will do, and fails
//! a whole process on a name that is not UTF-8.

use rustix::fs::{AtFlags, Mode, OFlags, RawDir, openat, readlinkat_raw, statat};
use rustix::io::Errno;
use std::ffi::CStr;
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// Room for a batch of directory entries, getdents64(2).
pub const ENTRIES_LEN: usize = 64 * 1024;

/// An open directory.
#[derive(Debug)]
pub struct Dir(OwnedFd);

impl Dir {
    /// Opens `path`.
    ///
    /// # Errors
    /// As open(2).
    pub fn open(path: &Path) -> Result<Self, Errno> {
        open(rustix::fs::CWD, path, OFlags::DIRECTORY).map(Self)
    }

    /// Opens a directory below this one.
    ///
    /// # Errors
    /// As openat(2); `ENOENT` and `ESRCH` mean that the process is gone, `EACCES` that it is not ours to see.
    pub fn dir<P: rustix::path::Arg>(&self, path: P) -> Result<Self, Errno> {
        open(self.0.as_fd(), path, OFlags::DIRECTORY).map(Self)
    }

    /// Calls `each` with the name of every entry but `.` and `..`, using `buffer` for the names. Once for each handle: afterwards it
    /// stands at the end.
    ///
    /// # Errors
    /// As getdents64(2).
    pub fn entries(
        &self,
        buffer: &mut [MaybeUninit<u8>],
        mut each: impl FnMut(&CStr),
    ) -> Result<(), Errno> {
        let mut entries = RawDir::new(&self.0, buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            if name != c"." && name != c".." {
                each(name);
            }
        }
        Ok(())
    }

    /// The target of a link, as far as it fits into `buffer`.
    ///
    /// # Errors
    /// As readlinkat(2).
    pub fn link<'b>(
        &self,
        name: &CStr,
        buffer: &'b mut [MaybeUninit<u8>],
    ) -> Result<&'b [u8], Errno> {
        let (target, _) = readlinkat_raw(&self.0, name, buffer)?;
        Ok(target)
    }

    /// Opens a file below this directory for reading.
    ///
    /// # Errors
    /// As openat(2).
    pub fn file<P: rustix::path::Arg>(&self, path: P) -> Result<std::fs::File, Errno> {
        open(self.0.as_fd(), path, OFlags::empty()).map(Into::into)
    }

    /// Reads a small file whole, but never more than `limit` bytes.
    ///
    /// # Errors
    /// As openat(2) and read(2).
    pub fn read<P: rustix::path::Arg>(&self, path: P, limit: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.file(path)?.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads one piece of a file into `buffer`: enough for files that fit.
    ///
    /// # Errors
    /// As openat(2) and read(2).
    pub fn read_once<'b, P: rustix::path::Arg>(
        &self,
        path: P,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], Errno> {
        let file = self.file(path)?;
        let length = rustix::io::read(&file, &mut *buffer)?;
        Ok(buffer.get(..length).unwrap_or_default())
    }

    /// The inode number of something below this directory.
    ///
    /// # Errors
    /// As fstatat(2).
    pub fn inode<P: rustix::path::Arg>(&self, path: P) -> Result<u64, Errno> {
        let stat = statat(&self.0, path, AtFlags::empty())?;
        #[allow(
            clippy::useless_conversion,
            reason = "the width differs between architectures"
        )]
        Ok(stat.st_ino.into())
    }

    /// The size of something below this directory.
    ///
    /// # Errors
    /// As fstatat(2).
    pub fn size<P: rustix::path::Arg>(&self, path: P) -> Result<u64, Errno> {
        let stat = statat(&self.0, path, AtFlags::empty())?;
        Ok(u64::try_from(stat.st_size).unwrap_or_default())
    }

    /// The number of links to something below this directory. For /proc/PID/task it is two more than there are threads.
    ///
    /// # Errors
    /// As fstatat(2).
    pub fn links<P: rustix::path::Arg>(&self, path: P) -> Result<u64, Errno> {
        let stat = statat(&self.0, path, AtFlags::empty())?;
        // The width of the field differs between architectures.
        #[allow(clippy::useless_conversion, clippy::unnecessary_cast)]
        Ok(stat.st_nlink as u64)
    }
}

fn open<P: rustix::path::Arg>(base: impl AsFd, path: P, extra: OFlags) -> Result<OwnedFd, Errno> {
    openat(
        base,
        path,
        OFlags::RDONLY | OFlags::CLOEXEC | extra,
        Mode::empty(),
    )
}
