//! `cargo xtask fuzz NAME`: a fuzz target under libFuzzer for some minutes, from and into the corpus of the repository.
//! Its tests are the short run of `./run test`: the corpus again, then seeded mutations of it.
//!
//! The targets are `fuzz/targets`; libFuzzer needs other compiler flags, so `fuzz/` is compiled on its own.

#[path = "../../../fuzz/targets/mod.rs"]
pub(crate) mod targets;

use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use targets::Target;

/// What makes rustc count edges (SanitizerCoverage); works without a nightly compiler.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
                     -Cllvm-args=-sanitizer-coverage-trace-compares";
/// Files of one target in the repository, and their bytes; those that reach most come first.
const FILES_MAX: usize = 150;
const FILES_BYTES_MAX: u64 = 80_000;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Which target; `all`: one after the other.
    name: String,
    /// How long each of them.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// Only try this file (of the corpus, or of `fuzz/crashes`).
    #[arg(long)]
    replay: Option<PathBuf>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let all = || targets::ALL.iter().collect::<Vec<_>>();
    let wanted = match arguments.name.as_str() {
        "all" => all(),
        name => targets::find(name).into_iter().collect(),
    };
    let names = || all().iter().map(|target| target.name).collect::<Vec<_>>().join(", ");
    ensure!(!wanted.is_empty(), "no target {:?}; there are {}, or all", arguments.name, names());
    if let Some(file) = &arguments.replay {
        let bytes = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
        // What a stage had seen is a row of inputs.
        let is_row = file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("stage-"));
        let inputs = if is_row { targets::row(&bytes) } else { vec![bytes] };
        inputs.iter().for_each(|input| (wanted[0].run)(input));
        return Ok(ExitCode::SUCCESS);
    }
    let binary = build()?;
    for target in wanted {
        guided(&binary, target, arguments.minutes)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn build() -> Result<PathBuf> {
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        // With a target named, build scripts and macros are compiled without the flags.
        .args(["build", "--release", "--locked", "--quiet", "--target", &triple])
        .current_dir(folder())
        .env("RUSTFLAGS", FLAGS)
        .env_remove("CARGO_TARGET_DIR")
        .status()?;
    ensure!(status.success(), "the fuzz targets cannot be built");
    Ok(folder().join("target").join(triple).join("release/werkraum-fuzz"))
}

/// Runs libFuzzer and keeps what it found: the smallest inputs that reach everything that was reached.
fn guided(binary: &Path, target: &Target, minutes: u64) -> Result<()> {
    let (corpus_folder, crashes) = (folder().join("corpus").join(target.name), folder().join("crashes"));
    let working = tempfile::tempdir()?;
    fs::create_dir_all(&corpus_folder)?;
    fs::create_dir_all(&crashes)?;
    let libfuzzer = || {
        let mut command = Command::new(binary);
        command
            .env("WERKRAUM_FUZZ", target.name)
            .arg(format!("-max_len={}", target.bytes_max))
            .arg(format!("-artifact_prefix={}/{}-", crashes.display(), target.name))
            .args(["-timeout=20", "-rss_limit_mb=2048"])
            .stdin(Stdio::null());
        command
    };
    let output = libfuzzer()
        .env("WERKRAUM_FUZZ_SEEDS", working.path())
        .arg(format!("-max_total_time={}", minutes * 60))
        .args(["-len_control=0", "-print_final_stats=1"])
        .args([working.path(), &corpus_folder])
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let last = |key: &str| said.lines().rev().find_map(|line| Some(line.split_once(key)?.1.trim().to_owned()));
    let number = |text: Option<String>| text.and_then(|text| text.split(' ').next()?.parse::<u64>().ok()).unwrap_or(0);
    let executions = number(last("stat::number_of_executed_units:"));
    let edges = number(last(" cov: "));
    println!("{}_executions={executions}", target.name);
    println!("{}_edges={edges}", target.name);
    println!("{}_crashes={}", target.name, u8::from(!output.status.success()));
    if !output.status.success() {
        let end: Vec<&str> = said.lines().rev().take(60).collect();
        bail!("{}:\n{}", target.name, end.into_iter().rev().collect::<Vec<_>>().join("\n"));
    }
    // The corpus of the repository anew: what is small and reaches everything.
    let merged = tempfile::tempdir()?;
    let status = libfuzzer()
        .arg("-merge=1")
        .args([merged.path(), &corpus_folder, working.path()])
        .stderr(Stdio::null())
        .status()?;
    ensure!(status.success(), "{}: the corpus cannot be merged", target.name);
    let mut files = Vec::new();
    for entry in fs::read_dir(merged.path())? {
        let entry = entry?;
        files.push((entry.metadata()?.len(), entry.path()));
    }
    files.sort();
    let mut room = FILES_BYTES_MAX;
    let kept: Vec<PathBuf> = files
        .into_iter()
        .take(FILES_MAX)
        .take_while(|(size, _)| {
            room = room.saturating_sub(*size);
            room > 0
        })
        .map(|(_, path)| path)
        .collect();
    fs::remove_dir_all(&corpus_folder)?;
    fs::create_dir_all(&corpus_folder)?;
    for path in &kept {
        fs::copy(path, corpus_folder.join(path.file_name().unwrap_or_default()))?;
    }
    println!("{}_corpus_files={}", target.name, kept.len());
    Ok(())
}

/// The short run of `./run test`: each target one test, so that a failure names it.
#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use targets::mutate::{Random, mutated};

    /// The corpus of a target, in an order that does not depend on the file system.
    fn corpus(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
        let entries = fs::read_dir(folder().join("corpus").join(target.name)).into_iter().flatten().flatten();
        let paths: BTreeSet<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.into_iter().filter_map(|path| fs::read(&path).ok().map(|bytes| (path, bytes))).collect()
    }

    /// More by hand with `WERKRAUM_FUZZ_ROUNDS=100` (times as many), another seed with `WERKRAUM_FUZZ_SEED`.
    fn number(name: &str, usual: u64) -> u64 {
        std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
    }

    fn short(name: &str) {
        let target = targets::find(name).expect("a target");
        let known: Vec<(String, Vec<u8>)> = (target.seeds)()
            .into_iter()
            .enumerate()
            .map(|(at, seed)| (format!("seed {at}"), seed))
            .chain(corpus(target).into_iter().map(|(path, bytes)| (path.display().to_string(), bytes)))
            .collect();
        let attempt = |what: &str, bytes: &[u8]| {
            if std::panic::catch_unwind(|| (target.run)(bytes)).is_err() {
                let crashes = folder().join("crashes");
                let file = crashes.join(format!("{name}-short"));
                let saved = fs::create_dir_all(&crashes).and_then(|()| fs::write(&file, bytes));
                panic!("{name}: {what} fails; saved ({saved:?}) as {}", file.display());
            }
        };
        for (what, bytes) in &known {
            attempt(what, bytes);
        }
        let inputs: Vec<Vec<u8>> = known.into_iter().map(|(_, bytes)| bytes).collect();
        let seed = number("WERKRAUM_FUZZ_SEED", 1);
        let mut random = Random(seed);
        for round in 0..u64::from(target.short) * number("WERKRAUM_FUZZ_ROUNDS", 1) {
            let bytes = mutated(&mut random, &inputs, target.bytes_max);
            attempt(&format!("seed {seed}, round {round}"), &bytes);
        }
    }

    macro_rules! short_runs {
        ($($name:ident)*) => {
            $(#[test]
            fn $name() {
                short(stringify!($name));
            })*

            #[test]
            fn every_target_runs_here() {
                let all: Vec<&str> = targets::ALL.iter().map(|target| target.name).collect();
                assert_eq!(all, [$(stringify!($name)),*]);
            }
        };
    }

    short_runs!(stun hello rtp rtcp twcc descriptor rtx sdp pad_update pad_awareness pad_frames);
}
