//! Holds the invariants of ARCHITECTURE.md that no compiler checks: crate arrows, purity of the engines, file heads and
//! lengths, documents that agree with the code. Each test says which file breaks which rule.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ENGINES: [&str; 3] = ["media", "pads", "workshop"];
/// Lines from which a file is named, and from which it is an error.
const LONG_LINES: usize = 400;
const TOO_LONG_LINES: usize = 600;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of the repository, without what is ignored; paths from the root.
fn files() -> Vec<PathBuf> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git can be started");
    assert!(output.status.success(), "not a git repository");
    let names = String::from_utf8(output.stdout).expect("file names are UTF-8");
    // A file that was deleted but not yet committed is still listed.
    let files: Vec<_> =
        names.split_terminator('\0').map(PathBuf::from).filter(|file| root().join(file).is_file()).collect();
    assert!(files.len() > 50, "only {} files found", files.len());
    files
}

fn with_ending(endings: &[&str]) -> Vec<(PathBuf, String)> {
    let ends = |file: &Path| file.extension().is_some_and(|e| endings.iter().any(|ending| e == *ending));
    let read = |file: PathBuf| fs::read_to_string(root().join(&file)).ok().map(|text| (file, text));
    files().into_iter().filter(|file| ends(file)).filter_map(read).collect()
}

/// Each workspace package and what it depends on: `(name, kind)`, kind "dev", "build" or "normal".
fn dependencies() -> BTreeMap<String, Vec<(String, String)>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo can be started");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let short = |name: &str| name.strip_prefix("werkraum-").unwrap_or(name).to_owned();
    let packages = metadata["packages"].as_array().expect("packages");
    let of = |package: &serde_json::Value| {
        let all = package["dependencies"].as_array().cloned().unwrap_or_default();
        all.iter()
            .map(|d| (short(d["name"].as_str().unwrap_or("")), d["kind"].as_str().unwrap_or("normal").to_owned()))
            .collect()
    };
    packages.iter().map(|p| (short(p["name"].as_str().unwrap_or("")), of(p))).collect()
}

#[test]
fn crates_depend_only_along_the_arrows() {
    let arrows: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("model", &[][..]),
        ("media", &["model"]),
        ("pads", &["model"]),
        ("workshop", &["model"]),
        ("store", &["model"]),
        ("wire", &["model", "workshop"]),
        ("werkraum", &["model", "media", "pads", "workshop", "store", "wire"]),
        ("testkit", &["model", "wire"]),
        ("xtask", &["model", "pads", "wire", "testkit"]),
    ]);
    let all = dependencies();
    assert_eq!(
        all.keys().map(String::as_str).collect::<BTreeSet<_>>(),
        arrows.keys().copied().collect(),
        "a new crate needs its arrows here and in ARCHITECTURE.md; ten is the ceiling"
    );
    for (package, dependencies) in &all {
        for (dependency, kind) in dependencies {
            let ours = arrows.contains_key(dependency.as_str());
            let allowed = arrows[package.as_str()].contains(&dependency.as_str())
                || (kind == "dev" && dependency == "testkit" && package == "werkraum");
            assert!(!ours || allowed, "{package} must not depend on {dependency}");
        }
    }
}

#[test]
fn engines_have_no_runtime_socket_clock_or_randomness_in_reach() {
    // What only the shell may use.
    const SHELL_ONLY: [&str; 14] = [
        "tokio",
        "axum",
        "hyper",
        "hyper-util",
        "sqlx",
        "rustls",
        "tokio-rustls",
        "quinn-udp",
        "socket2",
        "rand",
        "getrandom",
        "jiff",
        "metrics",
        "reqwest",
    ];
    let all = dependencies();
    for package in ENGINES.iter().chain(&["model", "wire"]) {
        for (dependency, kind) in &all[*package] {
            assert!(
                kind == "dev" || !SHELL_ONLY.contains(&dependency.as_str()),
                "{package} must not depend on {dependency}: the shell hands in time, randomness and bytes"
            );
        }
    }
}

#[test]
fn engines_ban_sockets_clocks_and_threads_by_lint() {
    for package in ENGINES.iter().chain(&["model", "wire"]) {
        let file = root().join("crates").join(package).join("clippy.toml");
        let text = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        for banned in [
            "std::time::Instant::now",
            "std::time::SystemTime::now",
            "std::thread::spawn",
            "std::net::UdpSocket",
            "std::net::TcpStream",
            "std::fs::File",
        ] {
            assert!(text.contains(&format!("\"{banned}\"")), "{} does not ban {banned}", file.display());
        }
    }
    // The lint can be switched off where it stands; not in an engine's own code, only for its unit tests as a whole.
    const FOR_TESTS: &str = "#![cfg_attr(test, allow(clippy::disallowed_methods";
    for (file, text) in with_ending(&["rs"]) {
        let engine = ENGINES.iter().any(|e| file.starts_with(format!("crates/{e}/src")));
        assert!(
            !engine || !text.replace(FOR_TESTS, "").contains("clippy::disallowed"),
            "{} switches the ban off",
            file.display()
        );
    }
}

#[test]
fn only_the_store_knows_sql_and_only_wire_meets_the_browser() {
    let all = dependencies();
    let users: Vec<_> =
        all.iter().filter(|(_, d)| d.iter().any(|(n, kind)| n == "sqlx" && kind == "normal")).map(|(p, _)| p).collect();
    assert_eq!(users, ["store"]);
}

#[test]
fn files_say_what_they_are_for() {
    let without: Vec<_> =
        with_ending(&["rs"]).into_iter().filter(|(_, text)| !text.starts_with("//!")).map(|(file, _)| file).collect();
    assert!(without.is_empty(), "these files do not begin with `//!`: {without:?}");
}

#[test]
fn files_are_short() {
    let mut lengths: Vec<_> = with_ending(&["rs", "ts", "tsx", "css"])
        .into_iter()
        .filter(|(file, _)| !file.starts_with("web/src/wire/generated"))
        .map(|(file, text)| (text.lines().count(), file))
        .filter(|(lines, _)| *lines > LONG_LINES)
        .collect();
    lengths.sort();
    for (lines, file) in &lengths {
        println!("{lines} lines: {}", file.display());
    }
    let too_long: Vec<_> = lengths.iter().filter(|(lines, _)| *lines > TOO_LONG_LINES).collect();
    assert!(too_long.is_empty(), "longer than {TOO_LONG_LINES} lines, split by job: {too_long:?}");
}

#[test]
fn nothing_is_left_for_later_or_tied_to_one_machine() {
    // Put together so that this file does not find itself.
    let forbidden = [["TO", "DO"], ["FIX", "ME"], ["/ho", "me/"], ["/Use", "rs/"], ["/ro", "ot/"], ["/wo", "rk/"]]
        .map(|p| p.concat());
    for (file, text) in with_ending(&["rs", "toml", "md", "ts", "tsx", "css", "html", "json", "sh", "mjs", "js"]) {
        for (number, line) in text.lines().enumerate() {
            let found = forbidden.iter().find(|f| line.contains(f.as_str()));
            // Relative imports and URLs may hold the word as a folder of their own.
            let innocent = line.contains("../") || line.contains("://");
            assert!(
                found.is_none() || innocent,
                "{}:{}: {}",
                file.display(),
                number + 1,
                found.cloned().unwrap_or_default()
            );
        }
    }
}

#[test]
fn links_in_documents_lead_somewhere() {
    let mut broken = Vec::new();
    for (file, text) in with_ending(&["md"]) {
        for target in text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next()) {
            let path = target.split('#').next().unwrap_or("");
            let elsewhere = path.is_empty() || path.contains("://") || path.starts_with("mailto:");
            let base = root().join(file.parent().unwrap_or(Path::new("")));
            if !elsewhere && !base.join(path).exists() {
                broken.push(format!("{} -> {target}", file.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn files_named_in_architecture_exist() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let is_path = |word: &str| {
        ["src/", "crates/", "web/", "tests/", "docs/", "config/"].iter().any(|start| word.starts_with(start))
            && !word.contains(['*', '<', ' ', '{'])
    };
    let named: Vec<_> = text.split('`').skip(1).step_by(2).filter(|word| is_path(word)).collect();
    assert!(named.len() > 20, "only {} files named", named.len());
    let missing: Vec<_> = named.into_iter().filter(|path| !root().join(path).exists()).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md names what is not there: {missing:?}");
}

/// The names that a serialised enum's variants have in JSON, read from its source.
fn variants(source: &str, name: &str) -> BTreeSet<String> {
    let head = format!("pub enum {name} {{");
    let body = source.split(&head).nth(1).unwrap_or_else(|| panic!("no enum {name}"));
    let body = body.split("\n}").next().unwrap_or("");
    let found: BTreeSet<_> = body
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()))
        .filter_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric()).next())
        .map(snake_case)
        .collect();
    assert!(!found.is_empty(), "enum {name} has no variants");
    found
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for (i, c) in name.char_indices() {
        if c.is_ascii_uppercase() && i > 0 {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

#[test]
fn the_protocol_document_names_every_message_and_code() {
    let document = fs::read_to_string(root().join("docs/protocol.md")).expect("docs/protocol.md");
    let read = |file: &str| fs::read_to_string(root().join("crates/wire/src").join(file)).expect(file);
    let (client, server) = (read("client.rs"), read("server.rs"));
    let mut names = BTreeSet::new();
    for (source, name) in
        [(&client, "ClientMessage"), (&client, "Command"), (&server, "ServerMessage"), (&server, "Event")]
    {
        names.extend(variants(source, name));
    }
    names.extend(wire::code::Code::ALL.iter().map(|code| snake_case(&code.to_string())));
    let missing: Vec<_> = names
        .into_iter()
        .filter(|name| ![format!("`{name}`"), format!("\"{name}\"")].iter().any(|named| document.contains(named)))
        .collect();
    assert!(missing.is_empty(), "docs/protocol.md does not name: {missing:?}");
}

#[test]
fn the_version_is_told_once() {
    let toolchain = fs::read_to_string(root().join("rust-toolchain.toml")).expect("rust-toolchain.toml");
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    let rust = manifest.split("rust-version = \"").nth(1).and_then(|rest| rest.split('"').next()).expect("a version");
    assert!(toolchain.contains(&format!("channel = \"{rust}")), "rust-toolchain.toml and Cargo.toml differ");
}
