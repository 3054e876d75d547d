//! Pads on disk: rows of the log and checkpoints, sealed with the key of the pad's room.
//!
//! `src/pads` calls it: the group commit brings the rows of all pads in one transaction, and acknowledges after it.
//! What the bytes mean is the pad engine's business.

use crate::codec::number;
use crate::{Context, Key, Store, StoreError};
use model::ids::PadId;
use sqlx::Row;
use std::collections::BTreeSet;
use std::sync::Arc;

const LOG: &str = "pad_log.content";
const CHECKPOINT: &str = "pad_checkpoints.content";

/// A row to be appended.
pub struct PadAppend {
    /// Whose.
    pub pad: PadId,
    /// The key of its room.
    pub key: Arc<Key>,
    /// Its number.
    pub seq: u64,
    /// When, in milliseconds since 1970 (UTC).
    pub at_ms: u64,
    /// What, not yet sealed.
    pub content: bytes::Bytes,
}

/// A pad as it was stored.
#[derive(Default)]
pub struct StoredPad {
    /// The last checkpoint with the number of the last row in it.
    pub checkpoint: Option<(u64, Vec<u8>)>,
    /// The rows after it, in their order. A row that does not open has no bytes.
    pub rows: Vec<(u64, Vec<u8>)>,
}

/// Binds sealed bytes to pad and number, so that rows cannot change places.
fn place(pad: PadId, seq: u64) -> [u8; 24] {
    let mut place = [0; 24];
    place[..16].copy_from_slice(pad.as_bytes());
    place[16..].copy_from_slice(&seq.to_be_bytes());
    place
}

impl Store {
    /// Appends rows of any number of pads in one transaction, durable before this returns. Pads that were deleted in
    /// the meantime are left out and named in the answer.
    ///
    /// # Errors
    /// What SQLite or the disk says: then nothing of it was stored.
    pub async fn append_pads(&self, rows: &[PadAppend]) -> Result<BTreeSet<PadId>, StoreError> {
        let mut sealed = Vec::with_capacity(rows.len());
        for row in rows {
            sealed.push(row.key.seal(Context::new(LOG, &place(row.pad, row.seq)), &row.content)?);
        }
        let mut gone = BTreeSet::new();
        let mut write = self.write().await?;
        for (row, sealed) in rows.iter().zip(&sealed) {
            let result = sqlx::query("INSERT INTO pad_log (pad, seq, at_ms, content_sealed) VALUES ($1, $2, $3, $4)")
                .bind(&row.pad.as_bytes()[..])
                .bind(number(row.seq))
                .bind(number(row.at_ms))
                .bind(sealed.as_bytes())
                .execute(&mut *write)
                .await;
            match result {
                Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => {
                    gone.insert(row.pad);
                }
                other => {
                    other?;
                }
            }
        }
        write.commit().await?;
        Ok(gone)
    }

    /// Puts a checkpoint in the place of the rows up to `through`, all or nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the pad was deleted; what SQLite or the disk says.
    pub async fn checkpoint_pad(
        &self,
        pad: PadId,
        key: &Key,
        through: u64,
        at_ms: u64,
        content: &[u8],
    ) -> Result<(), StoreError> {
        let sealed = key.seal(Context::new(CHECKPOINT, &place(pad, through)), content)?;
        let mut write = self.write().await?;
        let result = sqlx::query(
            "INSERT INTO pad_checkpoints (pad, through, at_ms, content_sealed) VALUES ($1, $2, $3, $4)
             ON CONFLICT (pad) DO UPDATE SET through = $2, at_ms = $3, content_sealed = $4",
        )
        .bind(&pad.as_bytes()[..])
        .bind(number(through))
        .bind(number(at_ms))
        .bind(sealed.as_bytes())
        .execute(&mut *write)
        .await;
        match result {
            Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => return Err(StoreError::NotFound),
            other => {
                other?;
            }
        }
        sqlx::query("DELETE FROM pad_log WHERE pad = $1 AND seq <= $2")
            .bind(&pad.as_bytes()[..])
            .bind(number(through))
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(())
    }

    /// Reads a pad; one that nobody has written in is empty.
    ///
    /// # Errors
    /// [`StoreError::Unsealing`] when the checkpoint does not open; what SQLite or the disk says.
    pub async fn load_pad(&self, pad: PadId, key: &Key) -> Result<StoredPad, StoreError> {
        // One transaction, so that a checkpoint and the rows after it belong together.
        let mut read = self.readers.begin().await?;
        let checkpoint = sqlx::query("SELECT through, content_sealed FROM pad_checkpoints WHERE pad = $1")
            .bind(&pad.as_bytes()[..])
            .fetch_optional(&mut *read)
            .await?;
        let rows = sqlx::query("SELECT seq, content_sealed FROM pad_log WHERE pad = $1 ORDER BY seq")
            .bind(&pad.as_bytes()[..])
            .fetch_all(&mut *read)
            .await?;
        read.commit().await?;
        let sequence = |value: i64| u64::try_from(value).map_err(|_| StoreError::Damaged("pad row number"));
        let mut stored = StoredPad::default();
        if let Some(row) = checkpoint {
            let through = sequence(row.try_get(0)?)?;
            let content = key.open(Context::new(CHECKPOINT, &place(pad, through)), row.try_get(1)?)?;
            stored.checkpoint = Some((through, content.to_vec()));
        }
        for row in rows {
            let seq = sequence(row.try_get(0)?)?;
            let content = key.open(Context::new(LOG, &place(pad, seq)), row.try_get(1)?);
            stored.rows.push((seq, content.map(|content| content.to_vec()).unwrap_or_default()));
        }
        Ok(stored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use model::ids::PadId;

    const WORD: &[u8] = b"Zwetschgenknoedel";

    fn append(pad: PadId, key: &Arc<Key>, seq: u64) -> PadAppend {
        PadAppend { pad, key: Arc::clone(key), seq, at_ms: testing::AT_MS, content: bytes::Bytes::from_static(WORD) }
    }

    #[tokio::test]
    async fn rows_and_checkpoints_come_back_and_only_sealed_bytes_are_in_files() {
        let (store, folder) = testing::store().await;
        let room = testing::room(&store, 1).await;
        let key = store.room_key(room.id).await.expect("key");
        let gone = store.append_pads(&[append(room.pad, &key, 1), append(room.pad, &key, 2)]).await.expect("stored");
        assert!(gone.is_empty());
        testing::assert_absent(folder.path(), WORD);
        let stored = store.load_pad(room.pad, &key).await.expect("loads");
        assert_eq!(stored.rows, [(1, WORD.to_vec()), (2, WORD.to_vec())]);

        store.append_pads(&[append(room.pad, &key, 3)]).await.expect("stored");
        store.checkpoint_pad(room.pad, &key, 2, testing::AT_MS, b"whole").await.expect("stored");
        let stored = store.load_pad(room.pad, &key).await.expect("loads");
        assert_eq!(stored.checkpoint, Some((2, b"whole".to_vec())));
        assert_eq!(stored.rows, [(3, WORD.to_vec())]);
    }

    #[tokio::test]
    async fn a_deleted_pad_does_not_keep_others_from_being_saved() {
        let (store, _folder) = testing::store().await;
        let room = testing::room(&store, 1).await;
        let key = store.room_key(room.id).await.expect("key");
        let unknown = PadId::from_random([99; 16]);
        let gone = store.append_pads(&[append(unknown, &key, 1), append(room.pad, &key, 1)]).await.expect("stored");
        assert_eq!(gone, BTreeSet::from([unknown]));
        assert_eq!(store.load_pad(room.pad, &key).await.expect("loads").rows.len(), 1);
        let refused = store.checkpoint_pad(unknown, &key, 1, testing::AT_MS, b"whole").await;
        assert!(matches!(refused, Err(StoreError::NotFound)));
    }

    #[tokio::test]
    async fn a_row_in_another_place_does_not_open() {
        let (store, _folder) = testing::store().await;
        let room = testing::room(&store, 1).await;
        let key = store.room_key(room.id).await.expect("key");
        store.append_pads(&[append(room.pad, &key, 1)]).await.expect("stored");
        sqlx::query("UPDATE pad_log SET seq = 5").execute(&store.writer).await.expect("moved");
        assert_eq!(store.load_pad(room.pad, &key).await.expect("loads").rows, [(5, vec![])]);
    }
}
