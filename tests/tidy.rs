//! The shape of the source, read from the source: which layer may name which, what must stand at the head
//! of a file, and that the pages made from tables are in step with them.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Layer and the layers it may name beside itself. `main.rs`, its part `reader.rs`, and `lib.rs` may name all.
const ARROWS: &[(&str, &[&str])] = &[
    ("mail", &[]),
    ("clock", &[]),
    ("paths", &[]),
    ("events", &[]),
    ("fault", &[]),
    ("mime", &["mail"]),
    ("crypt", &["mail"]),
    ("config", &["mail"]),
    ("store", &["mail", "fault"]),
    ("remote", &["mail", "config"]),
    ("worker", &["mail", "mime", "crypt", "store", "remote", "config", "events", "clock", "fault"]),
    ("ui", &["mail", "config", "store", "worker", "events", "clock", "fault"]),
    ("demo", &["mail", "config", "store", "clock"]),
    ("cli", &["mail", "mime", "config", "store", "remote", "worker", "events", "clock", "paths", "demo", "ui"]),
];

/// Crates, and the paths under `src` that may name them.
const CRATES: &[(&str, &[&str])] = &[
    ("ratatui", &["ui", "main.rs", "reader.rs"]),
    ("rusqlite", &["store"]),
    ("html2text", &["mime"]),
    ("mail_parser", &["mime"]),
    ("mail_builder", &["mime"]),
    ("image", &["mime"]),
    ("imap_proto", &["remote"]),
    ("lettre", &["remote"]),
    ("tokio_rustls", &["remote"]),
    ("rustls", &["remote"]),
    ("clap", &["cli", "main.rs"]),
];

/// What of `ui` the commands may name.
const CLI_NAMES_OF_UI: &[&str] = &["crate::ui::action", "crate::ui::keymap"];

/// Lines of a file, tables apart.
const MAX_LINES: usize = 700;
const TABLES: &[&str] = &["ui/action/table.rs", "config/keys.rs"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// One source file: its path under `src` and its text without comments and without its tests.
struct Source {
    name: String,
    whole: String,
    code: String,
    is_tests: bool,
}

fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    collect(&root().join("src"), &mut files);
    files.sort();
    let sources: Vec<Source> = files.iter().map(|path| source(path)).collect();
    assert!(sources.len() > 20, "only {} files found", sources.len());
    sources
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn source(path: &Path) -> Source {
    let whole = std::fs::read_to_string(path).unwrap();
    let name = path.strip_prefix(root().join("src")).unwrap().display().to_string();
    let is_tests = name.ends_with("tests.rs") || name.contains("/tests/");
    let mut code = String::new();
    for line in whole.lines().filter(|_| !is_tests) {
        if line.starts_with("#[cfg(test)]") {
            break;
        }
        code.push_str(line.split("//").next().unwrap_or_default());
        code.push('\n');
    }
    Source { name, whole, code, is_tests }
}

/// The layer a file belongs to: its first folder, or its own name at the top.
fn layer(name: &str) -> &str {
    name.split('/').next().unwrap_or(name).trim_end_matches(".rs")
}

/// Every path that begins with `crate::` (groups after `crate::{` opened), up to where it ends.
fn crate_paths(code: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let group = group.split('}').next().unwrap_or_default();
            paths.extend(group.split(',').map(|part| format!("crate::{}", part.trim())));
        } else {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(rest.len());
            let mut path = format!("crate::{}", &rest[..end]);
            // `crate::ui::{a, b}` names crate::ui::a and crate::ui::b
            match rest[end..].strip_prefix('{') {
                Some(group) if path.ends_with("::") => {
                    let group = group.split('}').next().unwrap_or_default();
                    paths.extend(group.split(',').map(|part| format!("{path}{}", part.trim())));
                }
                _ => {
                    path = path.trim_end_matches(':').to_owned();
                    paths.push(path);
                }
            }
        }
    }
    paths
}

#[test]
fn layers_name_only_those_below_them() {
    let mut wrong = Vec::new();
    for source in sources() {
        let from = layer(&source.name);
        if matches!(from, "main" | "reader" | "lib") {
            continue;
        }
        let Some((_, allowed)) = ARROWS.iter().find(|(layer, _)| *layer == from) else {
            wrong.push(format!("{}: the layer {from} has no row in ARROWS", source.name));
            continue;
        };
        for path in crate_paths(&source.code) {
            let to = path.split("::").nth(1).unwrap_or_default();
            if to != from && !to.is_empty() && !allowed.contains(&to) {
                wrong.push(format!("{} names {path}", source.name));
            }
            if from == "cli" && to == "ui" && !CLI_NAMES_OF_UI.iter().any(|allowed| path.starts_with(allowed)) {
                wrong.push(format!("{} names {path}: of ui only the tables", source.name));
            }
            if from == "ui" && path.contains("store") && path.contains("Writer") {
                wrong.push(format!("{} names {path}: the screen never writes", source.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn crates_stay_in_their_layer() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (name, places) in CRATES {
            let is_here = places.contains(&source.name.as_str()) || places.contains(&layer(&source.name));
            let names = [format!("use {name}::"), format!("{name}::"), format!("use {name};")];
            let is_named = names.iter().any(|pattern| {
                source.code.match_indices(pattern.as_str()).any(|(at, _)| {
                    let before = source.code[..at].chars().next_back();
                    !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
                })
            });
            // an error type travels where it is wrapped
            if is_named && !is_here {
                wrong.push(format!("{} names the crate {name}", source.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn files_have_a_head_and_a_bearable_length() {
    let mut wrong = Vec::new();
    for source in sources() {
        if !source.whole.starts_with("//!") && !source.is_tests {
            wrong.push(format!("{} does not begin with //!", source.name));
        }
        let lines = source.whole.lines().count();
        if lines > MAX_LINES && !TABLES.contains(&source.name.as_str()) {
            wrong.push(format!("{} has {lines} lines", source.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn nothing_prints_or_gives_up_where_it_must_not() {
    let mut wrong = Vec::new();
    for source in sources() {
        let is_command = matches!(layer(&source.name), "cli" | "main");
        for (number, line) in source.code.lines().enumerate() {
            let prints = ["println!", "eprintln!", "print!(", "eprint!(", "dbg!("].iter().any(|word| line.contains(word));
            if (prints && !is_command) || line.contains(".unwrap()") || line.contains("todo!(") || line.contains("unimplemented!(") {
                wrong.push(format!("{}:{}: {}", source.name, number + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_page_of_keys_is_made_from_the_table() {
    let page = std::fs::read_to_string(root().join("docs/keys.md")).unwrap_or_default();
    assert!(page == postrider::ui::action::markdown(), "docs/keys.md differs: cargo run -- keys --markdown > docs/keys.md");
}

#[test]
fn the_table_of_servers_is_made_from_the_source() {
    let page = std::fs::read_to_string(root().join("docs/servers.md")).unwrap_or_default();
    let table = postrider::remote::imap::quirks::markdown();
    assert!(page.ends_with(&table), "docs/servers.md does not end with:\n{table}");
}

/// The crates of a table of Cargo.toml.
fn dependencies(table: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let manifest: toml::Table = text.parse().unwrap();
    manifest[table].as_table().unwrap().keys().cloned().collect()
}

#[test]
fn every_dependency_has_its_reason_and_every_reason_its_dependency() {
    let page = std::fs::read_to_string(root().join("docs/design.md")).unwrap();
    let (_, section) = page.split_once("## Dependencies").unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next()).skip(1);
    let told: Vec<&str> = rows.flat_map(|cell| cell.split(", ")).map(|name| name.split(" (").next().unwrap_or_default()).collect();
    let mut used = dependencies("dependencies");
    let mut told_sorted = told.clone();
    used.sort();
    told_sorted.sort_unstable();
    assert_eq!(used, told_sorted, "the table in docs/design.md and Cargo.toml");
    for name in dependencies("dev-dependencies") {
        assert!(section.contains(&name), "docs/design.md has no word of {name}");
    }
}

/// A dependency that no line names is dead weight.
#[test]
fn every_dependency_is_used() {
    let code: String = sources().into_iter().map(|source| source.whole).collect();
    for name in dependencies("dependencies") {
        assert!(code.contains(&format!("{}::", name.replace('-', "_"))), "no source file names {name}");
    }
}

/// Every link of a page to a file of the project leads to one.
#[test]
fn links_in_the_pages_lead_somewhere() {
    let mut pages = vec![root().join("README.md")];
    pages.extend(std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    let mut wrong = Vec::new();
    for page in pages.iter().filter(|page| page.extension().is_some_and(|extension| extension == "md")) {
        let text = std::fs::read_to_string(page).unwrap();
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        for target in targets.filter(|target| !target.is_empty() && !target.contains("://")) {
            if !page.parent().unwrap().join(target).exists() {
                wrong.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Every test that docs/reliability.md names is a function of the tests.
#[test]
fn the_tests_that_the_pages_name_exist() {
    let mut files = Vec::new();
    collect(&root().join("src"), &mut files);
    collect(&root().join("tests"), &mut files);
    let code: String = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let page = std::fs::read_to_string(root().join("docs/reliability.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| ") && line.ends_with(" |"));
    let cells = rows.filter_map(|row| row.trim_end_matches(" |").rsplit(" | ").next());
    let named: Vec<&str> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    // a function, or a row of a table of threats
    let is_test = |name: &&&str| code.contains(&format!("fn {name}(")) || code.contains(&format!("\n    {name}: \""));
    let missing: Vec<&&str> = named.iter().filter(|name| !is_test(name)).collect();
    assert!(missing.is_empty() && named.len() > 30, "{} named, not there: {missing:#?}", named.len());
}

/// The packages of Cargo.lock but ourselves.
fn locked() -> Vec<toml::Table> {
    let lock: toml::Table = std::fs::read_to_string(root().join("Cargo.lock")).unwrap().parse().unwrap();
    let packages = lock["package"].as_array().unwrap().iter().map(|package| package.as_table().unwrap().clone());
    packages.filter(|package| package["name"].as_str() != Some("postrider")).collect()
}

#[test]
fn every_crate_is_pinned_by_its_checksum() {
    let packages = locked();
    let is_pinned = |package: &&toml::Table| {
        let source = package.get("source").and_then(toml::Value::as_str);
        let sum = package.get("checksum").and_then(toml::Value::as_str).unwrap_or_default();
        source == Some("registry+https://github.com/rust-lang/crates.io-index") && sum.len() == 64
    };
    let loose: Vec<_> = packages.iter().filter(|package| !is_pinned(package)).map(|package| package["name"].to_string()).collect();
    assert!(loose.is_empty() && packages.len() > 50, "{} crates, loose: {loose:?}", packages.len());
}

/// Licences that a program under MIT or Apache-2.0 may be built from.
const LICENCES: [&str; 14] = [
    "MIT",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
    "Unlicense",
    "WTFPL",
    "CC0-1.0",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "MPL-2.0",
    "CDLA-Permissive-2.0",
];

#[test]
fn every_crate_has_a_licence_that_allows_it() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).args(["metadata", "--locked", "--format-version", "1"]).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let all: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let is_fine = |licence: &str| {
        // one of those offered is enough; of those asked for together every one must be
        let any = licence.replace('/', " OR ");
        any.split(" OR ").any(|one| {
            one.split(" AND ").all(|word| LICENCES.contains(&word.trim_matches(['(', ')', ' ']).split(" WITH ").next().unwrap()))
        })
    };
    let packages = all["packages"].as_array().unwrap();
    let wrong = packages.iter().filter(|package| !package["license"].as_str().is_some_and(is_fine));
    let wrong: Vec<String> = wrong.map(|package| format!("{} {}", package["name"], package["license"])).collect();
    assert!(wrong.is_empty() && packages.len() > 50, "{wrong:#?}");
}

#[test]
fn the_source_is_formatted() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).args(["fmt", "--check"]).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "cargo fmt mends this:\n{}", String::from_utf8_lossy(&output.stdout));
}

/// Every `postrider WORD` in code marks and blocks of the pages is a command of the program.
#[test]
fn commands_in_the_pages_exist() {
    use clap::CommandFactory;
    let command = postrider::cli::args::Cli::command();
    let known: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
    let mut pages = vec![root().join("README.md"), root().join("config.example.toml")];
    pages.extend(std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    let mut wrong = Vec::new();
    let mut found = 0;
    for page in pages.iter().filter(|page| page.extension().is_some_and(|extension| extension == "md" || extension == "toml")) {
        let text = std::fs::read_to_string(page).unwrap();
        for (number, line) in text.lines().enumerate() {
            for word in commands(line, number, &text) {
                found += 1;
                if !known.contains(&word.as_str()) {
                    wrong.push(format!("{}:{}: postrider {word}", page.display(), number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty() && found > 5, "{found} found; {wrong:#?}");
}

/// The words after `postrider ` in a line: at the start of a line of a block, or after a backtick.
fn commands(line: &str, number: usize, text: &str) -> Vec<String> {
    let in_block = text.lines().take(number).filter(|line| line.starts_with("```")).count() % 2 == 1;
    let starts = line.match_indices("`postrider ").map(|(at, mark)| at + mark.len());
    let starts = starts.chain((in_block && line.starts_with("postrider ")).then_some("postrider ".len()));
    let word = |at: usize| line[at..].split(|c: char| !(c.is_alphanumeric() || c == '-')).next().unwrap_or_default().to_owned();
    starts.map(word).filter(|word| !word.is_empty() && !word.starts_with('-')).collect()
}
