//! The dump loop and the choice of sources, with made-up answers.

use super::socket_details::Wanted;
use super::*;
use crate::model::{Condition, Conditions, DetailSet, Kinds, Socket, TableSet};
use crate::sys::netlink::Datagrams;
use crate::wire::nlmsg;
use std::collections::VecDeque;
use std::io;

const PORT: u32 = 77;

/// Plays back datagrams; every request gets the next script.
struct Script(VecDeque<Vec<u8>>);

impl Datagrams for Script {
    fn send(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let datagram = self
            .0
            .pop_front()
            .ok_or_else(|| io::Error::new(io::ErrorKind::TimedOut, "silence"))?;
        buffer[..datagram.len()].copy_from_slice(&datagram);
        Ok(datagram.len())
    }

    fn port(&self) -> u32 {
        PORT
    }
}

fn message(kind: u16, flags: u16, sequence: u32, port: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend((16 + payload.len() as u32).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend(port.to_ne_bytes());
    bytes.extend(payload);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn socket(sequence: u32, inode: u32) -> Vec<u8> {
    let mut record = vec![2, 1, 0, 0];
    record.extend([0; 64]);
    record.extend(inode.to_ne_bytes());
    message(20, 2, sequence, PORT, &record)
}

fn done(sequence: u32, status: i32) -> Vec<u8> {
    message(nlmsg::DONE, 2, sequence, PORT, &status.to_ne_bytes())
}

/// A second source that always delivers one row.
struct OneRow;

impl Source for OneRow {
    fn kind(&self) -> SourceKind {
        SourceKind::Proc
    }

    fn dump(
        &mut self,
        _: &[Table],
        _: StateSet,
        _: &Condition,
        take: &mut source::TakeRow<'_>,
    ) -> Result<DumpStats, SourceError> {
        let payload = &socket(0, 1000)[16..];
        let row = lower::inet_payload(payload, Protocol::Udp, Wanted::NOTHING);
        let _ = take(&mut row.unwrap());
        Ok(DumpStats::default())
    }
}

struct Rows {
    sockets: Vec<Socket>,
    fixed: bool,
}

impl Sink for Rows {
    fn push(&mut self, socket: &mut Socket) -> ControlFlow<()> {
        self.sockets.push(socket.take());
        ControlFlow::Continue(())
    }

    fn mark(&mut self) -> usize {
        self.sockets.len()
    }

    fn take_back(&mut self, mark: usize) -> bool {
        if self.fixed {
            return self.sockets.len() == mark;
        }
        self.sockets.truncate(mark);
        true
    }
}

/// Collects UDP over IPv4 from scripted netlink sockets (one script a try), with [`OneRow`] behind them.
fn collect_udp(scripts: Vec<Vec<Vec<u8>>>, streaming: bool) -> (Vec<u64>, Collected) {
    let table = Table::new(Protocol::Udp, Family::Inet);
    collect_tables(&[table], scripts, streaming)
}

fn collect_tables(
    tables: &[Table],
    scripts: Vec<Vec<Vec<u8>>>,
    streaming: bool,
) -> (Vec<u64>, Collected) {
    collect_chosen(tables, Condition::Anything, scripts, streaming)
}

fn collect_chosen(
    tables: &[Table],
    udp: Condition,
    scripts: Vec<Vec<Vec<u8>>>,
    streaming: bool,
) -> (Vec<u64>, Collected) {
    let tables: TableSet = tables.iter().copied().collect();
    let query = Query {
        tables,
        named: tables,
        everything: false,
        states: crate::model::StateMasks::same(StateSet::ALL),
        kinds: Kinds::ALL,
        conditions: Conditions {
            udp,
            ..Conditions::default()
        },
        owners: false,
        details: DetailSet::NONE,
        bpf_maps: Vec::new(),
        source: SourceChoice::Auto,
    };
    let mut rows = Rows {
        sockets: Vec::new(),
        fixed: streaming,
    };
    let mut scripts = scripts.into_iter();
    let mut netlink = diag::DiagSource::new(
        || Ok(Script(scripts.next().unwrap_or_default().into())),
        Wanted::NOTHING,
        None,
    );
    let mut collector = Collector {
        query: &query,
        sink: &mut rows,
        collected: Collected::default(),
    };
    collector.live(Some(&mut netlink), Some(&mut OneRow));
    let collected = collector.collected;
    let inodes = rows
        .sockets
        .iter()
        .map(|s| s.inode.map_or(0, |i| i.0.get()))
        .collect();
    (inodes, collected)
}

#[test]
fn a_dump_over_several_datagrams_is_one_table() {
    let script = vec![
        socket(1, 5),
        [socket(1, 6), socket(1, 7)].concat(),
        done(1, 0),
    ];
    let (inodes, collected) = collect_udp(vec![script], false);
    assert_eq!(inodes, [5, 6, 7]);
    assert_eq!(collected.tables[0].source, SourceKind::Netlink);
    assert_eq!(collected.tables[0].records, 3);
    assert!(collected.notices.is_empty());
}

#[test]
fn an_error_inside_the_end_message_is_a_failure() {
    let (inodes, collected) = collect_udp(vec![vec![socket(1, 5), done(1, -2)]], false);
    assert_eq!(inodes, [1000], "the row before the failure is taken back");
    assert!(matches!(
        collected.notices[..],
        [Notice::FellBack { asked: true, .. }]
    ));
}

#[test]
fn an_error_message_a_cut_message_and_silence_fall_back_too() {
    let error = message(nlmsg::ERROR, 0, 1, PORT, &(-22i32).to_ne_bytes());
    let mut cut = socket(1, 5);
    cut.truncate(40);
    for script in [vec![error], vec![socket(1, 4), cut], vec![socket(1, 5)]] {
        let (inodes, collected) = collect_udp(vec![script], false);
        assert_eq!(inodes, [1000]);
        assert_eq!(collected.tables.len(), 1);
        assert_eq!(collected.tables[0].source, SourceKind::Proc);
    }
}

#[test]
fn answers_to_others_are_not_ours() {
    let mut foreign = socket(1, 8);
    foreign[12..16].copy_from_slice(&99u32.to_ne_bytes());
    let script = vec![socket(9, 7), foreign, socket(1, 5), done(9, -2), done(1, 0)];
    let (inodes, _) = collect_udp(vec![script], false);
    assert_eq!(inodes, [5]);
}

#[test]
fn an_odd_record_is_counted_and_the_rest_kept() {
    let odd = message(20, 2, 1, PORT, &[2, 1, 0]);
    let (inodes, collected) = collect_udp(vec![vec![odd, socket(1, 5), done(1, 0)]], false);
    assert_eq!(inodes, [5]);
    assert_eq!(collected.tables[0].skipped, 1);
    assert!(matches!(
        collected.notices[..],
        [Notice::Undecodable { count: 1, .. }]
    ));
}

#[test]
fn an_interrupted_dump_is_read_again_then_kept_with_a_notice() {
    let interrupted = |sequence| {
        let mut end = done(sequence, 0);
        end[6] |= 0x10;
        vec![socket(sequence, 10 + sequence), end]
    };
    let (inodes, collected) =
        collect_udp(vec![interrupted(1), vec![socket(2, 6), done(2, 0)]], false);
    assert_eq!(inodes, [6]);
    assert!(collected.notices.is_empty());

    let (inodes, collected) = collect_udp((1..=3).map(interrupted).collect(), false);
    assert_eq!(inodes, [13]);
    assert!(matches!(
        collected.notices[..],
        [Notice::Interrupted { .. }]
    ));
}

#[test]
fn rows_that_are_out_are_never_followed_by_another_source() {
    let (inodes, collected) = collect_udp(vec![vec![socket(1, 5), done(1, -2)]], true);
    assert_eq!(inodes, [5]);
    assert!(matches!(collected.notices[..], [Notice::Broken { .. }]));

    let (inodes, _) = collect_udp(vec![vec![done(1, -2)]], true);
    assert_eq!(inodes, [1000], "nothing was out yet");
}

#[test]
fn a_pass_over_both_families_that_breaks_is_not_read_again_once_rows_are_out() {
    let both = [
        Table::new(Protocol::Tcp, Family::Inet),
        Table::new(Protocol::Tcp, Family::Inet6),
    ];
    let whole = |sequence| vec![socket(sequence, 41), done(sequence, 0)];
    let broken = vec![socket(1, 41), done(1, -22)];
    let scripts = vec![broken, whole(2), whole(3)];
    let (inodes, collected) = collect_tables(&both, scripts.clone(), true);
    assert_eq!(inodes, [41]);
    assert!(matches!(
        collected.notices[..],
        [Notice::Broken { .. }, Notice::Broken { .. }]
    ));

    // What can be taken back is asked for again, one family at a time.
    let (inodes, collected) = collect_tables(&both, scripts, false);
    assert_eq!(inodes, [41, 41], "one for each family's own dump");
    assert!(collected.notices.is_empty());
}

#[test]
fn a_saved_dump_is_read_past_its_end_markers() {
    let mut file = [socket(3, 5), done(3, 0), socket(3, 6), done(3, 0)].concat();
    let read = |file: &[u8]| {
        let mut source = dump::DumpSource::new(
            "x".to_owned(),
            Box::new(io::Cursor::new(file.to_vec())),
            DetailSet::NONE,
        );
        let mut inodes = Vec::new();
        let result = source.dump(
            &[Table::new(Protocol::Tcp, Family::Inet)],
            StateSet::ALL,
            &Condition::Anything,
            &mut |socket| {
                inodes.push(socket.inode.map_or(0, |i| i.0.get()));
                ControlFlow::Continue(())
            },
        );
        (inodes, result)
    };
    let (inodes, result) = read(&file);
    assert_eq!(inodes, [5, 6]);
    assert!(result.is_ok());

    for length in 0..file.len() {
        let (inodes, result) = read(&file[..length]);
        assert!(inodes.len() <= 2);
        assert_eq!(result.is_ok(), length == 108, "cut at {length}");
    }
    for position in 0..file.len() {
        file[position] ^= 0xff;
        let _ = read(&file);
        file[position] ^= 0xff;
    }
}

#[test]
fn a_kernel_that_refuses_a_condition_is_asked_for_everything() {
    let table = Table::new(Protocol::Udp, Family::Inet);
    let refusal = |sequence| {
        let status = (-22i32).to_ne_bytes();
        vec![message(
            nlmsg::ERROR,
            0,
            sequence,
            PORT,
            &[&status[..], &[0; 16]].concat(),
        )]
    };
    let all = |sequence| vec![[socket(sequence, 5), done(sequence, 0)].concat()];
    // The whole condition, then its ports, then none of it.
    let condition = Condition::all([
        Condition::Interface(1),
        Condition::Port {
            side: crate::model::Side::Peer,
            from: 1,
            to: 1,
        },
    ]);
    let (inodes, collected) = collect_chosen(
        &[table],
        condition.clone(),
        vec![refusal(1), refusal(2), all(3)],
        true,
    );
    assert_eq!(inodes, [5]);
    let [Notice::NotChosen { reason, .. }] = &collected.notices[..] else {
        panic!("{:?}", collected.notices)
    };
    assert!(reason.contains("Invalid argument"), "{reason}");
    assert!(collected.notices[0].is_detail());
    let (inodes, _) = collect_chosen(&[table], condition.clone(), vec![refusal(1), all(2)], true);
    assert_eq!(inodes, [5]);
    // Rows that came before it failed would come twice.
    let broken = vec![[socket(1, 5), done(1, -12)].concat()];
    let (inodes, _) = collect_chosen(&[table], condition, vec![broken, all(2)], false);
    assert_eq!(inodes, [1000], "from the other source");
}
