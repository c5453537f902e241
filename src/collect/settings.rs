//! The settings of this network namespace that decide about local ports.

use super::limits;
use crate::model::{AllocationSettings, KernelRelease, TwReuse};
use crate::sys;
use crate::wire::sysctl;

/// How old a TIME_WAIT is at most when it may be taken over, on kernels without `tcp_tw_reuse_delay`: they compare whole
/// seconds, which makes it one to two.
const DELAY_BEFORE_6_14_MS: u32 = 2000;

/// Reads them; each is that of the calling thread's network namespace.
///
/// # Errors
/// In words, why the range of local ports cannot be read: nothing can be said without it.
pub fn allocation() -> Result<AllocationSettings, String> {
    let Some(ports) = limits::ephemeral_ports() else {
        let name = "net/ipv4/ip_local_port_range";
        let path = format!("/proc/sys/{name}");
        return Err(match sys::sysctl::read(name) {
            Ok(_) => format!("{path} does not hold two numbers"),
            Err(error) => format!("{path} cannot be read: {}", plain(&error)),
        });
    };
    let number = |name: &str| {
        let text = sys::sysctl::read(&format!("net/ipv4/{name}")).ok()?;
        sysctl::number(&text)
    };
    Ok(AllocationSettings {
        kernel: kernel(),
        ports,
        tw_reuse: number("tcp_tw_reuse").and_then(TwReuse::from_number),
        tw_reuse_delay_ms: number("tcp_tw_reuse_delay").unwrap_or(DELAY_BEFORE_6_14_MS),
        timestamps: number("tcp_timestamps").map(|n| n != 0),
        // A kernel without the setting (before 5.7) never shares.
        autobind_reuse: Some(number("ip_autobind_reuse").unwrap_or(0) != 0),
    })
}

/// The names of what can control the congestion of TCP now; modules that are not loaded are not among them.
#[must_use]
pub fn congestion_controls() -> Vec<String> {
    let name = "net/ipv4/tcp_available_congestion_control";
    let text = sys::sysctl::read(name).unwrap_or_default();
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

/// The running kernel.
pub(super) fn kernel() -> Option<KernelRelease> {
    sys::kernel::release().map(|(major, minor, patch)| KernelRelease::new(major, minor, patch))
}

/// The words of an error without Rust's "(os error N)".
pub(super) fn plain(error: &std::io::Error) -> String {
    error.raw_os_error().map_or_else(
        || error.to_string(),
        |errno| nix::errno::Errno::from_raw(errno).desc().to_owned(),
    )
}
