//! System calls: what this program asks of the operating system, one file per kind of question.
//!
//! Nothing here decodes what comes back, and nothing here knows the model.

pub mod bind;
pub mod bpf;
pub mod caller;
pub mod capabilities;
pub mod connect;
pub mod connected;
pub mod hosts;
pub mod kcmp;
pub mod kernel;
pub mod namespace;
pub mod netlink;
pub mod pidfd;
pub mod port_probe;
pub mod proc_root;
pub mod process;
pub mod stdout;
pub mod sysctl;
pub mod terminal;
pub mod users;

/// The release of the kernel, as its first two numbers; uname(2).
#[must_use]
pub fn kernel_release() -> Option<(u32, u32)> {
    let name = rustix::system::uname();
    let mut numbers = name
        .release()
        .to_str()
        .ok()?
        .split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}
