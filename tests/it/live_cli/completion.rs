//! Completion, by the shell that runs it: what bash would put on the line, on a host with these sockets.

use crate::namespace;
use crate::portctl::BINARY;
use crate::scene::tcp::{accept, connect, listener};
use crate::scene::{Holder, address, port};
use std::path::Path;
use std::process::{Command, Stdio};

/// What bash is given for a line whose last word it takes to be `word`; nothing may be said besides.
fn bash(line: &str, word: &str) -> Vec<String> {
    const ASK: &str = r#"
        source "$3" || exit
        COMP_LINE=$1 COMP_POINT=${#1}
        _portctl portctl "$2" ""
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/completions/portctl.bash");
    let ours = Path::new(BINARY).parent().unwrap().to_str().unwrap();
    let path = format!("{ours}:{}", std::env::var("PATH").unwrap());
    let output = Command::new("bash")
        .args(["--norc", "-c", ASK, "bash", line, word, script])
        .env_clear()
        .env("PATH", path)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|e| panic!("bash is needed: {e}"));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "at {line:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(str::to_owned)
        .filter(|l| !l.is_empty())
        .collect()
}

#[test]
#[ignore = "needs bash, user and network namespaces"]
fn bash_completes() {
    namespace::run("live_cli::completion::bash_completes", || {
        assert_eq!(bash("portctl su", "su"), ["summary "]);
        assert_eq!(bash("portctl ls --lis", "--lis"), ["--listening "]);
        assert_eq!(
            bash("portctl top --by process state close-w", "close-w"),
            ["close-wait "]
        );
        assert_eq!(
            bash("portctl top --by state,dpo", "state,dpo"),
            ["state,dport"]
        );
        // bash ends words at = and : too.
        assert_eq!(bash("portctl ls --columns=loc", "loc"), ["local"]);
        assert_eq!(bash("portctl ls --sort recv_queue:d", "d"), ["desc"]);
        assert_eq!(bash("portctl ls --sort recv_queue:", ""), ["asc", "desc"]);
        // Inside quotes all of it is the word; bash closes them itself. What is written otherwise than it is meant it leaves alone.
        assert_eq!(bash("portctl ls 'dpo", "dpo"), ["dport"]);
        assert_eq!(
            bash("portctl ls \"state est", "state est"),
            ["state established"]
        );
        assert_eq!(bash(r"portctl ls \( dpo", "dpo"), ["dport "]);
        assert!(bash(r"portctl ls state\ est", r"state\ est").is_empty());
        assert!(
            bash("portctl ls congestion = ", "").contains(&"cubic ".to_owned())
                || bash("portctl ls congestion = ", "").contains(&"reno ".to_owned())
        );
        assert!(bash("portctl ls user = ro", "ro").contains(&"root".to_owned()));
        assert!(bash("portctl nonsense --nonsense ", "").len() < 400);

        let server = listener("127.0.0.1", 9);
        let number = port(&server).to_string();
        assert_eq!(bash("portctl ls -tl sport = ", ""), [number.as_str()]);
        assert_eq!(
            bash(
                &format!("portctl ls -tl sport = :{}", &number[..2]),
                &number[..2]
            ),
            [number.as_str()]
        );
        assert_eq!(
            bash(
                &format!("portctl ls -tl 'sport = {}", &number[..2]),
                &format!("sport = {}", &number[..2])
            ),
            [format!("sport = {number}")]
        );
        assert!(bash("portctl why ", "").contains(&format!("{number} ")));
        assert!(bash("portctl ls dport = ", "").is_empty());
        let client = connect(address(&server));
        let _accepted = accept(&server);
        let peers = bash("portctl ls dport=", "");
        assert!(peers.contains(&number), "{peers:?}");
        assert!(peers.contains(&port(&client).to_string()), "{peers:?}");

        let plain = Holder::named(b"plain-name", &server);
        let _hostile = Holder::named(b"$(reboot)", &server);
        let names = bash("portctl ls process = ", "");
        assert!(names.iter().any(|n| n == "plain-name"), "{names:?}");
        assert!(names.iter().all(|n| !n.contains('$')), "{names:?}");
        let pids = bash("portctl ls pid = ", "");
        assert!(pids.contains(&plain.pid().to_string()), "{pids:?}");
    });
}
