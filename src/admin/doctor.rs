//! `werkraum doctor`: a few honest checks, each one line: `ok`, `look` or `wrong`, what was found, what to do. The exit
//! code is for monitoring.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use store::Store;

use crate::clock;
use crate::config::Config;
use crate::error::StartError;

/// A disk that needs longer for one durable write makes pads feel slow (R-02: ack p99 at most 250 ms).
const FSYNC_MAX: Duration = Duration::from_millis(100);
/// The clock must be after this program was written: 2026-11-01.
const WRITTEN_MS: u64 = 1_793_491_200_000;
/// Open files that a meeting of hundreds needs (O-06).
const FILES_MIN: u64 = 4_096;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Ok,
    Look,
    Wrong,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok   ",
            Self::Look => "look ",
            Self::Wrong => "wrong",
        })
    }
}

struct Finding {
    verdict: Verdict,
    text: String,
}

fn ok(text: impl Into<String>) -> Finding {
    Finding { verdict: Verdict::Ok, text: text.into() }
}

fn look(text: impl Into<String>) -> Finding {
    Finding { verdict: Verdict::Look, text: text.into() }
}

fn wrong(text: impl Into<String>) -> Finding {
    Finding { verdict: Verdict::Wrong, text: text.into() }
}

/// Checks and prints.
///
/// # Errors
/// When something is wrong.
pub async fn examine(config: &Config) -> Result<(), StartError> {
    let mut findings = vec![disk(config), clock_right(), certificate(config), addresses(config), files()];
    findings.extend(database(config).await);
    for finding in &findings {
        println!("{}  {}", finding.verdict, finding.text);
    }
    match findings.iter().filter(|finding| finding.verdict == Verdict::Wrong).count() {
        0 => Ok(()),
        n => Err(StartError::Command(format!("{n} of {} checks found something wrong", findings.len()))),
    }
}

fn disk(config: &Config) -> Finding {
    let folder = &config.server.data;
    match Store::probe_folder(folder) {
        Ok(took) if took <= FSYNC_MAX => {
            ok(format!("the data folder can be written; a durable write takes {took:.1?}"))
        }
        Ok(took) => {
            look(format!("a durable write takes {took:.1?}: pads will say \"saving\" for long; use a faster disk"))
        }
        Err(why) => {
            wrong(format!("the data folder {} cannot be written ({why}): give this user the right", folder.display()))
        }
    }
}

fn clock_right() -> Finding {
    if clock::now_ms() > WRITTEN_MS {
        ok("the clock is plausible")
    } else {
        wrong("the clock is years behind: certificates and tokens will be refused; switch on time synchronisation")
    }
}

fn certificate(config: &Config) -> Finding {
    match (&config.tls.certificate, &config.tls.key) {
        _ if config.server.proxy => ok("the proxy in front holds the certificate"),
        (Some(certificate), Some(key)) => {
            for file in [certificate, key] {
                if let Err(why) = std::fs::read(file) {
                    return wrong(format!("{} cannot be read: {why}", file.display()));
                }
            }
            ok("certificate and key files can be read")
        }
        _ => look(
            "a certificate of the server's own authority: browsers will warn until tls.certificate and tls.key are set",
        ),
    }
}

fn addresses(config: &Config) -> Finding {
    let told = &config.media.advertised_addresses;
    let all: Vec<IpAddr> = if told.is_empty() {
        if_addrs::get_if_addrs().unwrap_or_default().into_iter().map(|interface| interface.ip()).collect()
    } else {
        told.clone()
    };
    if all.iter().any(|ip| is_public(*ip)) {
        ok("a public address for sound and pictures is known")
    } else {
        look(
            "no public address for sound and pictures: people outside this network see and hear nothing; set media.advertised_addresses",
        )
    }
}

fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let shared = ip.octets()[0] == 100 && (64..128).contains(&ip.octets()[1]);
            !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified() || shared)
        }
        IpAddr::V6(ip) => {
            !(ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local())
        }
    }
}

fn files() -> Finding {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|line| line.starts_with("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().nth(3)?.parse::<u64>().ok());
    match soft {
        Some(soft) if soft < FILES_MIN => {
            look(format!("only {soft} files may be open at once: raise LimitNOFILE to 65536"))
        }
        Some(soft) => ok(format!("{soft} files may be open at once")),
        None => look("how many files may be open at once is not known"),
    }
}

async fn database(config: &Config) -> Vec<Finding> {
    let folder = &config.server.data;
    if !folder.join(store::DATABASE_FILE).exists() {
        return vec![look("there is no database yet: it is made at the first start")];
    }
    let store = match Store::open(folder).await {
        Ok(store) => store,
        Err(why) => return vec![wrong(format!("the database does not open: {why}"))],
    };
    let mut findings = vec![ok("database and keys open")];
    match store.organisations().await {
        Ok(all) if all.is_empty() => {
            findings.push(look("nobody has set the server up yet: use the first admin's link"))
        }
        Ok(all) => {
            for id in all {
                match store.organisation(id).await {
                    Ok(organisation) if organisation.is_complete() => {}
                    Ok(_) => findings.push(wrong("an organisation has no name or contact, so no room opens (P-02)")),
                    Err(why) => findings.push(wrong(format!("an organisation cannot be read: {why}"))),
                }
            }
        }
        Err(why) => findings.push(wrong(format!("the database cannot be read: {why}"))),
    }
    store.close().await;
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_addresses_are_told_from_those_behind_a_router() {
        for public in ["203.0.113.9", "2001:db8::1"] {
            assert!(is_public(public.parse().expect("an address")), "{public}");
        }
        for hidden in ["10.0.0.1", "192.168.1.1", "100.64.0.1", "127.0.0.1", "169.254.1.1", "fd00::1", "fe80::1", "::1"]
        {
            assert!(!is_public(hidden.parse().expect("an address")), "{hidden}");
        }
    }
}
