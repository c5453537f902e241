//! Threads that have a descriptor table of their own.

use nix::sched::{CloneFlags, unshare};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

/// A thread of this process that has copied the descriptor table, and does nothing more until it is dropped.
pub(crate) struct OwnTable {
    /// Its id.
    pub(crate) thread: u32,
    end: Option<(Sender<()>, JoinHandle<()>)>,
}

impl OwnTable {
    /// Starts it; its table has what this thread's has now.
    pub(crate) fn copy() -> Self {
        let (end, wait) = channel::<()>();
        let (tell, started) = channel();
        let handle = std::thread::spawn(move || {
            unshare(CloneFlags::CLONE_FILES).unwrap();
            tell.send(rustix::thread::gettid().as_raw_pid()).unwrap();
            let _ = wait.recv();
        });
        Self {
            thread: started.recv().unwrap().try_into().unwrap(),
            end: Some((end, handle)),
        }
    }
}

impl Drop for OwnTable {
    fn drop(&mut self) {
        if let Some((end, handle)) = self.end.take() {
            drop(end);
            let _ = handle.join();
        }
    }
}
