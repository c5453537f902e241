//! Holds the rooms of `src` to the imports that the house allows: data flows one way, and an arrow
//! that is not in [`ROOMS`] fails this test before it becomes a habit.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Each room and the rooms it may import from. `*` is all of them.
const ROOMS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("wire", &[]),
    ("sys", &[]),
    ("collect", &["model", "wire", "sys"]),
    ("filter", &["model"]),
    ("analysis", &["model", "filter"]),
    ("render", &["model", "analysis"]),
    ("cli", &["model", "filter", "render"]),
    ("app", &["*"]),
    ("error", &["*"]),
    ("exit", &["*"]),
    ("main", &["*"]),
    ("lib", &["*"]),
];

#[test]
fn imports_follow_the_house() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut complaints = Vec::new();
    let files = rust_files(&src);
    for file in &files {
        let relative = file.strip_prefix(&src).unwrap();
        let text = std::fs::read_to_string(file).unwrap();
        complaints.extend(check(&relative.to_string_lossy(), &text));
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
    assert!(files.len() > 20, "the sources were read");
}

#[test]
fn a_wrong_arrow_is_found() {
    let bad = [
        (
            "model/socket.rs",
            "use crate::render::escape;",
            "model may not import render",
        ),
        (
            "model/socket.rs",
            "let x = crate::sys::clock();",
            "model may not import sys",
        ),
        (
            "wire/nlmsg.rs",
            "pub(crate) use crate::model::Port;",
            "wire may not import model",
        ),
        (
            "filter/parse.rs",
            "use crate::{\n    model::{Port, State},\n    collect::{self, Source},\n};",
            "filter may not import collect",
        ),
        (
            "render/mod.rs",
            "use super::collect::Source;",
            "render may not import collect",
        ),
        (
            "render/a/b.rs",
            "use super::super::super::sys;",
            "render may not import sys",
        ),
        (
            "render/a.rs",
            "use crate::*;",
            "render may not import everything",
        ),
        ("utils/mod.rs", "", "there is no room utils"),
        ("helpers.rs", "", "there is no room helpers"),
        (
            "collect/mod.rs",
            "use crate::helpers::x;",
            "there is no room helpers",
        ),
    ];
    for (file, text, complaint) in bad {
        let found = check(file, text);
        assert_eq!(found.len(), 1, "{file}: {text}: {found:?}");
        assert!(found[0].contains(complaint), "{found:?}");
    }
}

/// Where files may be opened: by the sources, for the filter that `-F` names, and for the dump that `--dump` writes.
const READERS: &[&str] = &["sys/", "collect/", "cli/env.rs", "app/save.rs"];

#[test]
fn files_are_read_where_sources_are() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in rust_files(&src) {
        let relative = file
            .strip_prefix(&src)
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        let is_test = relative.ends_with("tests.rs");
        let shipped = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let code = without_comments_and_strings(shipped);
        let may = is_test || READERS.iter().any(|reader| relative.starts_with(reader));
        assert!(may || !code.contains("fs::"), "{relative} opens files");
    }
}

#[test]
fn a_right_arrow_is_not() {
    let good = [
        (
            "model/socket.rs",
            "use super::Port;\nuse crate::model::Inode;",
        ),
        (
            "model/socket.rs",
            "// use crate::render::escape;\n//! like crate::sys::clock",
        ),
        (
            "model/socket.rs",
            "let text = \"crate::render\"; /* crate::sys */",
        ),
        (
            "collect/diag.rs",
            "use crate::{model::Port, sys, wire::{attr, nlmsg}};",
        ),
        (
            "collect/mod.rs",
            "mod owners;\nuse owners::Scan;\nmod tests { use super::*; }",
        ),
        ("app/ls.rs", "use crate::{collect, render::List};"),
        ("main.rs", "use portctl::app;"),
        (
            "wire/inet_diag.rs",
            "let c = 'c'; let b = '\"'; x('\\'', \"\\\"crate::model\\\"\")",
        ),
    ];
    for (file, text) in good {
        assert_eq!(check(file, text), [""; 0], "{file}: {text}");
    }
}

/// What is wrong with one file, given by its path under `src`.
fn check(file: &str, text: &str) -> Vec<String> {
    let parts: Vec<_> = file.trim_end_matches(".rs").split('/').collect();
    let room = parts[0];
    let Some(allowed) = imports_of(room) else {
        return vec![format!("{file}: there is no room {room}")];
    };
    // How often `super` leads from this file to the root of the crate.
    let depth = match parts.last() {
        Some(&"mod") => parts.len() - 1,
        _ => parts.len(),
    };
    let mut complaints = Vec::new();
    for imported in imports(&without_comments_and_strings(text), depth) {
        if imported == room || allowed == ["*"] {
            continue;
        }
        complaints.push(match imported.as_str() {
            "*" => format!("{file}: {room} may not import everything"),
            other if imports_of(other).is_none() => format!("{file}: there is no room {other}"),
            other if allowed.contains(&other) => continue,
            other => format!("{file}: {room} may not import {other}"),
        });
    }
    complaints
}

fn imports_of(room: &str) -> Option<&'static [&'static str]> {
    ROOMS.iter().find(|(name, _)| *name == room).map(|r| r.1)
}

/// The first word of every path that starts at the root of the crate.
fn imports(code: &str, depth: usize) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let to_root = "super::".repeat(depth);
    for start in ["crate::", to_root.as_str()] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back();
            let joined = before.is_some_and(|c| c.is_alphanumeric() || "_:$".contains(c));
            if joined {
                continue;
            }
            let rest = code[at + start.len()..].trim_start();
            let words = match rest.strip_prefix('{') {
                Some(group) => first_words(group),
                None => vec![first_word(rest)],
            };
            // From deep inside, `super` may also lead to a module between here and the root.
            let certain = |w: &String| start == "crate::" || imports_of(w).is_some();
            found.extend(words.into_iter().filter(certain));
        }
    }
    found
}

/// The first words of the items of a `{…}` group, given from behind its opening brace.
fn first_words(group: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut depth, mut item) = (0, String::new());
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => words.push(first_word(&std::mem::take(&mut item))),
            c if depth == 0 => item.push(c),
            _ => {}
        }
    }
    words.push(first_word(&item));
    words.retain(|w| !w.is_empty() && w != "self");
    words
}

fn first_word(text: &str) -> String {
    let text = text.trim_start();
    if text.starts_with('*') {
        return "*".into();
    }
    let end = |c: char| !c.is_alphanumeric() && c != '_';
    text.split(end).next().unwrap_or_default().to_owned()
}

/// The code alone. Good enough for this crate's sources: raw strings with quotes in them are not told apart.
fn without_comments_and_strings(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if c == '"' {
            string_length(rest)
        } else if let Some(quoted) = ["'\"'", "'\\''", "b'\"'", "b'\\''"]
            .iter()
            .find(|q| rest.starts_with(**q))
        {
            quoted.len()
        } else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        code.push(' ');
        rest = &rest[skipped..];
    }
    code
}

/// The length of the string literal at the start.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}
