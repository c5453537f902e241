//! Details that the kernel at hand never sends, or not of this length: `ss` reads them from a file (`TCPDIAG_FILE`), and every value that
//! it shows is the one that portctl reads from the same file.

use crate::portctl::{Run, Socket};
use crate::scene::dump::{Record, attribute, file_with_attributes};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// What `ss` prints of all rows, and its lines.
fn of_ss(path: &Path) -> (String, Vec<String>) {
    let output = Command::new("ss")
        .args(["-H", "-O", "-n", "-t", "-a", "-i", "-m", "-e"])
        .env("TCPDIAG_FILE", path)
        .env_remove("COLUMNS")
        .output()
        .expect("ss of iproute2 is needed");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    let rows = said.lines().filter(|line| line.contains(" sk:"));
    let rows = rows.map(str::to_owned).collect();
    (said, rows)
}

fn record(number: u32) -> Record {
    Record {
        state: 1,
        local: format!("10.0.0.1:{}", 1000 + number).parse().unwrap(),
        peer: "10.0.0.2:443".parse().unwrap(),
        queues: (0, 0),
        uid: 0,
        inode: number,
        cookie: number.into(),
    }
}

/// The rows of both programs for these attributes, in the order of the attributes.
fn both(attributes: &[Vec<u8>]) -> (String, Vec<(String, Socket)>) {
    let rows: Vec<_> = (1..).map(record).zip(attributes.iter().cloned()).collect();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dump");
    std::fs::write(&path, file_with_attributes(&rows)).unwrap();
    let (said, lines) = of_ss(&path);
    let run = Run::new("ls -t -a -i -m --json --from").arg(&path).go();
    let document = run.exits(0).document_whatever_status();
    let pairs = rows.iter().map(|(record, _)| {
        let port = format!(":{} ", record.local.port());
        let line = lines.iter().find(|line| line.contains(&port)).unwrap();
        let inode = Some(record.inode.into());
        let ours = document.sockets.iter().find(|s| s.inode == inode).unwrap();
        (format!("{line} "), ours.clone())
    });
    (said, pairs.collect())
}

/// What stands behind `name` in a line, up to a blank.
fn behind<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let rest = line.split_once(&format!(" {name}"))?.1;
    rest.split_once(' ').map(|(value, _)| value)
}

/// Numbers from 1 to 999 999, the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 40) as u32 % 999_999 + 1
    }
}

/// Name in ss, name in JSON, and how many of the one are one of the other.
const PLAIN: [(&str, &str, u64); 36] = [
    ("rto:", "rto_us", 1000),
    ("backoff:", "backoff", 1),
    ("ato:", "ato_us", 1000),
    ("mss:", "snd_mss", 1),
    ("pmtu:", "pmtu", 1),
    ("rcvmss:", "rcv_mss", 1),
    ("advmss:", "advmss", 1),
    ("cwnd:", "snd_cwnd", 1),
    ("ssthresh:", "snd_ssthresh", 1),
    ("bytes_sent:", "bytes_sent", 1),
    ("bytes_retrans:", "bytes_retrans", 1),
    ("bytes_acked:", "bytes_acked", 1),
    ("bytes_received:", "bytes_received", 1),
    ("segs_out:", "segs_out", 1),
    ("segs_in:", "segs_in", 1),
    ("data_segs_out:", "data_segs_out", 1),
    ("data_segs_in:", "data_segs_in", 1),
    ("lastsnd:", "last_data_sent_ms", 1),
    ("lastrcv:", "last_data_recv_ms", 1),
    ("lastack:", "last_ack_recv_ms", 1),
    ("delivered:", "delivered", 1),
    ("delivered_ce:", "delivered_ce", 1),
    ("unacked:", "unacked", 1),
    ("lost:", "lost", 1),
    ("sacked:", "sacked", 1),
    ("dsack_dups:", "dsack_dups", 1),
    ("fackets:", "fackets", 1),
    ("reordering:", "reordering", 1),
    ("reord_seen:", "reord_seen", 1),
    ("rcv_rtt:", "rcv_rtt_us", 1000),
    ("rcv_space:", "rcv_space", 1),
    ("rcv_ssthresh:", "rcv_ssthresh", 1),
    ("notsent:", "notsent_bytes", 1),
    ("minrtt:", "min_rtt_us", 1000),
    ("rcv_ooopack:", "rcv_ooopack", 1),
    ("snd_wnd:", "snd_wnd", 1),
];

/// A number as ss writes it: a decimal fraction of `unit`.
fn same(theirs: &str, ours: &Value, unit: u64) -> bool {
    let theirs: f64 = theirs.parse().unwrap();
    let ours = ours.as_u64().unwrap() as f64 / unit as f64;
    // ss rounds to six digits.
    (theirs - ours).abs() <= ours * 5e-6
}

#[test]
#[ignore = "needs ss of iproute2"]
fn counters_of_every_length_are_those_that_ss_reads() {
    // Those of Linux 2.6 to 7.0.
    let lengths = [
        104, 120, 136, 144, 160, 168, 192, 200, 208, 216, 224, 232, 240, 248, 280,
    ];
    let mut numbers = Numbers(42);
    let attributes: Vec<_> = lengths
        .iter()
        .cycle()
        .take(60)
        .map(|&length| {
            let mut info: Vec<u8> = (0..70).flat_map(|_| numbers.next().to_ne_bytes()).collect();
            // Numbers of 64 bits have little in their upper half, so that eightfold they are still exact.
            for at in (104..136).chain(160..192).chain(200..216).step_by(8) {
                let wide = u64::from(numbers.next()) << 12 | 1;
                info[at..at + 8].copy_from_slice(&wide.to_ne_bytes());
            }
            info[0] = 1;
            info[72..76].copy_from_slice(&(numbers.next() % 60_000).to_ne_bytes());
            info[76..80].copy_from_slice(&(numbers.next() % 60_000).to_ne_bytes());
            info.truncate(length);
            let cubic = attribute(4, b"cubic\0");
            [attribute(2, &info), cubic].concat()
        })
        .collect();
    let mut compared = BTreeSet::new();
    for (line, ours) in both(&attributes).1 {
        let tcp = ours.tcp.unwrap();
        for (theirs, name, unit) in PLAIN {
            if let Some(value) = behind(&line, theirs) {
                assert!(
                    same(value, &tcp[name], unit),
                    "{name} {}: {line}",
                    tcp[name]
                );
                compared.insert(name);
            }
        }
        assert!(line.contains(" cubic ") && tcp["congestion"] == "cubic");
        let rtt = behind(&line, "rtt:").unwrap().split_once('/').unwrap();
        assert!(same(rtt.0, &tcp["rtt_us"], 1000), "{line}");
        assert!(same(rtt.1, &tcp["rttvar_us"], 1000), "{line}");
        let retrans = behind(&line, "retrans:").unwrap().split_once('/').unwrap();
        assert!(same(retrans.0, &tcp["retrans"], 1), "{line}");
        assert!(same(retrans.1, &tcp["total_retrans"], 1), "{line}");
        if let Some(rates) = behind(&line, "pacing_rate ") {
            let (rate, most) = rates.split_once('/').unwrap();
            for (theirs, name) in [
                (rate, "pacing_rate_bytes_per_s"),
                (most, "max_pacing_rate_bytes_per_s"),
            ] {
                let bits: u64 = theirs.strip_suffix("bps").unwrap().parse().unwrap();
                assert_eq!(tcp[name], bits / 8, "{line}");
            }
            compared.insert("pacing_rate_bytes_per_s");
        }
        if let Some(rate) = behind(&line, "delivery_rate ") {
            let bits: u64 = rate.strip_suffix("bps").unwrap().parse().unwrap();
            assert_eq!(tcp["delivery_rate_bytes_per_s"], bits / 8, "{line}");
            compared.insert("delivery_rate_bytes_per_s");
        }
        for (theirs, name) in [
            ("busy:", "busy_time_us"),
            ("rwnd_limited:", "rwnd_limited_us"),
            ("sndbuf_limited:", "sndbuf_limited_us"),
        ] {
            if let Some(time) = behind(&line, theirs) {
                let ms: u64 = time.split_once("ms").unwrap().0.parse().unwrap();
                assert_eq!(tcp[name].as_u64().unwrap() / 1000, ms, "{name}: {line}");
                compared.insert(name);
            }
        }
        if let Some(scales) = behind(&line, "wscale:") {
            let ours = format!("{},{}", tcp["snd_wscale"], tcp["rcv_wscale"]);
            assert_eq!(scales, ours, "{line}");
            compared.insert("snd_wscale");
        }
        let options: Vec<String> =
            serde_json::from_value(tcp["options"].clone()).unwrap_or_default();
        for (theirs, name) in [(" ts ", "timestamps"), (" sack ", "sack"), (" ecn ", "ecn")] {
            let has = options.iter().any(|option| option == name);
            assert_eq!(line.contains(theirs), has, "{name}: {line}");
        }
    }
    // Whatever there is to compare was compared at least once.
    assert_eq!(compared.len(), PLAIN.len() + 6, "{compared:?}");
}

#[test]
#[ignore = "needs ss of iproute2"]
fn congestion_controls_memory_tls_and_keys_are_those_that_ss_reads() {
    let words = |words: &[u32]| -> Vec<u8> { words.iter().flat_map(|w| w.to_ne_bytes()).collect() };
    let mut info = vec![0; 232];
    info[0] = 1;
    let with = |more: Vec<u8>| [attribute(2, &info), more].concat();
    let tls = |version: u16, cipher: u16| {
        let nested = [
            attribute(1, &version.to_ne_bytes()),
            attribute(2, &cipher.to_ne_bytes()),
            attribute(3, &2u16.to_ne_bytes()),
            attribute(4, &3u16.to_ne_bytes()),
        ];
        let ulp = [attribute(1, b"tls\0"), attribute(2, &nested.concat())];
        with(attribute(19, &ulp.concat()))
    };
    let mut key = vec![2, 24, 6, 0, 10, 1, 2, 0];
    key[2..4].copy_from_slice(&6u16.to_ne_bytes());
    key.extend([0; 12]);
    key.extend(*b"secret");
    key.resize(100, 0);
    let dctcp = |enabled: u32| with(attribute(9, &words(&[enabled | 1 << 16, 512, 100, 1000])));
    let (said, rows) = both(&[
        with(attribute(16, &words(&[12_500_000, 0, 3_900, 739, 512]))),
        dctcp(1),
        dctcp(0),
        with(attribute(7, &words(&[1, 2, 3, 4, 5, 6, 7, 8, 9]))),
        // Before Linux 4.7, without drops.
        with(attribute(7, &words(&[11, 12, 13, 14, 15, 16, 17, 18]))),
        tls(0x0303, 51),
        tls(0x0304, 52),
        with(attribute(18, &key)),
    ]);
    let [bbr, dctcp, fallback, full, old, tls12, tls13, md5] = &rows[..] else {
        panic!("eight rows")
    };
    let tcp = |row: &(String, Socket)| row.1.tcp.clone().unwrap();

    let said_bbr = behind(&bbr.0, "bbr:").unwrap();
    assert_eq!(
        said_bbr,
        "(bw:100000000bps,mrtt:3.9,pacing_gain:2.88672,cwnd_gain:2)"
    );
    let ours = &tcp(bbr)["bbr"];
    assert_eq!(ours["bw_bytes_per_s"], 100_000_000 / 8);
    assert_eq!(ours["min_rtt_us"], 3_900);
    assert_eq!(
        (&ours["pacing_gain"], &ours["cwnd_gain"]),
        (&json!(2.886_718_75), &json!(2))
    );

    let ours = &tcp(dctcp)["dctcp"];
    let as_ss = format!(
        "(ce_state:{},alpha:{},ab_ecn:{},ab_tot:{})",
        ours["ce_state"], ours["alpha"], ours["ab_ecn"], ours["ab_tot"]
    );
    assert_eq!(behind(&dctcp.0, "dctcp:"), Some(as_ss.as_str()));
    assert_eq!(ours["enabled"], true);
    assert_eq!(behind(&fallback.0, "dctcp:"), Some("fallback_mode"));
    assert_eq!(tcp(fallback)["dctcp"]["enabled"], false);

    let of = |row: &(String, Socket), names: &[(&str, &str)]| {
        let memory = row.1.memory.clone().unwrap();
        let parts: Vec<_> = names
            .iter()
            .map(|(short, name)| format!("{short}{}", memory[*name]))
            .collect();
        (format!("({})", parts.join(",")), memory)
    };
    let names = [
        ("r", "rmem_alloc"),
        ("rb", "rcvbuf"),
        ("t", "wmem_alloc"),
        ("tb", "sndbuf"),
        ("f", "fwd_alloc"),
        ("w", "wmem_queued"),
        ("o", "optmem"),
        ("bl", "backlog"),
        ("d", "drops"),
    ];
    assert_eq!(behind(&full.0, "skmem:"), Some(of(full, &names).0.as_str()));
    let (as_ss, memory) = of(old, &names[..8]);
    let theirs = behind(&old.0, "skmem:").unwrap();
    assert!(theirs.starts_with(as_ss.trim_end_matches(')')), "{theirs}");
    assert_eq!(memory["drops"], Value::Null, "what was not sent is unknown");

    for (row, version, cipher) in [(tls12, "1.2", "aes-gcm-128"), (tls13, "1.3", "aes-gcm-256")] {
        assert!(row.0.contains(" tcp-ulp-tls "), "{}", row.0);
        for (theirs, expected) in [("version: ", version), ("cipher: ", cipher)] {
            assert_eq!(behind(&row.0, theirs), Some(expected), "{}", row.0);
        }
        let ours = &tcp(row)["tls"];
        assert_eq!(
            (&ours["version"], &ours["cipher"]),
            (&json!(version), &json!(cipher))
        );
        assert_eq!(behind(&row.0, "txconf: "), Some("sw"));
        assert_eq!(behind(&row.0, "rxconf: "), Some("hw"));
        assert_eq!(
            (&ours["txconf"], &ours["rxconf"]),
            (&json!("software"), &json!("hardware"))
        );
    }
    // ss of some versions prints keys before all rows. portctl does not print keys at all.
    assert!(md5.0.contains(" md5keys:10.1.2.0/24="), "{}", md5.0);
    assert!(said.contains("secret"), "{said}");
    assert_eq!(
        tcp(md5)["md5_keys"],
        json!([{"address": "10.1.2.0", "prefix_length": 24, "key_length": 6}])
    );
}
