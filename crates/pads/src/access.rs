//! What a connection may do in a pad, and which client ids are whose (S-03).
//!
//! The pad asks it before anything is decoded. Rights come from the shell (token, room policy) and can change while
//! the connection is open; client ids are bound to connections here and are never taken from somebody else's.

use crate::connection::ConnectionId;
use std::collections::HashMap;

/// What somebody may do. The order is rank: later is more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// See the text and who is there.
    Read,
    /// Also comment. Comments are not in the document yet, so for its content this is reading.
    Comment,
    /// Also write.
    Write,
}

/// Who stands behind a connection: a participant or account, or a token that was given to a program. Opaque.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Person(pub [u8; 16]);

/// How many owners of client ids are remembered for one pad; beyond it the oldest knowledge is not replaced, new ids
/// are simply not remembered after their connection has gone.
const OWNERS_MAX: usize = 20_000;

/// Who uses which client id.
#[derive(Debug, Default)]
pub struct Clients {
    /// The connection that speaks for a client id now.
    bound: HashMap<u64, ConnectionId>,
    /// Who wrote with it, now or before.
    owners: HashMap<u64, Person>,
}

/// Whether a client id may be used by a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is theirs. If another connection of the same person had it, that one lost it.
    Granted {
        /// Who had it before.
        from: Option<ConnectionId>,
    },
    /// It is somebody else's.
    Foreign,
}

impl Clients {
    /// Binds a client id to a connection, unless it is another person's.
    pub fn claim(&mut self, client: u64, connection: ConnectionId, person: Person) -> Claim {
        if self.owners.get(&client).is_some_and(|owner| *owner != person) {
            return Claim::Foreign;
        }
        if self.owners.len() < OWNERS_MAX {
            self.owners.insert(client, person);
        }
        let before = self.bound.insert(client, connection);
        Claim::Granted { from: before.filter(|before| *before != connection) }
    }

    /// Forgets that a connection speaks for a client id; who owns the id stays known.
    pub fn release(&mut self, client: u64, connection: ConnectionId) {
        if self.bound.get(&client) == Some(&connection) {
            self.bound.remove(&client);
        }
    }

    /// Notes an owner from the log.
    pub fn remember(&mut self, client: u64, person: Person) {
        if self.owners.len() < OWNERS_MAX {
            self.owners.entry(client).or_insert(person);
        }
    }

    /// All owners in a stable order, for the checkpoint.
    #[must_use]
    pub fn owners(&self) -> Vec<(u64, Person)> {
        let mut owners: Vec<_> = self.owners.iter().map(|(&client, &person)| (client, person)).collect();
        owners.sort_unstable();
        owners
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_id_stays_with_its_person() {
        let (me, you) = (Person([1; 16]), Person([2; 16]));
        let mut clients = Clients::default();
        assert_eq!(clients.claim(5, ConnectionId(1), me), Claim::Granted { from: None });
        assert_eq!(clients.claim(5, ConnectionId(2), you), Claim::Foreign);
        assert_eq!(clients.claim(5, ConnectionId(3), me), Claim::Granted { from: Some(ConnectionId(1)) });
        clients.release(5, ConnectionId(3));
        assert_eq!(clients.claim(5, ConnectionId(2), you), Claim::Foreign, "after a reconnect too");
        assert_eq!(clients.owners(), [(5, me)]);
    }
}
