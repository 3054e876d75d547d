//! What the kernel knows of UDP sockets (`/proc/net/udp`): what waits and what was dropped. Tells a loss that the
//! server made from one that a busy machine made. Used by `stranger`.

use anyhow::{Context, Result};
use std::collections::HashSet;
use std::net::SocketAddr;

/// Datagrams that the kernel dropped at the media port for want of room in its buffer.
pub(super) fn dropped_at(media: SocketAddr) -> Result<u64> {
    let port = format!(":{:04X}", media.port());
    Ok(sockets()?.iter().filter(|socket| socket.local.ends_with(&port)).map(|socket| socket.dropped).sum())
}

/// The same at this program's own sockets: the participants did not take them in time.
pub(super) fn dropped_by_us() -> Result<u64> {
    let mut ours = HashSet::new();
    for entry in std::fs::read_dir("/proc/self/fd")? {
        // The descriptor that lists them is gone by now.
        let Ok(target) = std::fs::read_link(entry?.path()) else { continue };
        let inode = target.to_str().and_then(|target| target.strip_prefix("socket:[")?.strip_suffix(']'));
        ours.extend(inode.map(str::to_owned));
    }
    Ok(sockets()?.iter().filter(|socket| ours.contains(&socket.inode)).map(|socket| socket.dropped).sum())
}

/// Bytes that wait for the server at the media port.
pub(super) fn waiting_at(media: SocketAddr) -> Result<u64> {
    let port = format!(":{:04X}", media.port());
    let waiting = sockets()?.into_iter().filter(|socket| socket.local.ends_with(&port));
    Ok(waiting.map(|socket| socket.waiting_bytes).sum())
}

/// A line of `/proc/net/udp`.
struct UdpSocketLine {
    local: String,
    waiting_bytes: u64,
    inode: String,
    dropped: u64,
}

fn sockets() -> Result<Vec<UdpSocketLine>> {
    let mut all = Vec::new();
    for table in ["/proc/net/udp", "/proc/net/udp6"] {
        let text = std::fs::read_to_string(table).unwrap_or_default();
        for line in text.lines().skip(1) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [_, local, _, _, queues, _, _, _, _, inode, .., dropped] = words[..] else { continue };
            let (_, waiting) = queues.split_once(':').context("queues")?;
            all.push(UdpSocketLine {
                local: local.to_owned(),
                waiting_bytes: u64::from_str_radix(waiting, 16)?,
                inode: inode.to_owned(),
                dropped: dropped.parse()?,
            });
        }
    }
    Ok(all)
}
