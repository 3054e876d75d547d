//! One-time links: the first admin's, and those by which invited people make their account. Only hashes are kept.

use crate::codec::{account_role, account_role_number, number, organisation_id, unsigned};
use crate::{Audit, SecretHash, Store, StoreError};
use model::ids::OrganisationId;
use model::role::AccountRole;
use sqlx::{Row, SqliteConnection};

/// What a link opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// The page where the first admin sets the server up.
    FirstAdmin,
    /// The page where an invited person makes their account.
    Account {
        /// Whose they become.
        organisation: OrganisationId,
        /// What they become.
        role: AccountRole,
    },
}

/// A link that may still be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OneTimeLink {
    /// What it opens.
    pub kind: LinkKind,
    /// Milliseconds since 1970.
    pub expires_ms: u64,
}

impl Store {
    /// Keeps a link's hash. A new first-admin link ends the older ones.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn create_link(&self, secret: &SecretHash, link: OneTimeLink, audit: Audit) -> Result<(), StoreError> {
        let (kind, organisation, role) = match link.kind {
            LinkKind::FirstAdmin => (0, None, None),
            LinkKind::Account { organisation, role } => (1, Some(organisation), Some(account_role_number(role))),
        };
        let mut write = self.write().await?;
        if link.kind == LinkKind::FirstAdmin {
            sqlx::query("DELETE FROM one_time_links WHERE kind = 0").execute(&mut *write).await?;
        }
        sqlx::query(
            "INSERT INTO one_time_links (secret_hash, kind, organisation, role, expires_ms) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(secret.as_bytes())
        .bind(kind)
        .bind(organisation.map(|id| id.as_bytes().to_vec()))
        .bind(role)
        .bind(number(link.expires_ms))
        .execute(&mut *write)
        .await?;
        audit.record(&mut write).await?;
        write.commit().await?;
        Ok(())
    }

    /// What a link opens; `None` for an unknown one. Used or expired ones are [`StoreError::Conflict`].
    ///
    /// # Errors
    /// [`StoreError::Conflict`], or what SQLite says.
    pub async fn link(&self, secret: &SecretHash, now_ms: u64) -> Result<Option<OneTimeLink>, StoreError> {
        let row = sqlx::query(
            "SELECT kind, organisation, role, expires_ms, used_ms FROM one_time_links WHERE secret_hash = $1",
        )
        .bind(secret.as_bytes())
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let expires_ms = unsigned(row.try_get(3)?, "link expiry")?;
        if row.try_get::<Option<i64>, _>(4)?.is_some() || expires_ms <= now_ms {
            return Err(StoreError::Conflict);
        }
        let kind = match row.try_get::<i64, _>(0)? {
            0 => LinkKind::FirstAdmin,
            1 => LinkKind::Account {
                organisation: organisation_id(row.try_get(1)?)?,
                role: account_role(row.try_get(2)?)?,
            },
            _ => return Err(StoreError::Damaged("link kind")),
        };
        Ok(Some(OneTimeLink { kind, expires_ms }))
    }
}

/// Marks a link as used, in the transaction of what it was used for.
pub(crate) async fn use_link(write: &mut SqliteConnection, secret: &SecretHash, now_ms: u64) -> Result<(), StoreError> {
    let sql = "UPDATE one_time_links SET used_ms = $2 WHERE secret_hash = $1 AND used_ms IS NULL AND expires_ms > $2";
    let done = sqlx::query(sql).bind(secret.as_bytes()).bind(number(now_ms)).execute(write).await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::NotFound) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;
    use crate::testing::{self, AT_MS};

    #[tokio::test]
    async fn unknown_expired_and_replaced_links_open_nothing() {
        let (store, _folder) = testing::store().await;
        let link = OneTimeLink { kind: LinkKind::FirstAdmin, expires_ms: AT_MS + 10 };
        let (old, new) = (Secret::draw(16).expect("random").hash(), Secret::draw(16).expect("random").hash());
        store.create_link(&old, link, testing::audit("x")).await.expect("made");
        assert_eq!(store.link(&old, AT_MS).await.expect("read"), Some(link));
        assert!(matches!(store.link(&old, AT_MS + 10).await, Err(StoreError::Conflict)));
        store.create_link(&new, link, testing::audit("x")).await.expect("made");
        assert_eq!(store.link(&old, AT_MS).await.expect("read"), None);
        assert_eq!(store.link(&new, AT_MS).await.expect("read"), Some(link));
    }
}
