//! People with accounts: name and address sealed with the organisation's key; the address is found by a keyed hash.

use crate::codec::{account_id, account_role, account_role_number, number, organisation_id};
use crate::links::use_link;
use crate::{Audit, Context, SecretHash, Store, StoreError};
use model::ids::{AccountId, OrganisationId};
use model::name::PersonName;
use model::role::AccountRole;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

const MAIL: &str = "accounts.mail";
const NAME: &str = "accounts.name";
const COLUMNS: &str = "id, organisation, mail_sealed, name_sealed, password, role";

/// A person with an account.
#[derive(Clone)]
pub struct AccountRecord {
    /// Who.
    pub id: AccountId,
    /// Whose.
    pub organisation: OrganisationId,
    /// How they sign in; as they wrote it.
    pub email: String,
    /// Their name.
    pub name: PersonName,
    /// The password's hash (PHC string).
    pub password: String,
    /// Admin or trainer.
    pub role: AccountRole,
}

/// An account to be made.
pub struct NewAccount<'a> {
    /// The account.
    pub account: &'a AccountRecord,
    /// The one-time link that is used up by it, in the same transaction.
    pub link: Option<SecretHash>,
}

impl std::fmt::Debug for AccountRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AccountRecord({:?})", self.id)
    }
}

impl Store {
    /// Makes an account.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when the address has one; [`StoreError::NotFound`] when the link was used meanwhile.
    pub async fn create_account(&self, new: NewAccount<'_>, audit: Audit) -> Result<(), StoreError> {
        let NewAccount { account, link } = new;
        let key = self.organisation_key(account.organisation).await?;
        let id = account.id.as_bytes();
        let mail = key.seal(Context::new(MAIL, id), account.email.as_bytes())?;
        let name = key.seal(Context::new(NAME, id), account.name.expose().as_bytes())?;
        let mut write = self.write().await?;
        if let Some(link) = link {
            use_link(&mut write, &link, audit.at_ms).await?;
        }
        sqlx::query(
            "INSERT INTO accounts (id, organisation, mail_hash, mail_sealed, name_sealed, password, role, created_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(&id[..])
        .bind(&account.organisation.as_bytes()[..])
        .bind(&self.mail_hash(&account.email)?[..])
        .bind(mail.as_bytes())
        .bind(name.as_bytes())
        .bind(&account.password)
        .bind(account_role_number(account.role))
        .bind(number(audit.at_ms))
        .execute(&mut *write)
        .await
        .map_err(StoreError::unique)?;
        audit.record(&mut write).await?;
        write.commit().await?;
        Ok(())
    }

    /// Finds an account by its address, in whatever case it is written.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn account_by_email(&self, email: &str) -> Result<Option<AccountRecord>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM accounts WHERE mail_hash = $1"));
        let row = sqlx::query(sql).bind(&self.mail_hash(email)?[..]).fetch_optional(&self.readers).await?;
        self.opened(row.as_ref()).await
    }

    /// Reads an account.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn account(&self, id: AccountId) -> Result<Option<AccountRecord>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM accounts WHERE id = $1"));
        let row = sqlx::query(sql).bind(&id.as_bytes()[..]).fetch_optional(&self.readers).await?;
        self.opened(row.as_ref()).await
    }

    /// The accounts of an organisation, oldest first.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn accounts_of(&self, organisation: OrganisationId) -> Result<Vec<AccountRecord>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM accounts WHERE organisation = $1 ORDER BY created_ms, id"
        ));
        let rows = sqlx::query(sql).bind(&organisation.as_bytes()[..]).fetch_all(&self.readers).await?;
        let mut accounts = Vec::with_capacity(rows.len());
        for row in &rows {
            accounts.extend(self.opened(Some(row)).await?);
        }
        Ok(accounts)
    }

    /// Deletes an account with its sessions; its rooms pass to `heir`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it is no account of this organisation, [`StoreError::LogBusy`] as for rooms.
    pub async fn delete_account(
        &self,
        id: AccountId,
        organisation: OrganisationId,
        heir: AccountId,
        audit: Audit,
    ) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        sqlx::query("UPDATE rooms SET owner = $2 WHERE owner = $1 AND organisation = $3")
            .bind(&id.as_bytes()[..])
            .bind(&heir.as_bytes()[..])
            .bind(&organisation.as_bytes()[..])
            .execute(&mut *write)
            .await?;
        let done = sqlx::query("DELETE FROM accounts WHERE id = $1 AND organisation = $2")
            .bind(&id.as_bytes()[..])
            .bind(&organisation.as_bytes()[..])
            .execute(&mut *write)
            .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NotFound);
        }
        audit.record(&mut write).await?;
        write.commit().await?;
        self.wipe_log().await
    }

    /// Whether nobody has an account yet.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn is_fresh(&self) -> Result<bool, StoreError> {
        Ok(sqlx::query("SELECT 1 FROM accounts LIMIT 1").fetch_optional(&self.readers).await?.is_none())
    }

    /// Names an address for counting wrong passwords against it, whether somebody has it or not.
    ///
    /// # Errors
    /// When the key file is damaged.
    pub fn target(&self, email: &str) -> Result<[u8; 16], StoreError> {
        let mut target = [0; 16];
        target.copy_from_slice(&self.mail_hash(email)?[..16]);
        Ok(target)
    }

    async fn opened(&self, row: Option<&SqliteRow>) -> Result<Option<AccountRecord>, StoreError> {
        let Some(row) = row else { return Ok(None) };
        let (id, organisation) = (account_id(row.try_get(0)?)?, organisation_id(row.try_get(1)?)?);
        let key = self.organisation_key(organisation).await?;
        let name = key.open_text(Context::new(NAME, id.as_bytes()), row.try_get(3)?)?;
        Ok(Some(AccountRecord {
            id,
            organisation,
            email: key.open_text(Context::new(MAIL, id.as_bytes()), row.try_get(2)?)?,
            name: PersonName::parse(&name).map_err(|_| StoreError::Damaged("account name"))?,
            password: row.try_get(4)?,
            role: account_role(row.try_get(5)?)?,
        }))
    }

    fn mail_hash(&self, email: &str) -> Result<[u8; 32], StoreError> {
        self.keys.keyed_hash("mail address", email.to_lowercase().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, AT_MS};
    use crate::{LinkKind, OneTimeLink, Secret};

    #[tokio::test]
    async fn found_by_address_in_any_case_and_only_once() {
        let (store, _folder) = testing::store().await;
        let account = testing::account(&store, 1, "Ada@Example.org").await;
        let found = store.account_by_email("ada@example.ORG").await.expect("read").expect("there");
        assert_eq!((found.id, found.email.as_str(), found.name.expose()), (account.id, "Ada@Example.org", "Ada 1"));
        assert!(store.account_by_email("bob@example.org").await.expect("read").is_none());
        let again = AccountRecord { id: AccountId::from_random([9; 16]), email: "ADA@example.org".into(), ..account };
        let refused = store.create_account(NewAccount { account: &again, link: None }, testing::audit("x")).await;
        assert!(matches!(refused, Err(StoreError::Taken)));
    }

    #[tokio::test]
    async fn who_goes_leaves_the_rooms_to_somebody() {
        let (store, _folder) = testing::store().await;
        let room = testing::room(&store, 1).await;
        let heir = AccountRecord {
            id: AccountId::from_random([8; 16]),
            email: "heir@example.org".into(),
            ..store.account(room.owner).await.expect("read").expect("there")
        };
        store.create_account(NewAccount { account: &heir, link: None }, testing::audit("x")).await.expect("made");
        let foreign = testing::organisation(&store, 2).await;
        let audit = testing::audit("account_deleted");
        assert!(store.delete_account(room.owner, foreign, heir.id, audit).await.is_err(), "not of that organisation");
        store.delete_account(room.owner, room.organisation, heir.id, audit).await.expect("deleted");
        assert!(store.account(room.owner).await.expect("read").is_none());
        assert_eq!(store.room(room.id).await.expect("read").map(|room| room.owner), Some(heir.id));
    }

    #[tokio::test]
    async fn a_one_time_link_makes_one_account() {
        let (store, _folder) = testing::store().await;
        let first = testing::account(&store, 1, "a@example.org").await;
        let secret = Secret::draw(16).expect("random").hash();
        let link = OneTimeLink {
            kind: LinkKind::Account { organisation: first.organisation, role: AccountRole::Trainer },
            expires_ms: AT_MS + 10,
        };
        store.create_link(&secret, link, testing::audit("x")).await.expect("made");
        for (n, email, works) in [(2, "a@example.org", false), (3, "b@example.org", true), (4, "c@example.org", false)]
        {
            let account = AccountRecord { id: AccountId::from_random([n; 16]), email: email.into(), ..first.clone() };
            let made = store.create_account(NewAccount { account: &account, link: Some(secret) }, testing::audit("x"));
            assert_eq!(
                made.await.is_ok(),
                works,
                "{email}: a refused account must not use up the link, a made one must"
            );
        }
    }
}
