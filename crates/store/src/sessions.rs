//! Sessions of browsers, signed in or guest. The cookie's token is kept as a hash only.

use crate::codec::{account_id, number, session_id, unsigned};
use crate::{SecretHash, Store, StoreError};
use model::ids::{AccountId, SessionId};
use sqlx::Row;

/// A session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// Which.
    pub id: SessionId,
    /// Who is signed in; `None` for a guest.
    pub account: Option<AccountId>,
    /// Milliseconds since 1970.
    pub expires_ms: u64,
    /// When it was last used, in milliseconds since 1970; written at most once in a few minutes.
    pub seen_ms: u64,
}

impl Store {
    /// Makes a session. `replaces`: the session it takes the place of; that one's token is dead afterwards and what it
    /// is in rooms moves over (S-17: rotation at login).
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn create_session(
        &self,
        session: &SessionRecord,
        token: &SecretHash,
        replaces: Option<SessionId>,
    ) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        sqlx::query(
            "INSERT INTO sessions (id, token_hash, account, created_ms, seen_ms, expires_ms) VALUES ($1, $2, $3, $4, $4, $5)",
        )
        .bind(&session.id.as_bytes()[..])
        .bind(token.as_bytes())
        .bind(session.account.map(|id| id.as_bytes().to_vec()))
        .bind(number(session.seen_ms))
        .bind(number(session.expires_ms))
        .execute(&mut *write)
        .await?;
        if let Some(old) = replaces {
            sqlx::query("UPDATE participants SET session = $1 WHERE session = $2")
                .bind(&session.id.as_bytes()[..])
                .bind(&old.as_bytes()[..])
                .execute(&mut *write)
                .await?;
            sqlx::query("DELETE FROM sessions WHERE id = $1").bind(&old.as_bytes()[..]).execute(&mut *write).await?;
        }
        write.commit().await?;
        Ok(())
    }

    /// The living session of a token.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn session(&self, token: &SecretHash, now_ms: u64) -> Result<Option<SessionRecord>, StoreError> {
        let sql = "SELECT id, account, expires_ms, seen_ms FROM sessions WHERE token_hash = $1 AND expires_ms > $2";
        let row = sqlx::query(sql).bind(token.as_bytes()).bind(number(now_ms)).fetch_optional(&self.readers).await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(SessionRecord {
            id: session_id(row.try_get(0)?)?,
            account: row.try_get::<Option<&[u8]>, _>(1)?.map(account_id).transpose()?,
            expires_ms: unsigned(row.try_get(2)?, "session expiry")?,
            seen_ms: unsigned(row.try_get(3)?, "session use")?,
        }))
    }

    /// Notes that a session is in use and lets it live on.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn touch_session(&self, id: SessionId, now_ms: u64, expires_ms: u64) -> Result<(), StoreError> {
        sqlx::query("UPDATE sessions SET seen_ms = $2, expires_ms = $3 WHERE id = $1")
            .bind(&id.as_bytes()[..])
            .bind(number(now_ms))
            .bind(number(expires_ms))
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Gives a session a new token; the old one is dead afterwards.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn rotate_session(&self, id: SessionId, token: &SecretHash) -> Result<(), StoreError> {
        sqlx::query("UPDATE sessions SET token_hash = $2 WHERE id = $1")
            .bind(&id.as_bytes()[..])
            .bind(token.as_bytes())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Ends a session; what it was in rooms goes with it.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn end_session(&self, id: SessionId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM sessions WHERE id = $1").bind(&id.as_bytes()[..]).execute(&self.writer).await?;
        Ok(())
    }

    /// Removes what has expired: sessions, links, old audit lines. Returns how many sessions.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn remove_expired(&self, now_ms: u64, audit_before_ms: u64) -> Result<u64, StoreError> {
        let mut write = self.write().await?;
        let done = sqlx::query("DELETE FROM sessions WHERE expires_ms <= $1").bind(number(now_ms)).execute(&mut *write);
        let sessions = done.await?.rows_affected();
        // A used or expired link stays known for a while, so that its owner reads "used" and not "unknown".
        sqlx::query("DELETE FROM one_time_links WHERE expires_ms <= $1")
            .bind(number(audit_before_ms))
            .execute(&mut *write)
            .await?;
        sqlx::query("DELETE FROM audit WHERE at_ms <= $1").bind(number(audit_before_ms)).execute(&mut *write).await?;
        write.commit().await?;
        Ok(sessions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;
    use crate::testing::{self, AT_MS};

    #[tokio::test]
    async fn rotation_kills_the_old_token() {
        let (store, _folder) = testing::store().await;
        let (old, new) = (Secret::draw(32).expect("random").hash(), Secret::draw(32).expect("random").hash());
        let guest = SessionRecord {
            id: SessionId::from_random([1; 16]),
            account: None,
            expires_ms: AT_MS + 10,
            seen_ms: AT_MS,
        };
        store.create_session(&guest, &old, None).await.expect("made");
        assert_eq!(store.session(&old, AT_MS).await.expect("read"), Some(guest));
        assert_eq!(store.session(&old, AT_MS + 10).await.expect("read"), None, "expired");

        let account = testing::account(&store, 1, "a@example.org").await;
        let signed_in = SessionRecord { id: SessionId::from_random([2; 16]), account: Some(account.id), ..guest };
        store.create_session(&signed_in, &new, Some(guest.id)).await.expect("made");
        assert_eq!(store.session(&old, AT_MS).await.expect("read"), None, "dead after rotation");
        assert_eq!(store.session(&new, AT_MS).await.expect("read"), Some(signed_in));
        let newest = Secret::draw(32).expect("random").hash();
        store.rotate_session(signed_in.id, &newest).await.expect("rotated");
        assert_eq!(store.session(&new, AT_MS).await.expect("read"), None, "dead after rotation");
        assert_eq!(store.session(&newest, AT_MS).await.expect("read"), Some(signed_in));
        assert_eq!(store.remove_expired(AT_MS + 10, 0).await.expect("removed"), 1);
        store.end_session(signed_in.id).await.expect("no harm");
    }
}
