//! Lines of /proc/net files and of files below /proc/PID, and small netlink messages.
#![no_main]
use libfuzzer_sys::fuzz_target;
use portctl::wire::{
    cgroup, counters, ifaddr, nfsd, pid, pid_stat, proc_net, proc_protocols, proc_sctp, proc_sockets,
    unix_vfs,
};

fuzz_target!(|bytes: &[u8]| {
    let _ = proc_net::inet_line(bytes);
    let _ = (proc_sockets::packet_line(bytes), proc_sockets::netlink_line(bytes));
    let _ = (proc_sctp::endpoint(bytes), proc_sctp::association(bytes));
    let _ = proc_protocols::sockets_of(bytes, "TCP");
    let (rows, _) = proc_net::unix_rows(bytes);
    let names: usize = rows.iter().map(|row| row.name.len()).sum();
    assert!(names <= bytes.len());
    let _ = (nfsd::ports(bytes).count(), cgroup::unit_of(bytes), pid::file_info(bytes));
    let _ = (cgroup::membership(bytes), pid_stat::origin(bytes), pid_stat::arguments(bytes));
    let _ = (counters::open_files_limit(bytes), counters::descriptor_table_size(bytes));
    let text = String::from_utf8_lossy(bytes);
    let _ = (counters::netstat(&text, "TcpExt", "a"), counters::sockstat(&text, "TCP", "tw"));
    let _ = (counters::conntrack(&text, "drop"), counters::numbers(&text));
    let _ = (ifaddr::AddressRecord::decode(bytes), unix_vfs::BoundFile::decode(bytes));
    let _ = (pid::socket_inode(bytes), pid::id(bytes), pid::stat_state(bytes), pid::status_effective_uid(bytes));
});
