//! Proofs with real browsers in networks of their own (`web/e2e/proofs`): runs them against the server and keeps what
//! they print under `docs/proof` with date, machine and command. Needs root, nftables, conntrack and Chromium.

use anyhow::{Context, Result, ensure};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Runs `web/e2e/proofs/FILE.proof.ts` with so many repetitions and writes `docs/proof/NAME.md`; `figures` are lines that
/// are known already and stand first.
///
/// # Errors
/// When it cannot be run or a limit did not hold.
pub(crate) fn run(binary: &Path, name: &str, title: &str, file: &str, times: u32, mut figures: String) -> Result<()> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut child = Command::new("npx")
        .args(["playwright", "test", "--config", "e2e/proofs.config.ts", &format!("{file}.proof.ts")])
        .current_dir(root.join("web"))
        .env("WERKRAUM_BIN", std::path::absolute(binary)?)
        .env("WERKRAUM_PROOF_TIMES", times.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .context("npx: run npm ci in web/ first")?;
    for line in BufReader::new(child.stdout.take().context("its output")?).lines() {
        let line = line?;
        println!("{line}");
        if is_figure(&line) {
            writeln!(figures, "{line}")?;
        }
    }
    ensure!(child.wait()?.success(), "a limit did not hold, see above");
    let (date, machine) = (said("date", &["-u", "+%F"]), machine());
    let command = format!("cargo xtask prove {name} --times {times}");
    let text = format!("# {title}\n\n`{command}`, {date}, {machine}.\n\n```\n{figures}```\n");
    let target = root.join("docs/proof").join(format!("{name}.md"));
    std::fs::create_dir_all(root.join("docs/proof"))?;
    std::fs::write(&target, text).with_context(|| format!("writing {}", target.display()))
}

/// `name=value`, and nothing that Playwright says by itself.
fn is_figure(line: &str) -> bool {
    let is_name =
        |name: &str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit());
    line.split_once('=').is_some_and(|(name, value)| !name.is_empty() && is_name(name) && !value.contains(' '))
}

fn machine() -> String {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let cpu =
        cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name.trim()));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or_default();
    let kernel = said("uname", &["-r"]);
    format!("{cores} cores of {}, Linux {kernel}, load {load} at the end", cpu.unwrap_or("unknown"))
}

fn said(command: &str, arguments: &[&str]) -> String {
    let output = Command::new(command).args(arguments).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_told_from_words() {
        assert!(is_figure("udp_blocked_way=ice_tcp,turn_tls") && is_figure("a2=1"));
        for line in ["Running 3 tests using 1 worker", "# a=1", "=1", "a=1 b", "  a=1", ""] {
            assert!(!is_figure(line), "{line}");
        }
    }
}
