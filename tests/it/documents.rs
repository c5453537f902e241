//! Commands shown in the README, the help and its topics do what is written there.

use crate::portctl::{BINARY, portctl};
use crate::scene::dump;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs a line as a shell would, in an empty directory but for the saved dump that examples read.
fn run(line: &str) -> (String, Option<i32>) {
    let directory = tempfile::tempdir().unwrap();
    let empty = dump::file(&[], &[]);
    std::fs::write(directory.path().join("dump.bin"), empty).unwrap();
    let output = Command::new("/bin/sh")
        .args(["-c", &format!("{line} 2>&1")])
        .current_dir(&directory)
        .env_clear()
        .env("PATH", Path::new(BINARY).parent().unwrap())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (
        String::from_utf8(output.stdout).unwrap(),
        output.status.code(),
    )
}

/// Whether a command ended well. What holds a port of this machine, and whether that is known, is not for these tests to say.
fn is_answer(command: &str, code: Option<i32>) -> bool {
    code == Some(0)
        || command.starts_with("portctl why ") && matches!(code, Some(1 | 3))
        || command.starts_with("portctl wait ") && code == Some(1)
        || command.starts_with("portctl kill ")
            && command.ends_with(" --dry-run")
            && matches!(code, Some(1 | 3))
}

/// Commands of `text`, each with the lines of output shown below it.
fn console_blocks(text: &str) -> Vec<(String, String)> {
    let mut commands: Vec<(String, String)> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if let Some(fence) = line.strip_prefix("```") {
            inside = fence == "console";
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| inside) {
            let command = command.split("  #").next().unwrap_or_default();
            commands.push((command.trim().to_owned(), String::new()));
        } else if inside {
            let (_, output) = commands.last_mut().expect("output follows a command");
            output.push_str(line);
            output.push('\n');
        }
    }
    commands
}

#[test]
fn the_readme_shows_what_happens() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let commands = console_blocks(&std::fs::read_to_string(readme).unwrap());
    let (ours, others): (Vec<_>, Vec<_>) = commands
        .into_iter()
        .partition(|(command, _)| command.starts_with("portctl"));
    // The two commands of a fresh machine; .ci/run runs the second.
    let others: Vec<_> = others.iter().map(|(command, _)| command.as_str()).collect();
    assert_eq!(others, ["cargo run --release -- ls -tulnp", "cargo test"]);
    let ci = concat!(env!("CARGO_MANIFEST_DIR"), "/.ci/run");
    assert!(
        std::fs::read_to_string(ci)
            .unwrap()
            .contains("\ncargo test --locked\n")
    );

    assert!(ours.len() > 10);
    for (command, expected) in ours {
        let (output, code) = run(&command);
        if expected.is_empty() {
            assert!(is_answer(&command, code), "{command}\n{output}");
        } else {
            assert_eq!(output, expected, "{command}");
        }
    }
}

#[test]
fn examples_of_the_help_work() {
    let mut seen = 0;
    for topic in [
        "filter",
        "columns",
        "json",
        "states",
        "headroom",
        "exhaustion",
        "exit-codes",
        "capabilities",
        "ls",
        "top",
        "summary",
        "why",
        "free",
    ] {
        let text = portctl(&format!("help {topic}")).quiet();
        for line in text.lines() {
            let Some(command) = line.trim_start().strip_prefix("portctl ") else {
                continue;
            };
            // Explanations stand behind several blanks; pipes lead to programs that may not be there.
            let command = command.split("  ").next().unwrap_or_default();
            let command = command.split(" | ").next().unwrap_or_default();
            let command = command.split("; ").next().unwrap_or_default();
            let (output, code) = run(&format!("portctl {command}"));
            let answered = is_answer(&format!("portctl {command}"), code);
            assert!(answered, "{topic}: portctl {command}\n{output}");
            seen += 1;
        }
    }
    assert!(seen >= 10, "only {seen} examples found");
}
