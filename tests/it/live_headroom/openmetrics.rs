//! A strict reader of metrics: what OpenMetrics demands beyond what `promtool` does, but for the name that counters are described by,
//! where the two disagree.

use std::collections::{BTreeMap, HashSet};

/// What was read: the value of every series, by its name and labels as they are written.
pub(super) fn read(text: &str) -> BTreeMap<&str, f64> {
    let body = text.strip_suffix("# EOF\n");
    let body = body.unwrap_or_else(|| panic!("no EOF at the end: {text}"));
    let mut series = BTreeMap::new();
    let mut finished: HashSet<&str> = HashSet::new();
    let mut family = Family::default();
    for line in body.lines() {
        assert!(!line.is_empty() && line != "# EOF", "{text}");
        if let Some(described) = line.strip_prefix("# ") {
            let [keyword, name, value] = described.splitn(3, ' ').collect::<Vec<_>>()[..] else {
                panic!("{line}");
            };
            if name != family.name {
                assert!(finished.insert(family.name), "{name} goes on after others");
                assert!(!finished.contains(name), "{name} twice");
                family = Family {
                    name,
                    ..Family::default()
                };
            }
            assert!(!family.has_samples, "described after its samples: {line}");
            let place = match keyword {
                "HELP" => &mut family.help,
                "TYPE" => &mut family.kind,
                "UNIT" => {
                    assert!(name.ends_with(&format!("_{value}")), "{line}");
                    &mut family.unit
                }
                other => panic!("{other}: {line}"),
            };
            assert!(place.replace(value).is_none(), "twice: {line}");
            continue;
        }
        let (key, value) = line.rsplit_once(' ').unwrap();
        let name = key.split('{').next().unwrap();
        let wanted = match family.kind {
            Some("counter") => family.name.ends_with("_total"),
            Some("gauge") => !family.name.ends_with("_total"),
            other => panic!("no such type: {other:?}"),
        };
        assert!(wanted, "a name for another type: {line}");
        assert_eq!(name, family.name, "of another family: {line}");
        assert!(family.help.is_some(), "no help: {line}");
        family.has_samples = true;
        if let Some(labels) = key.strip_prefix(name).and_then(|l| l.strip_prefix('{')) {
            check_labels(labels);
        }
        let again = series.insert(key, value.parse().unwrap());
        assert_eq!(again, None, "twice: {key}");
    }
    series
}

#[derive(Default)]
struct Family<'a> {
    name: &'a str,
    help: Option<&'a str>,
    kind: Option<&'a str>,
    unit: Option<&'a str>,
    has_samples: bool,
}

/// Labels, up to the bracket that ends them, each once and rightly quoted.
fn check_labels(mut rest: &str) {
    let mut names = HashSet::new();
    loop {
        let (name, value) = rest.split_once("=\"").unwrap();
        assert!(names.insert(name), "{name} twice");
        assert!(
            name.chars().all(|c| c.is_ascii_lowercase() || c == '_'),
            "{name}"
        );
        let mut escaped = false;
        let end = value.find(|c| match c {
            _ if escaped => {
                assert!(matches!(c, '\\' | '"' | 'n'), "{value}");
                escaped = false;
                false
            }
            '\\' => {
                escaped = true;
                false
            }
            c => c == '"',
        });
        rest = &value[end.unwrap() + 1..];
        match rest {
            "}" => return,
            _ => rest = rest.strip_prefix(',').unwrap(),
        }
    }
}
