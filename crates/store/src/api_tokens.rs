//! Bearer tokens for programs (`werkraum token create --api`): hash, for whom they act, scopes.

use crate::codec::{account_id, number};
use crate::{Audit, SecretHash, Store, StoreError};
use model::ids::AccountId;
use sqlx::Row;

/// A bearer token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    /// For whom it acts: it may what this account may, within its scopes.
    pub account: AccountId,
    /// What it opens, as `rooms:read`, `rooms:write`.
    pub scopes: Vec<String>,
    /// When it ends, in milliseconds since 1970.
    pub expires_ms: Option<u64>,
}

impl Store {
    /// Keeps a token's hash.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn create_api_token(
        &self,
        secret: &SecretHash,
        token: &ApiToken,
        audit: Audit,
    ) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        sqlx::query(
            "INSERT INTO api_tokens (token_hash, account, scopes, created_ms, expires_ms)
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(secret.as_bytes())
        .bind(&token.account.as_bytes()[..])
        .bind(token.scopes.join(" "))
        .bind(number(audit.at_ms))
        .bind(token.expires_ms.map(number))
        .execute(&mut *write)
        .await?;
        audit.record(&mut write).await?;
        write.commit().await?;
        Ok(())
    }

    /// A living token.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn api_token(&self, secret: &SecretHash, now_ms: u64) -> Result<Option<ApiToken>, StoreError> {
        let row = sqlx::query("SELECT account, scopes, expires_ms FROM api_tokens WHERE token_hash = $1")
            .bind(secret.as_bytes())
            .fetch_optional(&self.readers)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let expires_ms =
            row.try_get::<Option<i64>, _>(2)?.map(|ms| crate::codec::unsigned(ms, "token expiry")).transpose()?;
        if expires_ms.is_some_and(|end| end <= now_ms) {
            return Ok(None);
        }
        let scopes: &str = row.try_get(1)?;
        Ok(Some(ApiToken {
            account: account_id(row.try_get(0)?)?,
            scopes: scopes.split_whitespace().map(str::to_owned).collect(),
            expires_ms,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;
    use crate::testing::{self, AT_MS};

    #[tokio::test]
    async fn tokens_end() {
        let (store, _folder) = testing::store().await;
        let account = testing::account(&store, 1, "a@example.org").await.id;
        let secret = Secret::draw(32).expect("random").hash();
        let token = ApiToken { account, scopes: vec!["rooms:read".into()], expires_ms: Some(AT_MS + 10) };
        store.create_api_token(&secret, &token, testing::audit("x")).await.expect("made");
        assert_eq!(store.api_token(&secret, AT_MS).await.expect("read"), Some(token));
        assert_eq!(store.api_token(&secret, AT_MS + 10).await.expect("read"), None);
        assert_eq!(store.api_token(&Secret::draw(32).expect("random").hash(), 0).await.expect("read"), None);
    }
}
