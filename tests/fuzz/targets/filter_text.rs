//! Filter text: parses or is refused, and what was parsed prints as something that parses to the same. As the contents of a file, it
//! loses its comments first.
#![no_main]
use libfuzzer_sys::fuzz_target;
use portctl::filter;

fuzz_target!(|text: &str| {
    let _ = filter::parse(&[filter::file_text(text.as_bytes())]);
    let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    if let Ok(tree) = filter::parse(&words) {
        let printed = tree.to_string();
        let again = filter::parse(&[printed.clone()]).expect("printed text parses");
        assert_eq!(again.to_string(), printed);
    }
});
