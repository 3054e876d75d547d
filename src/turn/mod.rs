//! TURN inside TLS on the public port, for networks that let nothing else through (S-33): credentials, places, the
//! metrics. `door` speaks with strangers on the async side; who has an allocation moves into the media worker
//! (`src/media/turn.rs`). What TURN is, `crates/media` knows.

pub mod door;

use crate::media::tcp::Guard;
use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use media::turn::{Bearer, Config, Full};
use model::ids::{ParticipantId, RoomId};
use model::limits;
use std::collections::{HashMap, HashSet};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use wire::server::IceServer;

/// Ports of relayed addresses; they are names only, nobody listens there.
const PORTS: std::ops::RangeInclusive<u16> = 1_024..=u16::MAX;
const DEFAULT_PORT: &str = ":443";

/// Cheap to clone; one for the whole server.
#[derive(Clone)]
pub struct Turn(Arc<Inner>);

struct Inner {
    config: Arc<Config>,
    /// New at each start: who had credentials gets new ones on coming back.
    key: hmac::Key,
    started: Instant,
    taken: Mutex<Taken>,
}

/// Whose allocations there are.
#[derive(Default)]
struct Taken {
    by_participant: HashMap<ParticipantId, usize>,
    ports: HashSet<u16>,
    last_port: u16,
}

/// Who has credentials, and for which room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Holder {
    room: RoomId,
    participant: ParticipantId,
}

impl Turn {
    /// `peers`: where clients reach media by UDP.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn new(peers: &[SocketAddr]) -> io::Result<Self> {
        metrics::describe_counter!("turn_refused_total", "TURN that was refused (S-33)");
        metrics::describe_counter!("turn_allocations_total", "TURN allocations made");
        metrics::describe_gauge!("turn_allocations", "TURN allocations now");
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new());
        let key = key.map_err(|_| io::Error::other("no randomness"))?;
        let (config, taken) = (Config::new(peers), Mutex::default());
        Ok(Self(Arc::new(Inner { config, key, started: Instant::now(), taken })))
    }

    /// What a participant's browser needs to reach us by TURN at `host` (name and port as the browser has them).
    #[must_use]
    pub fn ice_server(&self, room: RoomId, participant: ParticipantId, host: &str) -> IceServer {
        self.ice_server_at(Instant::now(), room, participant, host)
    }

    fn ice_server_at(&self, now: Instant, room: RoomId, participant: ParticipantId, host: &str) -> IceServer {
        // Seconds of this process, not of a clock that somebody may set.
        let until_s = now.duration_since(self.0.started).as_secs() + limits::TURN_CREDENTIALS_S;
        let username = format!("{until_s}:{room}:{participant}");
        let port = if host.rsplit(']').next().is_some_and(|end| end.contains(':')) { "" } else { DEFAULT_PORT };
        let credential = self.password(&username);
        IceServer { urls: vec![format!("turns:{host}{port}?transport=tcp")], username, credential }
    }

    fn password(&self, username: &str) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&self.0.key, username.as_bytes()))
    }

    /// What belongs to a username while it is good. Whether its holder made it up shows by the password.
    fn bearer(&self, now: Instant, username: &str) -> Option<Bearer> {
        let until_s: u64 = username.split(':').next()?.parse().ok()?;
        holder(username)?;
        let until = self.0.started.checked_add(Duration::from_secs(until_s))?;
        (now < until).then(|| Bearer { password: self.password(username), until })
    }

    /// Takes a place and with it a relayed address.
    fn take(&self, participant: ParticipantId, ipv6: Option<bool>) -> Result<(SocketAddr, Place), Full> {
        let ip = self.0.config.relayed_ip(ipv6).ok_or(Full::Family)?;
        let mut taken = self.0.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.ports.len() >= limits::TURN_ALLOCATIONS_MAX {
            return Err(Full::Server);
        }
        let of_theirs = taken.by_participant.entry(participant).or_default();
        if *of_theirs >= limits::TURN_ALLOCATIONS_PER_PARTICIPANT_MAX {
            return Err(Full::Participant);
        }
        *of_theirs += 1;
        let mut port = taken.last_port;
        loop {
            port = if PORTS.contains(&port) && port < *PORTS.end() { port + 1 } else { *PORTS.start() };
            if !taken.ports.contains(&port) && !self.0.config.is_peer(SocketAddr::new(ip, port)) {
                break;
            }
        }
        taken.last_port = port;
        taken.ports.insert(port);
        metrics::counter!("turn_allocations_total").increment(1);
        metrics::gauge!("turn_allocations").increment(1.0);
        Ok((SocketAddr::new(ip, port), Place { turn: self.clone(), participant, port }))
    }
}

fn holder(username: &str) -> Option<Holder> {
    let mut parts = username.split(':').skip(1);
    let (room, participant) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    parts.next().is_none().then_some(Holder { room, participant })
}

/// One allocation's place; given back when it ends.
struct Place {
    turn: Turn,
    participant: ParticipantId,
    port: u16,
}

impl Place {
    fn guard(self) -> Guard {
        Box::new(self)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.turn.0.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.ports.remove(&self.port);
        if let Some(of_theirs) = taken.by_participant.get_mut(&self.participant) {
            *of_theirs -= 1;
            if *of_theirs == 0 {
                taken.by_participant.remove(&self.participant);
            }
        }
        metrics::gauge!("turn_allocations").decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn() -> Turn {
        Turn::new(&["192.0.2.1:8443".parse().expect("an address")]).expect("randomness")
    }

    const ROOM: [u8; 16] = [1; 16];
    const WHO: [u8; 16] = [2; 16];

    fn server(turn: &Turn, now: Instant, host: &str) -> IceServer {
        turn.ice_server_at(now, RoomId::from_random(ROOM), ParticipantId::from_random(WHO), host)
    }

    #[test]
    fn credentials_end_and_are_bound_to_their_holder() {
        let (turn, now) = (turn(), Instant::now());
        let server = server(&turn, now, "rooms.example");
        assert_eq!(server.urls, ["turns:rooms.example:443?transport=tcp"]);
        let bearer = turn.bearer(now, &server.username).expect("good");
        assert_eq!(bearer.password, server.credential);
        assert!(turn.bearer(now + Duration::from_secs(limits::TURN_CREDENTIALS_S + 1), &server.username).is_none());
        let holder = holder(&server.username).expect("ours");
        assert_eq!(holder.participant, ParticipantId::from_random(WHO));
        let other = server.username.replace(&ParticipantId::from_random(WHO).to_string(), &holder.room.to_string());
        assert_ne!(turn.bearer(now, &other).expect("a name").password, server.credential);
        for bad in ["", "x", "1", "9:a:b", "18446744073709551615:a:b", "99999999999999999999::"] {
            assert!(turn.bearer(now, bad).is_none(), "{bad}");
        }
        let elsewhere = Turn::new(&[]).expect("randomness");
        assert_ne!(elsewhere.password(&server.username), server.credential);
    }

    #[test]
    fn the_host_keeps_its_port() {
        let turn = turn();
        for (host, url) in [
            ("localhost:8443", "turns:localhost:8443?transport=tcp"),
            ("[2001:db8::1]", "turns:[2001:db8::1]:443?transport=tcp"),
            ("[2001:db8::1]:9", "turns:[2001:db8::1]:9?transport=tcp"),
        ] {
            assert_eq!(server(&turn, Instant::now(), host).urls, [url]);
        }
    }

    #[test]
    fn places_are_bounded_and_come_back() {
        let (turn, who) = (turn(), ParticipantId::from_random(WHO));
        let mut held: Vec<_> = std::iter::from_fn(|| turn.take(who, None).ok()).collect();
        assert_eq!(held.len(), limits::TURN_ALLOCATIONS_PER_PARTICIPANT_MAX);
        let addresses: HashSet<_> = held.iter().map(|(address, _)| *address).collect();
        assert_eq!(addresses.len(), held.len());
        assert_eq!(turn.take(who, None).map(|_| ()), Err(Full::Participant));
        assert!(turn.take(ParticipantId::from_random(ROOM), None).is_ok());
        assert_eq!(turn.take(ParticipantId::from_random(ROOM), Some(true)).map(|_| ()), Err(Full::Family));
        held.pop();
        assert!(turn.take(who, None).is_ok());
        drop(held);
        assert!(turn.0.taken.lock().expect("not poisoned").by_participant.is_empty());
    }
}
