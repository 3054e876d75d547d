//! The process that is measured: its CPU time and memory from `/proc`, and its core. All that is asked of the system.

use anyhow::{Context as _, Result, ensure};
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

/// The core of the server and the floor, and that of the generator.
pub(crate) const SERVER_CORE: usize = 0;
pub(crate) const GENERATOR_CORE: usize = 1;

/// Binds a thread (`all`: every thread of a process) to a core. With one core there is nothing to choose.
fn pin(id: &str, core: usize, all: bool) -> Result<()> {
    let mut taskset = Command::new("taskset");
    if all {
        taskset.arg("-a");
    }
    let status = taskset.args(["-c", "-p", &core.to_string(), id]).stdout(Stdio::null()).status();
    ensure!(status.context("taskset (util-linux)")?.success(), "taskset cannot bind {id} to core {core}");
    Ok(())
}

/// Binds the calling thread and those that it will start.
pub(crate) fn pin_thread(core: usize) -> Result<()> {
    let link = std::fs::read_link("/proc/thread-self")?;
    let id = link.file_name().and_then(|name| name.to_str()).context("no thread id")?;
    if core < cores() { pin(id, core, false) } else { Ok(()) }
}

/// How many cores the machine has, also when this thread is bound to one of them.
pub(crate) fn cores() -> usize {
    let list = std::fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default();
    list.trim().rsplit(['-', ',']).next().and_then(|last| last.parse::<usize>().ok()).map_or(1, |last| last + 1)
}

/// A process that is watched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process {
    id: u32,
}

fn run_time_ns(path: &Path) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.split(' ').next()?.parse().ok()
}

/// CPU time of a process by thread: one that ends takes its part along, so differences are made thread by thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct Used(HashMap<OsString, (u64, bool)>);

impl Used {
    /// What all threads have used since then, and those that were asked for by name.
    pub(crate) fn since(&self, before: &Self) -> (u64, u64) {
        let mut sums = (0, 0);
        for (thread, (ns, named)) in &self.0 {
            let more = ns.saturating_sub(before.0.get(thread).map_or(0, |(ns, _)| *ns));
            sums.0 += more;
            sums.1 += if *named { more } else { 0 };
        }
        sums
    }
}

/// CPU time of the calling thread.
pub(crate) fn own_cpu_ns() -> Result<u64> {
    run_time_ns(Path::new("/proc/thread-self/schedstat")).context("no schedstat: CONFIG_SCHED_INFO is needed")
}

impl Process {
    /// Watches a process and binds it to the server's core.
    pub(crate) fn watch(id: u32) -> Result<Self> {
        if SERVER_CORE + 1 < cores() {
            pin(&id.to_string(), SERVER_CORE, true)?;
        }
        Ok(Self { id })
    }

    /// CPU time so far.
    pub(crate) fn used(&self, name: &str) -> Result<Used> {
        let mut all = Used::default();
        for task in std::fs::read_dir(format!("/proc/{}/task", self.id)).context("the server is gone")? {
            let task = task?;
            // A thread may end between listing and reading.
            let Some(ns) = run_time_ns(&task.path().join("schedstat")) else { continue };
            let named = std::fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.starts_with(name));
            all.0.insert(task.file_name(), (ns, named));
        }
        Ok(all)
    }

    /// Resident memory.
    pub(crate) fn resident_bytes(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id)).context("the server is gone")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").trim().parse::<u64>()? * 1_024)
    }
}

/// The process that listens on a TCP port of this machine, for servers that somebody else has started.
pub(crate) fn listening_on(port: u16) -> Result<u32> {
    let mut inodes = Vec::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let Ok(text) = std::fs::read_to_string(table) else { continue };
        for line in text.lines().skip(1) {
            let words: Vec<&str> = line.split_whitespace().collect();
            // local_address, state 0A (listen), inode.
            if let (Some(local), Some(&"0A"), Some(inode)) = (words.get(1), words.get(3), words.get(9))
                && local.rsplit(':').next().and_then(|hex| u16::from_str_radix(hex, 16).ok()) == Some(port)
            {
                inodes.push(format!("socket:[{inode}]"));
            }
        }
    }
    for process in std::fs::read_dir("/proc")?.flatten() {
        let Some(id) = process.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        for file in std::fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten() {
            let target = std::fs::read_link(file.path()).unwrap_or_default();
            if inodes.iter().any(|inode| target.as_os_str() == inode.as_str()) {
                return Ok(id);
            }
        }
    }
    anyhow::bail!("no process of this machine listens on port {port}: its CPU cannot be measured")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listening_process_is_found_and_measured() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("port");
        let port = listener.local_addr().expect("address").port();
        assert_eq!(listening_on(port).expect("found"), std::process::id());
        let this = Process { id: std::process::id() };
        assert!(this.resident_bytes().expect("memory") > 0);
        let own = own_cpu_ns().expect("time");
        let (all, named) = this.used("").expect("time").since(&Used::default());
        assert!(all >= own && named == all);
    }
}
