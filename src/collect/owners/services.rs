//! Ports that parts of the kernel listen on by themselves, as far as files tell: the NFS server, its lock manager, and targets of iSCSI
//! and NVMe over TCP.

use crate::model::{Protocol, Socket, Uid};
use crate::sys::{proc_root::Dir, sysctl};
use crate::wire::nfsd::{self, ServerPort};
use rustc_hash::FxHashSet;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

/// More of the list of the NFS server's ports than this is not read.
const PORTLIST_LEN: u64 = 64 * 1024;
/// Where configfs is mounted, `Documentation/filesystems/configfs.rst` of Linux.
const CONFIGFS: &str = "/sys/kernel/config";

/// Where parts of the kernel listen.
#[derive(Debug, Default)]
pub(super) struct Services {
    ports: FxHashSet<ServerPort>,
    targets: Vec<SocketAddr>,
}

impl Services {
    /// What files tell of that; nothing if there are none, or only root may read them.
    pub(super) fn read(proc: &Dir) -> Self {
        let nfs = proc
            .read(c"fs/nfsd/portlist", PORTLIST_LEN)
            .unwrap_or_default();
        // Of lockd only a port that was set is known; 0 lets it choose one.
        let lock = |name: &str| {
            let text = sysctl::read(&format!("fs/nfs/{name}")).ok()?;
            text.trim().parse().ok().filter(|port: &u16| *port != 0)
        };
        let mut ports: FxHashSet<_> = nfsd::ports(&nfs).collect();
        ports.extend(lock("nlm_tcpport").map(|port| (true, port)));
        ports.extend(lock("nlm_udpport").map(|port| (false, port)));
        Self {
            ports,
            targets: targets(Path::new(CONFIGFS)),
        }
    }

    /// Whether `socket`, which no process holds, is one of them.
    pub(super) fn have(&self, socket: &Socket) -> bool {
        let Some(ends) = socket.inet() else {
            return false;
        };
        let is_tcp = match socket.protocol {
            Protocol::Tcp => true,
            Protocol::Udp => false,
            _ => return false,
        };
        let here = SocketAddr::new(ends.local, ends.local_port.0);
        self.ports.contains(&(is_tcp, ends.local_port.0))
            || is_tcp && socket.uid == Some(Uid(0)) && self.targets.contains(&here)
    }
}

/// Where targets of iSCSI (`target/iscsi/NAME/tpgt_N/np/ADDRESS:PORT`) and of NVMe (`nvmet/ports/N`) listen.
fn targets(configfs: &Path) -> Vec<SocketAddr> {
    let entries = |path: PathBuf| {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        entries.map(|entry| entry.path())
    };
    let portals = entries(configfs.join("target/iscsi"))
        .flat_map(entries)
        .flat_map(|group| entries(group.join("np")));
    let iscsi = portals.filter_map(|path| path.file_name()?.to_str()?.parse().ok());
    let nvme = entries(configfs.join("nvmet/ports")).filter_map(|port| {
        let text = |name: &str| Some(fs::read_to_string(port.join(name)).ok()?.trim().to_owned());
        let is_tcp = text("addr_trtype")? == "tcp";
        let address: IpAddr = text("addr_traddr")?.parse().ok()?;
        let number = text("addr_trsvcid")?.parse().ok()?;
        is_tcp.then(|| SocketAddr::new(address, number))
    });
    iscsi.chain(nvme).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_from_their_directories() {
        let root = tempfile::tempdir().unwrap();
        let make = |path: &str| fs::create_dir_all(root.path().join(path)).unwrap();
        let group = "target/iscsi/iqn.2003-01.example:disk/tpgt_1";
        for portal in [
            "np/0.0.0.0:3260",
            "np/[::]:3261",
            "np/what",
            "acls/10.0.0.1:1",
        ] {
            make(&format!("{group}/{portal}"));
        }
        for (port, kind) in [("1", "tcp\n"), ("2", "rdma\n")] {
            let port = format!("nvmet/ports/{port}");
            make(&port);
            let write = |name: &str, text: &str| {
                fs::write(root.path().join(&port).join(name), text).unwrap();
            };
            write("addr_trtype", kind);
            write("addr_traddr", "10.0.0.5\n");
            write("addr_trsvcid", "4420\n");
        }
        let mut found = targets(root.path());
        found.sort_unstable();
        let expected = ["0.0.0.0:3260", "10.0.0.5:4420", "[::]:3261"];
        assert_eq!(found, expected.map(|place| place.parse().unwrap()));
        assert!(targets(&root.path().join("nothing")).is_empty());
    }
}
