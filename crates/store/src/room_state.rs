//! What a running room wants back after a restart: one sealed snapshot of the workshop engine, replaced whole, and its
//! chat, sealed message by message. The form inside is the room task's business.

use crate::codec::{message_id, number, room_id};
use crate::{Context, Store, StoreError};
use model::ids::{MessageId, RoomId};
use model::limits::CHAT_KEPT_MAX;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use zeroize::Zeroizing;

const STATE: &str = "room_states.state";
const CHAT: &str = "chat.text";

impl Store {
    /// Keeps what changed in a room in one transaction, durable before this returns: the new state, further chat
    /// messages, and which are deleted.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the room is gone, [`StoreError::Taken`] when a message is there already.
    pub async fn commit_room(
        &self,
        room: RoomId,
        state: Option<&[u8]>,
        append: &[(MessageId, Vec<u8>)],
        delete: &[MessageId],
    ) -> Result<(), StoreError> {
        let key = self.room_key(room).await?;
        let mut write = self.write().await?;
        if let Some(state) = state {
            let sealed = key.seal(Context::new(STATE, room.as_bytes()), state)?;
            sqlx::query(
                "INSERT INTO room_states (room, state_sealed) VALUES ($1, $2)
                 ON CONFLICT (room) DO UPDATE SET state_sealed = $2",
            )
            .bind(&room.as_bytes()[..])
            .bind(sealed.as_bytes())
            .execute(&mut *write)
            .await?;
        }
        for (id, content) in append {
            let sealed = key.seal(Context::new(CHAT, id.as_bytes()), content)?;
            sqlx::query("INSERT INTO chat (room, id, text_sealed) VALUES ($1, $2, $3)")
                .bind(&room.as_bytes()[..])
                .bind(&id.as_bytes()[..])
                .bind(sealed.as_bytes())
                .execute(&mut *write)
                .await
                .map_err(StoreError::unique)?;
        }
        for id in delete {
            sqlx::query("DELETE FROM chat WHERE room = $1 AND id = $2")
                .bind(&room.as_bytes()[..])
                .bind(&id.as_bytes()[..])
                .execute(&mut *write)
                .await?;
        }
        if !append.is_empty() {
            sqlx::query(
                "DELETE FROM chat WHERE room = $1
                 AND seq <= (SELECT seq FROM chat WHERE room = $1 ORDER BY seq DESC LIMIT 1 OFFSET $2)",
            )
            .bind(&room.as_bytes()[..])
            .bind(number(CHAT_KEPT_MAX as u64))
            .execute(&mut *write)
            .await?;
        }
        write.commit().await?;
        Ok(())
    }

    /// The room's state as it was last kept.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the room is gone.
    pub async fn load_room_state(&self, room: RoomId) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let row = sqlx::query("SELECT state_sealed FROM room_states WHERE room = $1")
            .bind(&room.as_bytes()[..])
            .fetch_optional(&self.readers)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let key = self.room_key(room).await?;
        key.open(Context::new(STATE, room.as_bytes()), row.try_get(0)?).map(Some)
    }

    /// The room's chat, oldest message first.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the room is gone.
    pub async fn load_chat(&self, room: RoomId) -> Result<Vec<(MessageId, Vec<u8>)>, StoreError> {
        let key = self.room_key(room).await?;
        let rows = sqlx::query("SELECT id, text_sealed FROM chat WHERE room = $1 ORDER BY seq")
            .bind(&room.as_bytes()[..])
            .fetch_all(&self.readers)
            .await?;
        let open = |row: &SqliteRow| {
            let id = message_id(row.try_get(0)?)?;
            Ok((id, key.open(Context::new(CHAT, id.as_bytes()), row.try_get(1)?)?.to_vec()))
        };
        rows.iter().map(open).collect()
    }

    /// Forgets state and chat: the event is over (P-03).
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn forget_room_state(&self, room: RoomId) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        for sql in ["DELETE FROM room_states WHERE room = $1", "DELETE FROM chat WHERE room = $1"] {
            sqlx::query(sql).bind(&room.as_bytes()[..]).execute(&mut *write).await?;
        }
        write.commit().await?;
        Ok(())
    }

    /// The rooms that were running when the server last stopped.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn rooms_with_state(&self) -> Result<Vec<RoomId>, StoreError> {
        let rows = sqlx::query("SELECT room FROM room_states ORDER BY room").fetch_all(&self.readers).await?;
        rows.iter().map(|row| room_id(row.try_get(0)?)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn message(n: u32) -> (MessageId, Vec<u8>) {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&n.to_be_bytes());
        (MessageId::from_random(bytes), format!("Rhabarber {n}").into_bytes())
    }

    #[tokio::test]
    async fn state_and_chat_come_back_sealed_and_in_order() {
        let (store, folder) = testing::store().await;
        let (room, other) = (testing::room(&store, 1).await.id, testing::room(&store, 2).await.id);
        assert!(store.load_room_state(room).await.expect("read").is_none());
        store.commit_room(room, Some(b"Haselnuss"), &[message(1), message(2)], &[]).await.expect("kept");
        store.commit_room(room, Some(b"Pflaume"), &[message(3)], &[message(2).0]).await.expect("kept");
        store.commit_room(other, None, &[], &[message(1).0]).await.expect("another room's message is not touched");
        assert_eq!(&**store.load_room_state(room).await.expect("read").expect("there"), b"Pflaume");
        assert_eq!(store.load_chat(room).await.expect("read"), [message(1), message(3)]);
        assert_eq!(store.load_chat(other).await.expect("read"), []);
        assert_eq!(store.rooms_with_state().await.expect("read"), [room]);
        for word in ["Haselnuss", "Pflaume", "Rhabarber"] {
            testing::assert_absent(folder.path(), word.as_bytes());
        }
        store.forget_room_state(room).await.expect("forgotten");
        assert!(store.load_room_state(room).await.expect("read").is_none());
        assert_eq!(store.load_chat(room).await.expect("read"), []);
    }

    #[tokio::test]
    async fn a_refused_commit_changes_nothing() {
        let (store, _folder) = testing::store().await;
        let room = testing::room(&store, 1).await.id;
        store.commit_room(room, Some(b"before"), &[message(1)], &[]).await.expect("kept");
        let refused = store.commit_room(room, Some(b"after"), &[message(2), message(1)], &[]).await;
        assert!(matches!(refused, Err(StoreError::Taken)));
        assert_eq!(&**store.load_room_state(room).await.expect("read").expect("there"), b"before");
        assert_eq!(store.load_chat(room).await.expect("read"), [message(1)]);
    }

    #[tokio::test]
    async fn the_oldest_messages_go_beyond_the_limit() {
        let (store, _folder) = testing::store().await;
        let room = testing::room(&store, 1).await.id;
        let many: Vec<_> = (0..CHAT_KEPT_MAX as u32 + 3).map(message).collect();
        store.commit_room(room, None, &many, &[]).await.expect("kept");
        assert_eq!(store.load_chat(room).await.expect("read"), many[3..]);
    }
}
