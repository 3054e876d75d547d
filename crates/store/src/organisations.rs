//! Organisations: name and contact (P-02), sealed with the organisation's own key.

use crate::codec::{key_id, number, organisation_id};
use crate::seal::Key;
use crate::{Audit, Context, Store, StoreError};
use model::ids::{KeyId, OrganisationId};
use model::name::OrganisationText;
use sqlx::Row;
use std::sync::Arc;

const NAME: &str = "organisations.name";
const CONTACT: &str = "organisations.contact";

/// An organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganisationRecord {
    /// Which.
    pub id: OrganisationId,
    /// Its name, once somebody gave it.
    pub name: Option<OrganisationText>,
    /// How to reach it about data protection, once somebody said it.
    pub contact: Option<OrganisationText>,
}

impl OrganisationRecord {
    /// Whether rooms may open: name and contact are known (P-02).
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.name.is_some() && self.contact.is_some()
    }
}

impl Store {
    /// Makes an organisation with a key of its own.
    ///
    /// # Errors
    /// What the disk or SQLite says.
    pub async fn create_organisation(
        &self,
        organisation: &OrganisationRecord,
        key: KeyId,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let sealer = self.create_key(key).await?;
        let id = organisation.id.as_bytes();
        let (name, contact) = sealed_texts(&sealer, organisation)?;
        let mut write = self.write().await?;
        sqlx::query(
            "INSERT INTO organisations (id, key_id, name_sealed, contact_sealed, created_ms) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(&id[..])
        .bind(&key.as_bytes()[..])
        .bind(name)
        .bind(contact)
        .bind(number(now_ms))
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(())
    }

    /// Changes name and contact.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn change_organisation(&self, organisation: &OrganisationRecord, audit: Audit) -> Result<(), StoreError> {
        let key = self.organisation_key(organisation.id).await?;
        let (name, contact) = sealed_texts(&key, organisation)?;
        let mut write = self.write().await?;
        sqlx::query("UPDATE organisations SET name_sealed = $2, contact_sealed = $3 WHERE id = $1")
            .bind(&organisation.id.as_bytes()[..])
            .bind(name)
            .bind(contact)
            .execute(&mut *write)
            .await?;
        audit.record(&mut write).await?;
        write.commit().await?;
        Ok(())
    }

    /// Reads an organisation.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn organisation(&self, id: OrganisationId) -> Result<OrganisationRecord, StoreError> {
        let key = self.organisation_key(id).await?;
        let row = sqlx::query("SELECT name_sealed, contact_sealed FROM organisations WHERE id = $1")
            .bind(&id.as_bytes()[..])
            .fetch_optional(&self.readers)
            .await?
            .ok_or(StoreError::NotFound)?;
        let open = |table, sealed: Option<&[u8]>| -> Result<Option<OrganisationText>, StoreError> {
            let Some(sealed) = sealed else { return Ok(None) };
            let text = key.open_text(Context::new(table, id.as_bytes()), sealed)?;
            OrganisationText::parse(&text).map(Some).map_err(|_| StoreError::Damaged(table))
        };
        Ok(OrganisationRecord { id, name: open(NAME, row.try_get(0)?)?, contact: open(CONTACT, row.try_get(1)?)? })
    }

    /// All organisations, oldest first.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn organisations(&self) -> Result<Vec<OrganisationId>, StoreError> {
        let rows = sqlx::query("SELECT id FROM organisations ORDER BY created_ms, id").fetch_all(&self.readers).await?;
        rows.iter().map(|row| organisation_id(row.try_get(0)?)).collect()
    }

    pub(crate) async fn organisation_key(&self, id: OrganisationId) -> Result<Arc<Key>, StoreError> {
        let row = sqlx::query("SELECT key_id FROM organisations WHERE id = $1")
            .bind(&id.as_bytes()[..])
            .fetch_optional(&self.readers)
            .await?
            .ok_or(StoreError::NotFound)?;
        self.keys.get(key_id(row.try_get(0)?)?)
    }
}

type Sealed = Option<Vec<u8>>;

fn sealed_texts(key: &Key, organisation: &OrganisationRecord) -> Result<(Sealed, Sealed), StoreError> {
    let seal = |table, text: &Option<OrganisationText>| -> Result<Sealed, StoreError> {
        let Some(text) = text else { return Ok(None) };
        let sealed = key.seal(Context::new(table, organisation.id.as_bytes()), text.expose().as_bytes())?;
        Ok(Some(sealed.as_bytes().to_vec()))
    };
    Ok((seal(NAME, &organisation.name)?, seal(CONTACT, &organisation.contact)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, AT_MS};

    #[tokio::test]
    async fn name_and_contact_come_back_and_can_be_filled_later() {
        let (store, _folder) = testing::store().await;
        let text = |text| OrganisationText::parse(text).ok();
        let mut record =
            OrganisationRecord { id: OrganisationId::from_random([1; 16]), name: None, contact: text("Weg 1") };
        store.create_organisation(&record, KeyId::from_random([1; 16]), AT_MS).await.expect("made");
        assert_eq!(store.organisation(record.id).await.expect("there"), record);
        assert!(!record.is_complete());

        record.name = text("Verein");
        store.change_organisation(&record, testing::audit("organisation_changed")).await.expect("changed");
        assert_eq!(store.organisation(record.id).await.expect("there"), record);
        assert!(record.is_complete());
        let unknown = store.organisation(OrganisationId::from_random([2; 16])).await;
        assert!(matches!(unknown, Err(StoreError::NotFound)));
    }
}
