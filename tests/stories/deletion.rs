//! Story: a room is deleted; nothing of its name, people and chat is in the data folder any more, and a backup from
//! before does not bring it back (P-11, ADR 0002).

use std::path::Path;

use anyhow::Result;
use model::name::ChatText;
use model::role::Role;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use testkit::server::Server;
use wire::api::Room;
use wire::client::Command;

use crate::BINARY;
use crate::signing_in::set_up;

/// The files below `folder` that hold `word`.
fn holding(folder: &Path, word: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(holding(&path, word)?);
        } else if std::fs::read(&path)?.windows(word.len()).any(|window| window == word.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    Ok(found)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_room_is_nowhere() -> Result<()> {
    const WORDS: [&str; 3] = ["Quittengelee", "Mirabellenmus", "Zwetschgenknoedel"];
    let (server, admin) = set_up().await?;
    let room = admin.create_room(WORDS[0]).await?;
    let kept = admin.create_room("Bleibt").await?;
    let guest = server.client()?;
    guest.join(&admin.invite(room.id, Role::Participant).await?, WORDS[1]).await?;
    let mut socket = admin.socket(&admin.join_as_account(room.id).await?.ticket).await?;
    socket.welcome().await?;
    socket.done(Command::Chat { text: ChatText::parse(WORDS[2])? }).await?;
    for word in WORDS {
        assert_eq!(holding(server.data(), word)?, [""; 0], "{word} is readable while the room lives");
    }

    let backup = tempfile::tempdir()?;
    let to = backup.path().display().to_string();
    let data = server.run(&["backup", "--to", &to]).await?;
    let (status, _) = admin.send(Method::DELETE, &format!("/api/v1/rooms/{}", room.id), &Value::Null).await?;
    assert_eq!(status, StatusCode::NO_CONTENT);
    server.run(&["backup", "--to", &to]).await?;
    for word in WORDS {
        assert_eq!(holding(server.data(), word)?, [""; 0], "{word}");
        assert_eq!(holding(backup.path(), word)?, [""; 0], "{word} in the backup");
    }
    let rooms: Vec<Room> = admin.call(Method::GET, "/api/v1/rooms", &Value::Null).await?;
    assert_eq!(rooms.iter().map(|room| room.id).collect::<Vec<_>>(), [kept.id]);

    // The older data with the newest keys: the deleted room stays deleted, everything else is back.
    let fresh = tempfile::tempdir()?;
    let keys = backup.path().join("keys").join("keys").display().to_string();
    let folder = fresh.path().join("data").display().to_string();
    server.run(&["restore", "--from-data", &data, "--from-keys", &keys, "--data", &folder]).await?;
    let restored = Server::builder(BINARY).data(&folder).start().await?;
    let again = restored.client()?;
    let credentials =
        serde_json::json!({ "email": testkit::http::ADMIN_EMAIL, "password": testkit::http::ADMIN_PASSWORD });
    let _: Value = again.call(Method::POST, "/api/v1/session", &credentials).await?;
    let rooms: Vec<Room> = again.call(Method::GET, "/api/v1/rooms", &Value::Null).await?;
    assert_eq!(rooms.iter().map(|room| room.id).collect::<Vec<_>>(), [kept.id]);
    Ok(())
}
