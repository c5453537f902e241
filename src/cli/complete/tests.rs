use super::*;

struct Few;

impl Live for Few {
    fn ports(&self, side: Side) -> Vec<(u16, String)> {
        match side {
            Side::Local => vec![(22, "ssh".into()), (8080, String::new())],
            Side::Peer => vec![(443, "https".into()), (4433, String::new())],
        }
    }

    fn processes(&self) -> Vec<(u32, String)> {
        let names = ["nginx", "sshd", "$(reboot)", "a b", "-rf", "nginx"];
        (7..).zip(names.map(str::to_owned)).collect()
    }

    fn users(&self) -> Vec<String> {
        ["root", "www-data", "; reboot"].map(str::to_owned).into()
    }

    fn congestion_controls(&self) -> Vec<String> {
        ["reno", "cubic"].map(str::to_owned).into()
    }
}

/// The words that fit at the end of a line behind `portctl`.
fn at(line: &str) -> Vec<String> {
    let typed = split(&format!("portctl {line}"));
    match complete(&typed.before, &typed.current, &Few) {
        Completion::Words(words) => words.into_iter().map(|c| c.word).collect(),
        Completion::Files => vec![":files".to_owned()],
    }
}

fn has(line: &str, words: &[&str]) {
    let found = at(line);
    for word in words {
        assert!(
            found.iter().any(|f| f == word),
            "{word} at {line:?}: {found:?}"
        );
    }
}

fn lacks(line: &str, words: &[&str]) {
    let found = at(line);
    for word in words {
        assert!(
            !found.iter().any(|f| f == word),
            "{word} at {line:?}: {found:?}"
        );
    }
}

#[test]
fn commands_and_options() {
    has("", &["ls", "top", "summary", "help"]);
    lacks("", &["complete", "state", "--help"]);
    has("s", &["summary", "state"]);
    assert_eq!(at("su"), ["summary"]);
    assert_eq!(at("--ver"), ["--version", "--verbose"]);
    has("-", &["--tcp", "--columns", "--help", "--version"]);
    has("ls --co", &["--columns", "--count", "--color"]);
    has("top --i", &["--interval", "--ipv4"]);
    lacks("summary --", &["--tcp"]);
    assert_eq!(at("ls -t"), ["-t"]);
    assert_eq!(at("schema s"), ["summary"]);
    has("help e", &["exit-codes"]);
    has("help ", &["filter", "ls", "top"]);
    has("completions ", &["bash", "fish", "zsh"]);
    assert!(at("completions bash ").is_empty());
}

#[test]
fn values_of_options() {
    has("ls --source ", &["auto", "netlink", "proc"]);
    assert_eq!(at("ls --source=ne"), ["--source=netlink"]);
    assert_eq!(at("ls -t --from "), [":files"]);
    assert_eq!(at("ls --from=/tm"), [":files"]);
    assert_eq!(at("ls --columns state,dpo"), ["state,dport"]);
    lacks("ls --columns state,", &["state,state"]);
    has("ls --columns +", &["+inode"]);
    has("ls --columns +inode,", &["+inode,+cookie"]);
    assert_eq!(
        at("ls --columns +inode,-pee"),
        [
            "+inode,-peer",
            "+inode,-peer_path",
            "+inode,-peer_inode",
            "+inode,-peer_process"
        ]
    );
    has("ls --columns=-", &["--columns=-peer"]);
    has("ls --sort ", &["none", "recv_queue"]);
    assert_eq!(at("ls --sort recv_queue:d"), ["recv_queue:desc"]);
    has("top --sort ", &["sockets", "close-wait", "process"]);
    // Only what is taken: fields of --by, and changes where there are two looks.
    lacks("top --sort ", &["churn", "dport"]);
    has("top -i 1 --sort ", &["churn", "in"]);
    has("top --interval=1 --sort ", &["traffic"]);
    has("top -ti1 --sort ", &["traffic"]);
    assert_eq!(at("top --by dport --sort d"), ["dport"]);
    assert_eq!(at("top --by=state,dst --sort sockets,d"), ["sockets,dst"]);
    assert_eq!(at("top --by dport --sort=d"), ["--sort=dport"]);
    has("ls -A tcp,", &["tcp,udp", "tcp,packet_raw"]);
    assert_eq!(at("top -A all,!xd"), ["all,!xdp"]);
    lacks("ls -A tcp,", &["tcp,tcp"]);
    has("top --by state,d", &["state,dport", "state,dst"]);
    assert_eq!(at("top -n "), ["all"]);
    // A cluster whose last letter takes a value, and one that has it.
    assert_eq!(at("top -tan a"), ["all"]);
    has("top -tn5 ", &["state"]);
}

#[test]
fn filters() {
    has("ls -t ", &["state", "dport", "process", "not", "exclude"]);
    has(
        "ls state ",
        &["established", "close-wait", "connected", "all"],
    );
    lacks("ls state ", &["estab", "dport"]);
    assert_eq!(at("ls state est"), ["established"]);
    has("ls state close-wait ", &["and", "or", "dport"]);
    has("ls dport ", &["=", "!=", "lt", "ge"]);
    lacks("ls dport ", &["<", ">"]);
    lacks("ls process ", &["lt"]);
    assert_eq!(at("ls dport = "), ["443", "4433"]);
    assert_eq!(at("ls dport = :44"), [":443", ":4433"]);
    assert_eq!(at("ls sport = "), ["22", "8080"]);
    assert_eq!(at("ls dport=:443"), ["dport=:443", "dport=:4433"]);
    assert_eq!(
        at("ls dport!=443,44"),
        ["dport!=443,443", "dport!=443,4433"]
    );
    assert_eq!(at("ls dport eq 80,"), ["80,443", "80,4433"]);
    has("ls dport = 443 ", &["and", "sport"]);
    has("ls '(' dport = 443 or ", &["state"]);
    has("ls '( dport = 443' or sport = ", &["22"]);
    assert_eq!(at("state listen process = ng"), ["nginx"]);
    assert_eq!(at("ls pid = 1"), ["10", "11", "12"]);
    assert_eq!(at("ls protocol = t"), ["tcp", "tipc"]);
    has("top --by process state ", &["close-wait"]);
}

#[test]
fn filters_in_quotes() {
    assert_eq!(at("ls 'sport = 808"), ["sport = 8080"]);
    assert_eq!(at("ls \"state est"), ["state established"]);
    assert_eq!(at("ls '( dpor"), ["( dport"]);
    assert_eq!(at("ls '(dpor"), ["(dport"]);
    assert_eq!(at(r"ls \( spor"), ["sport"]);
    assert_eq!(
        at("ls -t 'sport = 22 or dport=44"),
        ["sport = 22 or dport=443", "sport = 22 or dport=4433"]
    );
    has("ls 'sport ", &["sport =", "sport in"]);
}

#[test]
fn values_of_this_host() {
    assert_eq!(at("ls user = "), ["root", "www-data"]);
    assert_eq!(at("ls congestion = "), ["reno", "cubic"]);
    for command in ["why", "wait", "kill"] {
        assert_eq!(at(&format!("{command} 8")), ["8080"], "{command}");
        has(&format!("{command} "), &["22", "8080"]);
    }
    assert_eq!(at("why 22 8"), ["8080"]);
    has("kill ", &["process", "22"]);
    has("kill sport = ", &["22"]);
}

#[test]
fn names_that_a_shell_would_run_are_not_offered() {
    assert_eq!(at("ls process = "), ["nginx", "sshd"]);
}

#[test]
fn lines_are_split_as_a_shell_does() {
    let typed = split(r#"portctl ls '( dport = :1 )' a\ b "x \" y" sta"#);
    assert_eq!(typed.before, ["ls", "( dport = :1 )", "a b", "x \" y"]);
    assert_eq!((typed.current.as_str(), typed.quoted), ("sta", false));
    let open = split("portctl ls 'dport = ");
    assert_eq!((open.current.as_str(), open.quoted), ("dport = ", true));
    assert!(open.open && !typed.open);
    assert_eq!(split("").before.len(), 0);
    assert_eq!(split("portctl ls ").current, "");
    assert_eq!(split("portctl ls ").before, ["ls"]);
}

#[test]
fn the_scripts_ask() {
    use crate::cli::{args::Shell, docs};
    for (shell, name) in [
        (Shell::Bash, "bash"),
        (Shell::Zsh, "zsh"),
        (Shell::Fish, "fish"),
    ] {
        let script = String::from_utf8(docs::completions(shell)).unwrap();
        assert!(script.contains(&format!("complete {name} -- ")), "{script}");
        assert!(script.contains("2>/dev/null"), "never an error: {script}");
        assert!(script.contains(":files"), "{script}");
    }
}

proptest::proptest! {
    // Each builds the command line anew, which takes a while without optimisation.
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(40))]

    #[test]
    fn whatever_is_typed_has_an_answer(line in "\\PC{0,60}", words in proptest::collection::vec("[-a-z=:,!(]{0,9}", 0..5)) {
        at(&line);
        at(&words.join(" "));
        let typed = split(&line);
        let _ = complete(&words, &typed.current, &Few);
    }
}
