//! Names of bits, the lowest first; all as the kernel's headers have them, in lower case.

/// `TCPI_OPT_*` of `linux/tcp.h`.
pub const TCP_OPTIONS: &[&str] = &[
    "timestamps",
    "sack",
    "wscale",
    "ecn",
    "ecn_seen",
    "syn_data",
    "usec_ts",
    "tfo_child",
];

/// `TCP_ACCECN_*_FAIL_*` of `linux/tcp.h`: what went wrong with Accurate ECN.
pub const ACCECN_FAILURES: &[&str] = &[
    "ace_fail_send",
    "ace_fail_recv",
    "opt_fail_send",
    "opt_fail_recv",
];

/// `struct inet_diag_sockopt` of `linux/inet_diag.h`.
pub const SOCKET_OPTIONS: &[&str] = &[
    "recverr",
    "is_icsk",
    "freebind",
    "hdrincl",
    "mc_loop",
    "transparent",
    "mc_all",
    "nodefrag",
    "bind_address_no_port",
    "recverr_rfc4884",
    "defer_connect",
];

/// `MPTCP_SUBFLOW_FLAG_*` of `linux/mptcp.h`.
pub const MPTCP_FLAGS: &[&str] = &[
    "mcap_rem",
    "mcap_loc",
    "join_rem",
    "join_loc",
    "bkup_rem",
    "bkup_loc",
    "fully_established",
    "connected",
    "mapvalid",
];
