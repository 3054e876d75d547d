//! Who did what when: written in the same transaction as the deed. Ids and the deed's name only (P-04).

use crate::StoreError;
use crate::codec::number;
use model::ids::{AccountId, OrganisationId, RoomId};
use sqlx::SqliteConnection;

/// One line of the audit log.
#[derive(Clone, Copy, Debug)]
pub struct Audit {
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// In which organisation.
    pub organisation: Option<OrganisationId>,
    /// Who, if it was somebody with an account.
    pub actor: Option<AccountId>,
    /// To which room.
    pub room: Option<RoomId>,
    /// What, a constant of the program: `room_deleted`.
    pub deed: &'static str,
}

impl Audit {
    pub(crate) async fn record(&self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO audit (at_ms, organisation, actor, room, deed) VALUES ($1, $2, $3, $4, $5)")
            .bind(number(self.at_ms))
            .bind(self.organisation.map(|id| id.as_bytes().to_vec()))
            .bind(self.actor.map(|id| id.as_bytes().to_vec()))
            .bind(self.room.map(|id| id.as_bytes().to_vec()))
            .bind(self.deed)
            .execute(connection)
            .await?;
        Ok(())
    }
}
