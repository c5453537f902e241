//! The manual pages, as text: written by `PORTCTL_BLESS=1 cargo test`, compared by every other run.

use super::args::{Cli, Shell};
use super::topics;
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use std::io;

/// A generated file: its path below the project, and its content.
pub type GeneratedFile = (String, Vec<u8>);

/// Every generated file.
///
/// # Errors
/// None in practice: everything is written to memory.
pub fn all() -> io::Result<Vec<GeneratedFile>> {
    let mut files = vec![("man/portctl.1".to_owned(), main_page()?)];
    for command in Cli::command()
        .get_subcommands()
        .filter(|c| !c.is_hide_set())
    {
        let name = command.get_name();
        files.push((format!("man/portctl-{name}.1"), command_page(name)?));
    }
    files.push((
        "man/portctl-filter.7".to_owned(),
        topic_page(
            "portctl-filter",
            "7",
            "the filter language of portctl",
            &["filter", "states"],
        ),
    ));
    files.push((
        "man/portctl-json.5".to_owned(),
        topic_page(
            "portctl-json",
            "5",
            "the JSON documents of portctl",
            &["json", "columns"],
        ),
    ));
    files.push((
        "man/portctl-capabilities.7".to_owned(),
        topic_page(
            "portctl-capabilities",
            "7",
            "what portctl shows to whom, and what it needs for it",
            &["capabilities"],
        ),
    ));
    Ok(files)
}

/// The completion script of a shell: it asks [`super::complete`] for words, and so never is out of date.
#[must_use]
pub fn completions(shell: Shell) -> Vec<u8> {
    match shell {
        Shell::Bash => include_bytes!("../../completions/portctl.bash").to_vec(),
        Shell::Fish => include_bytes!("../../completions/portctl.fish").to_vec(),
        Shell::Zsh => include_bytes!("../../completions/_portctl").to_vec(),
    }
}

fn main_page() -> io::Result<Vec<u8>> {
    let man = Man::new(Cli::command()).date("").manual("User Commands");
    let mut page = Vec::new();
    man.render(&mut page)?;
    section(&mut page, "EXIT STATUS", &body_of("exit-codes"));
    section(
        &mut page,
        "ENVIRONMENT",
        "NO_COLOR        no colour, if set and not empty\n\
         CLICOLOR        no colour, if 0\n\
         CLICOLOR_FORCE  colour even without a terminal, if set and not 0\n\
         TERM            no colour, if dumb\n\
         TCPDIAG_FILE    a saved dump to read, as if --from named it: by ls, top, summary and headroom,\n\
         \x20               but for --source and -N; why, free, wait and kill are about this host\n\
         COLUMNS         width of a terminal that does not say how wide it is\n",
    );
    section(
        &mut page,
        "SEE ALSO",
        "portctl-ls(1), portctl-top(1), portctl-summary(1), portctl-headroom(1), portctl-why(1), portctl-free(1), portctl-wait(1), portctl-kill(1), portctl-filter(7), portctl-json(5), portctl-capabilities(7), ss(8), sock_diag(7)\n",
    );
    Ok(page)
}

fn command_page(name: &str) -> io::Result<Vec<u8>> {
    let mut cli = Cli::command().disable_help_subcommand(true);
    cli.build();
    let command: Command = cli
        .find_subcommand(name)
        .cloned()
        .unwrap_or_default()
        .name(format!("portctl-{name}"))
        .display_name(format!("portctl-{name}"))
        .bin_name(format!("portctl {name}"))
        .version(env!("CARGO_PKG_VERSION"));
    let mut page = Vec::new();
    Man::new(command)
        .date("")
        .manual("User Commands")
        .render(&mut page)?;
    let notes = match name {
        "summary" => Some("exhaustion"),
        _ => topics::TOPICS.iter().copied().find(|topic| *topic == name),
    };
    if let Some(topic) = notes {
        section(&mut page, "NOTES", &body_of(topic));
    }
    Ok(page)
}

fn topic_page(name: &str, number: &str, about: &str, topics: &[&str]) -> Vec<u8> {
    let mut page = format!(
        ".TH {name} {number} \"\" \"portctl {}\"\n.SH NAME\n{name} \\- {about}\n",
        env!("CARGO_PKG_VERSION")
    )
    .into_bytes();
    for topic in topics {
        section(&mut page, &topic.to_uppercase(), &body_of(topic));
    }
    section(&mut page, "SEE ALSO", "portctl(1), portctl-ls(1)\n");
    page
}

/// A topic without its title, which a page has as a heading.
fn body_of(topic: &str) -> String {
    let text = topics::topic(topic).unwrap_or_default();
    match text.split_once("\n\n") {
        Some((title, body)) if !title.contains('\n') => body.to_owned(),
        _ => text.into_owned(),
    }
}

/// Adds a section whose lines stay as they are.
fn section(page: &mut Vec<u8>, title: &str, text: &str) {
    page.extend_from_slice(format!(".SH {}\n.nf\n", title.replace('-', "\\-")).as_bytes());
    for line in text.lines() {
        let mut line = line.replace('\\', "\\e").replace('-', "\\-");
        if line.starts_with(['.', '\'']) {
            line.insert_str(0, "\\&");
        }
        page.extend_from_slice(line.as_bytes());
        page.push(b'\n');
    }
    page.extend_from_slice(b".fi\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn generated_files_are_up_to_date() {
        for (path, content) in all().unwrap() {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
            if std::env::var_os("PORTCTL_BLESS").is_some() {
                std::fs::write(&path, &content).unwrap();
            }
            let present = std::fs::read(&path).unwrap_or_default();
            assert!(
                present == content,
                "{} is out of date: PORTCTL_BLESS=1 cargo test",
                path.display()
            );
        }
    }
}
