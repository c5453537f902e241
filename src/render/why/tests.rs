//! Answers as text and JSON, hostile names in all of them.

use super::{WhyView, why_json, why_text};
use crate::analysis::why::{Evidence, ReasonKind, port};
use crate::model::{
    BindFacts, BindUser, Ends, Engine, Family, Held, InetEnds, Inode, Listeners, NoNames,
    OwnerTable, Parent, Pid, Place, Port, Process, ProcessDetail, Protocol, Question, Queues,
    Socket, State, Subject, Uid,
};
use crate::render::escape::is_deceptive;
use crate::render::{Closing, Opening, schema};
use std::net::Ipv4Addr;
use std::time::{Duration, SystemTime};

const HOSTILE: &[u8] = b"\x1b[31mevil\n\xff\\ \"x\"\xe2\x80\xae";

fn listener() -> Socket {
    Socket {
        protocol: Protocol::Tcp,
        family: Family::Inet,
        state: State::Listen,
        v6only: None,
        shutdown: None,
        ends: Ends::Inet(InetEnds {
            local: Ipv4Addr::UNSPECIFIED.into(),
            peer: Ipv4Addr::UNSPECIFIED.into(),
            local_port: Port(8080),
            peer_port: Port(0),
            interface: None,
        }),
        queues: Queues::Unknown,
        timer: None,
        uid: Some(Uid(1000)),
        inode: Inode::new(7),
        cookie: None,
        mark: None,
        cgroup: None,
        details: None,
    }
}

fn detail(place: Place) -> ProcessDetail {
    ProcessDetail {
        pid: Pid(812),
        command: Some(vec![HOSTILE.to_vec(), b"--port".to_vec()]),
        started_at: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600)),
        place: Some(place),
        parent: Some(Parent {
            pid: Pid(1),
            name: Some(HOSTILE.to_vec()),
            is_interactive: false,
        }),
    }
}

/// The answer about a listener whose process is in this place, as text of some width and as JSON.
fn answer(place: Place, width: usize) -> (String, serde_json::Value) {
    let mut owners = OwnerTable::new();
    let process = Process {
        pid: Pid(812),
        name: Some(HOSTILE.into()),
        uid: Some(Uid(1000)),
    };
    owners.add(
        process,
        None,
        &[Held::descriptor(Inode::new(7).unwrap(), 3)],
    );
    let facts = BindFacts {
        unprivileged_start: Some(1024),
        ipv6: true,
        lists_bound: Some(true),
        ..BindFacts::default()
    };
    let evidence = Evidence {
        sockets: &[listener()],
        listeners: &Listeners::default(),
        owners: &owners,
        details: &[detail(place)],
        units: &[],
        facts: &facts,
        user: BindUser {
            uid: Uid(0),
            privileged: Some(true),
            is_foreign: false,
        },
        trials: &[],
        redirects: None,
        missing: &[],
    };
    let question = Question {
        asked: "8080\u{202e}".to_owned(),
        subject: Subject::Port {
            protocols: vec![Protocol::Tcp],
            port: Port(8080),
            addresses: Vec::new(),
        },
    };
    let answer = port(&evidence, &[Protocol::Tcp], Port(8080), &[]);
    let view = WhyView {
        question: &question,
        answer: &answer,
        evidence: &evidence,
        names: &NoNames,
        others: None,
        now: SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600 + 7500),
    };
    let (mut text, mut json) = (Vec::new(), Vec::new());
    why_text(&mut text, &view, Some(width)).unwrap();
    let opening = Opening {
        captured_at: None,
        netns: crate::model::NetNs::default(),
    };
    why_json(&mut json, &opening, &view, &Closing::default()).unwrap();
    assert_eq!(json.iter().filter(|&&b| b == b'\n').count(), 1, "one line");
    let raw = std::str::from_utf8(&json).unwrap();
    assert!(
        !raw.trim_end()
            .chars()
            .any(|c| c.is_control() || is_deceptive(c)),
        "{raw}"
    );
    (
        String::from_utf8(text).unwrap(),
        serde_json::from_slice(&json).unwrap(),
    )
}

fn service(unit: &[u8]) -> Place {
    Place {
        path: [b"/system.slice/", unit].concat(),
        unit: Some(unit.to_vec()),
        ..Place::default()
    }
}

#[test]
fn the_verdict_comes_first_and_then_who_and_what_to_do() {
    let (text, json) = answer(service(b"app.service"), 100);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "tcp/8080: blocked (EADDRINUSE)");
    assert_eq!(lines[1], "  why     a listener on 0.0.0.0:8080");
    assert_eq!(
        lines[2],
        "  who     \"\\x1b[31mevil\\x0a\\xff\\x5c \\x22x\\x22\\u{202e}\"[812], user 1000, app.service, since"
    );
    assert!(text.contains("systemctl stop app.service"), "{text}");
    assert!(text.contains("2026-01-01 00:00:00Z (2h5m)"), "{text}");
    let owner = &json["reasons"][0]["owners"][0];
    assert_eq!(owner["unit"], "app.service");
    assert_eq!(owner["restarted_by"]["kind"], "systemd");
    assert_eq!(json["verdict"], "blocked");
    assert_eq!(json["reasons"][0]["sockets"][0]["state"], "listen");
}

#[test]
fn nothing_hostile_is_printed_and_no_hostile_name_becomes_a_command() {
    let container = Place {
        container: Some((Engine::Docker, HOSTILE.to_vec())),
        ..Place::default()
    };
    for place in [service(&[HOSTILE, b".service"].concat()), container] {
        for width in [40, 80, 1000] {
            let (text, json) = answer(place.clone(), width);
            let hostile = |c: char| c != '\n' && (c.is_control() || is_deceptive(c));
            assert!(!text.chars().any(hostile), "{text}");
            assert!(
                text.lines()
                    .all(|l| l.starts_with("tcp") || l.starts_with(' ')),
                "{text}"
            );
            for remedy in json["reasons"][0]["remedies"].as_array().unwrap() {
                let command = remedy["command"].as_str().unwrap_or_default();
                assert!(!command.contains("evil"), "{command}");
            }
        }
    }
}

#[test]
fn documents_follow_their_schema() {
    let schema: serde_json::Value = serde_json::from_str(schema("why").unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let container = Place {
        container: Some((Engine::Podman, b"web".to_vec())),
        ..Place::default()
    };
    for place in [Place::default(), service(b"app.service"), container] {
        let (_, json) = answer(place, 80);
        let errors: Vec<_> = validator
            .iter_errors(&json)
            .map(|e| e.to_string())
            .collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
    let words = &schema["$defs"]["reason"]["properties"]["kind"]["enum"];
    let known: Vec<_> = ReasonKind::ALL.iter().map(|kind| kind.word()).collect();
    assert_eq!(words, &serde_json::json!(known));
}
