//! Tests of what is said about filters that make no sense: the place, the message, the hint.

use super::oracle::try_compile;
use super::{ErrorKind, Scope, Span};
use crate::model::TableSet;
use proptest::prelude::*;

/// The marked text, the message and the hint.
fn told(text: &str) -> (String, String, String) {
    let error = match try_compile(text) {
        Err(error) => error,
        Ok(filter) => panic!("{text}: {filter:?}"),
    };
    let (whole, span) = error.location();
    assert_eq!(whole, text);
    let marked = whole[span.range()].to_owned();
    (marked, error.message(), error.hint().unwrap_or_default())
}

/// Checks the marked text, and that message and hint hold the others.
#[track_caller]
fn check(text: &str, marked: &str, message: &str, hint: &str) {
    let (place, said, hinted) = told(text);
    assert_eq!(place, marked, "{text}");
    assert!(said.contains(message), "{text}: {said}");
    assert!(hinted.contains(hint), "{text}: {hinted}");
    assert_eq!(hint.is_empty(), hinted.is_empty(), "{text}: {hinted}");
}

#[test]
fn fields() {
    check(
        "dprot = 443",
        "dprot",
        "there is no field 'dprot'",
        "did you mean 'dport'",
    );
    check(
        "foo sport = 22",
        "foo",
        "there is no field 'foo'",
        "'sport'",
    );
    check("22", "22", "there is no field '22'", "'sport = 22'");
    check(
        "sport = 22 80",
        "80",
        "there is no field '80'",
        "'sport in 22,80'",
    );
    check("listen", "listen", "there is no field", "'state listen'");
    check(
        "10.0.0.1",
        "10.0.0.1",
        "there is no field",
        "'dst 10.0.0.1'",
    );
    check(
        "sport = 22 dprot = 443",
        "dprot",
        "there is no field 'dprot'",
        "did you mean 'dport'",
    );
    check(
        "sport = 22 apples",
        "apples",
        "there is no field 'apples'",
        "'sport'",
    );
}

#[test]
fn operators_of_other_languages() {
    check(
        "process ~ nginx",
        "~",
        "'~' stands where an operator should be",
        "'~' is no operator",
    );
    check(
        "process =~ nginx",
        "=~",
        "'=~' stands where an operator should be",
        "'=~' is no operator",
    );
    check(
        "sport like 22",
        "like",
        "'like' stands where an operator should be",
        "'like' is no operator",
    );
    for (text, place, meant) in [
        ("sport => 22", ">", "'>='"),
        ("sport =< 22", "<", "'<='"),
        ("sport <> 22", ">", "'!='"),
        ("sport === 22", "=", "'='"),
        ("sport !== 22", "=", "'!='"),
    ] {
        let hint = format!("did you mean {meant}?");
        check(text, place, "stands where a value should be", &hint);
    }
}

#[test]
fn fields_by_other_names() {
    check("proc = nginx", "proc", "no field", "did you mean 'process'");
    check("comm = nginx", "comm", "no field", "'process'");
    check("ip = 10.0.0.1", "ip", "no field", "'src'");
    check("tcp", "tcp", "no field", "'protocol = tcp'");
    check("udp and sport = 53", "udp", "no field", "'protocol = udp'");
}

#[test]
fn values_that_are_missing() {
    check(
        "sport",
        "sport",
        "a value is missing after 'sport'",
        "'sport = 22'",
    );
    check(
        "sport =",
        "sport =",
        "a value is missing after 'sport ='",
        "'sport = 22'",
    );
    check(
        "( dport >= )",
        "dport >=",
        "missing after 'dport >='",
        "'dport = 443'",
    );
    check(
        "state",
        "state",
        "missing after 'state'",
        "'state established'",
    );
    check(
        "exclude",
        "exclude",
        "missing after 'exclude'",
        "'state established'",
    );
    check(
        "src and sport = 22",
        "src",
        "missing after 'src'",
        "'src 10.0.0.0/8'",
    );
    check(
        "sport dport = 22",
        "sport",
        "missing after 'sport'",
        "'sport = 22'",
    );
    check(
        "sport = = 22",
        "=",
        "'=' stands where a value should be",
        "",
    );
    check(
        "exclude = listen",
        "=",
        "where the name of a state should be",
        "",
    );
}

#[test]
fn things_out_of_place() {
    let wants = "where a field, 'not' or '(' should be";
    check("= 22", "=", wants, "begin with a field");
    check("and sport = 22", "and", wants, "begin with a field");
    check("sport = 22 or and dport = 1", "and", wants, "");
    check("not", "", "the filter ends where a field, 'not' or '('", "");
    check("sport = 22 and", "", "the filter ends where", "");
    check("state listen and", "", "the filter ends where", "");
    check("( sport = 22 or )", ")", wants, "");
    check(
        "src /tmp/a=b",
        "=",
        "where 'and', 'or' or another condition",
        "put the value in quotes",
    );
    check("state all exclude close or sport = 1", "or", wants, "");
}

#[test]
fn parentheses_and_quotes() {
    check("( sport = 22", "(", "never closed", "add a ')'");
    check("( ( sport = 22 )", "(", "never closed", "add a ')'");
    check("sport = 22 )", ")", "closes nothing", "remove it");
    check("()", "()", "nothing between", "'( sport = 22 )'");
    check(
        "sport = 22 or ( )",
        "( )",
        "nothing between",
        "'( sport = 22 )'",
    );
    check("src 'a b", "'", "this quote is never closed", "backslash");
    check(&"(".repeat(201), "(", "more than 200 parentheses", "");
}

#[test]
fn states() {
    check(
        "state estabished",
        "estabished",
        "there is no state",
        "did you mean 'established'",
    );
    check(
        "sport = 1 state xyzzy",
        "xyzzy",
        "there is no state 'xyzzy'",
        "time-wait",
    );
    check(
        "state new-syn-recv",
        "new-syn-recv",
        "there is no state",
        "'syn-recv'",
    );
    check(
        "sport 1 state > listen",
        ">",
        "'state' cannot be compared with '>'",
        "use '=', '!=' or 'in'",
    );
}

#[test]
fn ports() {
    check(
        "sport = htpps",
        "htpps",
        "'htpps' is neither",
        "did you mean 'https'",
    );
    check(
        "sport = 70000",
        "70000",
        "a port is 0 to 65535",
        "'inode = 70000'",
    );
    check("sport = :70000", "70000", "a port is 0 to 65535", "");
    check("sport = -1", "-1", "a port is 0 to 65535", "");
    check(
        "sport = 99999999999999999999",
        "99999999999999999999",
        "0 to 65535",
        "",
    );
    check("sport = inet:70000", "70000", "a port is 0 to 65535", "");
    check("src 10.0.0.1:70000", "70000", "a port is 0 to 65535", "");
    check(
        "src 10.0.0.1:htpps",
        "htpps",
        "'htpps' is neither",
        "did you mean 'https'",
    );
    check("sport = 08", "08", "'08' is neither", "octal");
    check("sport = ''", "''", "the port is empty", "");
    check("sport = :", "", "the port is empty", "");
    check("sport > *", "*", "'*' is any port", "use '='");
    check("src *foo*", "foo*", "'foo*' is neither", "'unix:foo*'");
}

#[test]
fn addresses() {
    check(
        "dst 10.0.0.0/33",
        "33",
        "'/33' is wrong here: a length is",
        "",
    );
    check(
        "dst 10/255.0.255.0",
        "255.0.255.0",
        "is wrong here: a length is",
        "",
    );
    check("dst 2001:db8::/129", "129", "a length is 0 to 128", "");
    check("dst [::/129]:22", "129", "a length is 0 to 128", "");
    check(
        "dst example.org/24",
        "24",
        "a length only goes with an address",
        "",
    );
    check(
        "dst nosuchhost.invalid",
        "nosuchhost.invalid",
        "has no address: Name or",
        "",
    );
    check(
        "dst nosuchhost.invalid:22",
        "nosuchhost.invalid",
        "has no address",
        "",
    );
    check("dst empty.test", "empty.test", "none was found", "");
    check("dst inet6:one.test", "one.test", "none of family inet6", "");
    check(
        "dst [fe80::1]%eth1:22",
        "eth1",
        "there is no interface 'eth1'",
        "did you mean 'eth0'",
    );
    check("dst %eth0", "", "is not an address", "");
    check(
        "dst = 10.0.0.1,10.0.0.2",
        "10.0.0.1,10.0.0.2",
        "is not an address",
        "dst in 10.0.0.1,10.0.0.2",
    );
    check("dst 1.2.3.4.5", "1.2.3.4.5", "is not an IPv4 address", "");
    check("dst 300.1.1.1", "300.1.1.1", "is not an IPv4 address", "");
    check("dst 1:2:3", "1:2:3", "is not an IPv6 address", "");
    check(
        "dst 10.0.0.1:22/8",
        "10.0.0.1:22/8",
        "is not an IPv6 address",
        "after the length",
    );
    check("dst [::1", "[::1", "']' is missing", "'[::1]:22'");
    check(
        "dst inet6:10.0.0.1",
        "10.0.0.1",
        "is not an IPv6 address or network",
        "",
    );
    check("dst ''", "''", "is not an address", "");
    check("dst run/x*", "run/x*", "is not an address", "'unix:run/x*'");
    check(
        "dst > 10.0.0.1",
        ">",
        "'dst' cannot be compared with '>'",
        "use '=', '!=' or 'in'",
    );
    check("dst link:ipx", "ipx", "a protocol of frames", "");
    check("src link:ip:nic0", "nic0", "nic0", "'ip link' lists");
    check("dst netlink:route", "route", "a netlink protocol", "");
    check("dst netlink:rtnl:x", "x", "a port id", "");
    check("src vsock:host", "host", "a context id", "");
    check("dst tipc:1", "tipc:1", "'tipc:' is no prefix", "");
    check("dst xdp:1", "xdp:1", "'xdp:' is no prefix", "");
}

#[test]
fn numbers_words_and_names() {
    check(
        "pid = nginx",
        "nginx",
        "'nginx' is not a number",
        "'process = nginx'",
    );
    check("uid = app", "app", "'app' is not a number", "'user = app'");
    check("inode = 08", "08", "'08' is not a number", "octal");
    check(
        "recv_queue > 5apples",
        "5apples",
        "ends in no unit that 'recv_queue' has",
        "k, M, G and T",
    );
    check(
        "retransmits > 1k",
        "1k",
        "ends in no unit",
        "it has no unit",
    );
    check(
        "cookie = 0x10000000000000000",
        "0x10000000000000000",
        "is too large a number",
        "",
    );
    check("cookie = 0x", "0x", "0x is followed by", "begins with 0x");
    check("inode = 0xg", "0xg", "not a hexadecimal", "begins with 0x");
    check("mark = 0xzz", "0xzz", "not a hexadecimal", "begins with 0x");
    check("mark = 1f", "1f", "not a decimal", "begins with 0x");
    check("cookie = 1f", "1f", "not a decimal", "begins with 0x");
    check("cookie = ff", "ff", "is not a number", "cookie = 0x1f");
    check("mark = 08", "08", "is not a number", "octal");
    check("uid = 10-5", "10-5", "ends before it begins", "smaller");
    check("sport = 90-80", "90-80", "ends before it begins", "smaller");
    check("sport = 80-70000", "80-70000", "a port is 0 to 65535", "");
    check(
        "sport in 80,htpps,443",
        "htpps",
        "'htpps' is neither",
        "'https'",
    );
    check(
        "protocol = tpc",
        "tpc",
        "'protocol' is never 'tpc'",
        "did you mean 'tcp'",
    );
    check(
        "shutdown = xyz",
        "xyz",
        "is never 'xyz'",
        "none, recv, send or both",
    );
    check(
        "dst is privat",
        "privat",
        "'privat' is nothing that 'dst' can be",
        "did you mean 'private'",
    );
    check(
        "process is vanished",
        "vanished",
        "'vanished' is nothing that 'process' can be",
        "orphan",
    );
    check(
        "dev eth1",
        "eth1",
        "there is no interface 'eth1'",
        "did you mean 'eth0'",
    );
    check(
        "user = rooot",
        "rooot",
        "there is no user 'rooot'",
        "did you mean 'root'",
    );
    check(
        "cgroup = /nope",
        "/nope",
        "no control group '/nope': No such file",
        "cgroup2",
    );
    check("mark = 1/x", "x", "'x' is not a number", "mark = 0x10/0xf0");
    check("mark = 0x100000000", "0x100000000", "too large", "");
    check(
        "user > root",
        ">",
        "'user' cannot be compared with '>'",
        "use '=', '!=' or 'in'",
    );
}

#[test]
fn classes_are_told_where_a_name_is_unknown() {
    check(
        "dst = private",
        "private",
        "has no address",
        "'dst is private'",
    );
    check(
        "sport = ephemeral",
        "ephemeral",
        "neither a port number",
        "'sport is ephemeral'",
    );
    check(
        "dst 10.0.0.1-10.0.0.9",
        "10.0.0.1-10.0.0.9",
        "has no address",
        "'10.0.0.0/28'",
    );
    check("sport in", "sport in", "a value is missing", "'sport = 22'");
    check("sport is", "sport is", "a value is missing", "'sport = 22'");
}

#[test]
fn units_apart_from_their_number() {
    check(
        "rtt > 5 apples",
        "5 apples",
        "'5 apples' ends in no unit that 'rtt' has",
        "us, ms, s",
    );
    check(
        "rtt > 5 ms",
        "ms",
        "there is no field 'ms'",
        "without a blank, as in '5ms'",
    );
    check(
        "send_queue ge 64 K and sport = 22",
        "K",
        "there is no field 'K'",
        "'64K'",
    );
    // A name that is near, or stands where a condition begins, is no unit.
    check("rtt > 5 dprot", "dprot", "no field", "did you mean 'dport'");
    check("rtt > 5 apples = 3", "apples", "no field", "'sport'");
    check("rtt > 5 listen", "listen", "no field", "'state listen'");
    check("rtt > 5 udp", "udp", "no field", "'protocol = udp'");
}

#[test]
fn conditions_written_otherwise() {
    for (text, place, hint) in [
        ("sport = 22 or 80", "80", "'sport in 22,80'"),
        (
            "sport = 22 or 80 or 443 or dport = 1",
            "80",
            "'sport in 22,80,443'",
        ),
        ("sport != 22 and 80", "80", "'sport not in 22,80'"),
        ("user root or daemon", "daemon", "'user in root,daemon'"),
        ("5ms < rtt", "5ms", "'rtt > 5ms'"),
        ("22 = sport", "22", "'sport = 22'"),
        ("rtt between 1ms and 2ms", "1ms", "'rtt in 1ms-2ms'"),
        ("sport = not 22", "sport =", "'sport != 22'"),
        ("sport=!22", "sport=", "'sport != 22'"),
        ("sport not = 22", "sport", "'sport != 22'"),
        ("rtt not > 5ms", "rtt", "'rtt <= 5ms'"),
        ("sport is 22", "22", "'sport = 22'"),
        ("user is not root", "root", "'user != root'"),
        ("process is nginx", "nginx", "'process = nginx'"),
        ("process is hidden", "hidden", "'unknown'"),
        ("timer != none", "none", "'timer is not none'"),
        ("timer = none", "none", "'timer is none'"),
        ("rtt = unknown", "unknown", "'rtt is unknown'"),
        ("sport in 22..80", "22..80", "'22-80'"),
        ("sport 22:80", "22:80", "'22-80'"),
        ("rtt in 1ms..2ms", "1ms..2ms", "'1ms-2ms'"),
        ("sport = 97188711", "97188711", "'inode = 97188711'"),
        ("dport = 97188711", "97188711", "'peer_inode = 97188711'"),
        ("src = '10.0.0.*'", "'10.0.0.*'", "'10.0.0.0/24'"),
        ("src 10.*", "10.*", "'10.0.0.0/8'"),
        ("dst fe80::1%", "", "'fe80::1%eth0'"),
    ] {
        check(text, place, "", hint);
    }
    check("rtt < -5", "-5", "'-5' is below 0", "'rtt");
    check(
        "dst fe80::1%",
        "",
        "the interface after '%' is missing",
        "eth0",
    );
    // Nothing else is meant where a condition of its own follows.
    check(
        "sport = 22 or foo = 3",
        "foo",
        "no field 'foo'",
        "a condition is about",
    );
    check(
        "sport not dport = 22",
        "sport",
        "is missing",
        "'sport = 22'",
    );
}

#[test]
fn lists() {
    check(
        "sport > 80,443",
        ">",
        "compares with one value",
        "use 'in', '=' or '!='",
    );
    check("sport in (80, 443", "(", "never closed", "')'");
    check("sport in ()", "()", "no value between", "'sport = 22'");
    check("sport = {80, 443", "{", "this brace is never closed", "'}'");
    check("sport = {}", "{}", "no value between", "'sport = 22'");
    check("sport in (80 or 443)", "or", "where a value or ')'", "");
}

#[test]
fn places_are_right_behind_other_alphabets_and_quotes() {
    check(
        "src /ü/ß and dst 10/99",
        "99",
        "'/99' is wrong here: a length is",
        "",
    );
    check(
        r"dst 10\.0/99",
        r"10\.0/99",
        "'/99' is wrong here: a length is",
        "",
    );
    check("src ä or", "", "the filter ends", "");
    let error = try_compile("src /ü dport = 70000").unwrap_err();
    assert_eq!(error.span, Span::new(16, 21));
}

#[test]
fn numbers_are_inodes_if_only_unix_is_asked_for() {
    let tables = super::oracle::every_table();
    let unix = tables.filter(|t| t.family == crate::model::Family::Unix);
    let compile = |tables: TableSet| {
        let words = ["sport = 70000".to_owned()];
        super::compile(
            &words,
            &Scope {
                tables,
                only_listeners: false,
            },
            &super::oracle::Names,
        )
    };
    assert!(compile(unix).is_ok());
    assert!(matches!(
        *compile(tables).unwrap_err().kind,
        ErrorKind::BadPort { .. }
    ));
    assert!(compile(TableSet::EMPTY).is_err());
}

/// Runs `test` with less stack than a thread gets by default.
fn on_a_small_stack(test: fn()) {
    let thread = std::thread::Builder::new().stack_size(1536 * 1024);
    thread.spawn(test).unwrap().join().unwrap();
}

/// Goes through everything that walks a tree.
fn walk(text: &str) {
    let expr = super::parse(&[text.to_owned()]).unwrap();
    assert!(!expr.to_string().is_empty());
    drop(expr.clone());
    let filter = super::oracle::compile(text);
    for socket in super::oracle::scene() {
        let _ = filter.matches(super::oracle::row(&socket));
    }
    let _ = filter.states();
    let _ = filter.conditions();
    let _ = filter.tables(super::oracle::every_table());
    drop(filter.clone());
}

#[test]
fn long_and_deep_filters_do_not_exhaust_the_stack() {
    on_a_small_stack(|| {
        walk(&format!("{}sport = 22", "not ".repeat(200_000)));
        walk(&format!("{}sport = 22", "! ".repeat(199_999)));
        walk(&format!("{}sport = 1", "sport = 22 and ".repeat(50_000)));
        walk(&format!("{}sport = 1", "src 10/8 or ".repeat(50_000)));
        walk(&format!(
            "{}sport = 1",
            "sport = 22 or dport = 80 and ".repeat(20_000)
        ));
        walk(&format!("{}sport = 1", "state listen ".repeat(50_000)));
        let level = "sport = 1 or not dport = 1 and not ( ";
        walk(&format!(
            "{}sport = 1{}",
            level.repeat(200),
            " )".repeat(200)
        ));
        walk(&format!("{}sport = 1{}", "(".repeat(200), ")".repeat(200)));
        walk(&format!("sport in {}1", "22,".repeat(50_000)));
        walk(&format!("sport in ( {}1 )", "22 ".repeat(50_000)));
        walk(&format!("dst in {}10/8", "10.0.0.1, ".repeat(50_000)));
        walk(&format!("sport = 1 {}", "dst != 10/8 ".repeat(50_000)));
        walk(&format!("src /{}", r"\u{".repeat(100_000)));
        walk(&format!("src /{}", r"\xff".repeat(100_000)));
        assert!(super::parse(&[format!("sport = {}", "{ ".repeat(100_000))]).is_err());
        assert!(super::parse(&["(".repeat(100_000)]).is_err());
        assert!(super::parse(&["[".repeat(100_000)]).is_err());
        assert!(super::parse(&["not ".repeat(100_000)]).is_err());
    });
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(
        text in "\\PC{0,40}|(sport|src|dst|state|pid|user|not|and|or|in|is|[(]|[)]|[{]|[}]|,|=|!=|<|22|8-9|10/8|5k|listen|private|::1|%lo| |'|\\\\x|\\[|\\]|ü){0,20}"
    ) {
        if let Err(error) = try_compile(&text) {
            let (whole, span) = error.location();
            prop_assert!(whole.get(span.range()).is_some());
            prop_assert!(!error.message().is_empty());
            let _ = error.hint();
        }
    }
}
