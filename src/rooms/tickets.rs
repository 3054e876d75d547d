//! One-time tickets: HTTP hands one out to a known session, the websocket redeems it in its first message (S-17). Kept
//! in memory only, for `limits::TICKET_LIFETIME_S`; bounded. A ticket is looked up by its hash, so that a lookup takes
//! the same time for right and wrong ones.

use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use model::ids::{InvitationId, ParticipantId, RoomId};
use model::limits;
use model::name::PersonName;
use model::role::Role;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Tickets at once, for the whole server: more than anybody honest waits with.
const TICKETS_MAX: usize = 20_000;

/// What a ticket stands for.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Into which room.
    pub room: RoomId,
    /// As whom.
    pub participant: ParticipantId,
    /// How they are called.
    pub name: PersonName,
    /// As what the link or the account lets them in.
    pub role: Role,
    /// By which link; `None`: by account.
    pub via: Option<InvitationId>,
}

/// The tickets that are out.
#[derive(Default)]
pub struct Tickets {
    out: Mutex<HashMap<[u8; 32], (Instant, Grant)>>,
}

impl std::fmt::Debug for Tickets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tickets")
    }
}

fn hash(ticket: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, ticket.as_bytes()).as_ref());
    hash
}

impl Tickets {
    /// A new ticket; `None` when too many are out or the system gives no randomness.
    #[must_use]
    pub fn issue(&self, grant: Grant) -> Option<String> {
        self.issue_at(Instant::now(), grant)
    }

    /// What the ticket stands for, once and in time.
    #[must_use]
    pub fn redeem(&self, ticket: &str) -> Option<Grant> {
        self.redeem_at(Instant::now(), ticket)
    }

    fn issue_at(&self, now: Instant, grant: Grant) -> Option<String> {
        let mut bytes = [0; limits::SESSION_TOKEN_BYTES];
        rand::fill(&mut bytes).ok()?;
        let ticket = BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        if out.len() >= TICKETS_MAX {
            out.retain(|_, (until, _)| *until > now);
        }
        if out.len() >= TICKETS_MAX {
            return None;
        }
        out.insert(hash(&ticket), (now + Duration::from_secs(limits::TICKET_LIFETIME_S), grant));
        Some(ticket)
    }

    fn redeem_at(&self, now: Instant, ticket: &str) -> Option<Grant> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let (until, grant) = out.remove(&hash(ticket))?;
        (until > now).then_some(grant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant() -> Grant {
        Grant {
            room: RoomId::from_random([1; 16]),
            participant: ParticipantId::from_random([2; 16]),
            name: PersonName::parse("Ada").expect("name"),
            role: Role::Participant,
            via: None,
        }
    }

    #[test]
    fn a_ticket_is_good_once() {
        let tickets = Tickets::default();
        let ticket = tickets.issue(grant()).expect("issued");
        assert!(tickets.redeem("something else").is_none());
        assert!(tickets.redeem(&ticket).is_some());
        assert!(tickets.redeem(&ticket).is_none());
    }

    #[test]
    fn a_ticket_ends() {
        let tickets = Tickets::default();
        let now = Instant::now();
        let ticket = tickets.issue_at(now, grant()).expect("issued");
        let late = now + Duration::from_secs(limits::TICKET_LIFETIME_S);
        assert!(tickets.redeem_at(late, &ticket).is_none());
    }

    #[test]
    fn tickets_are_bounded_and_old_ones_make_room() {
        let tickets = Tickets::default();
        let now = Instant::now();
        for _ in 0..TICKETS_MAX {
            assert!(tickets.issue_at(now, grant()).is_some());
        }
        assert!(tickets.issue_at(now, grant()).is_none());
        assert!(tickets.issue_at(now + Duration::from_secs(limits::TICKET_LIFETIME_S), grant()).is_some());
    }
}
