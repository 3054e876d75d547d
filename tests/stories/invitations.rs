//! Story: links into a room: right, wrong, expired, revoked, renewed; two editors of one room; a bad name.

use anyhow::Result;
use model::ids::RoomId;
use model::role::Role;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::http::{Client, secret_of};
use wire::api::{Entrance, Invitation, Joined, Room};

use crate::signing_in::set_up;

async fn look(client: &Client, secret: &str) -> Result<(StatusCode, Value)> {
    client.send(Method::POST, "/api/v1/join/look", &json!({ "secret": secret })).await
}

async fn links(client: &Client, room: RoomId) -> Result<Vec<Invitation>> {
    client.call(Method::GET, &format!("/api/v1/rooms/{room}/invitations"), &Value::Null).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_looks_joins_and_stays_the_same_person() -> Result<()> {
    let (mut server, admin) = set_up().await?;
    let room = admin.create_room("Kurs").await?;
    let secret = admin.invite(room.id, Role::Participant).await?;
    let guest = server.client()?;
    let entrance: Entrance = guest.call(Method::POST, "/api/v1/join/look", &json!({ "secret": secret })).await?;
    assert_eq!((entrance.room, entrance.name.expose(), entrance.role), (room.id, "Kurs", Role::Participant));
    assert_eq!(entrance.organisation.contact.expose(), "datenschutz@example.org", "P-02");
    assert!(entrance.known_as.is_none());

    let joined = guest.join(&secret, "Mo").await?;
    assert_eq!(guest.join(&secret, "Mo").await?.participant, joined.participant, "a reload");
    server.kill().await?;
    server.restart().await?;
    assert_eq!(guest.ticket(room.id).await?.participant, joined.participant, "a restart");
    let entrance: Entrance = guest.call(Method::POST, "/api/v1/join/look", &json!({ "secret": secret })).await?;
    assert_eq!(entrance.known_as.map(|name| name.expose().to_owned()).as_deref(), Some("Mo"));
    let other = server.client()?.join(&secret, "Mo").await?;
    assert_ne!(other.participant, joined.participant, "another browser is somebody else");
    assert!(server.client()?.ticket(room.id).await.is_err(), "no ticket for a stranger");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_links_open_nothing() -> Result<()> {
    let (server, admin) = set_up().await?;
    let room = admin.create_room("Kurs").await?;
    let base = format!("/api/v1/rooms/{}/invitations", room.id);
    let body = json!({ "role": "participant", "lifetime_s": 1 });
    let short: Invitation = admin.call(Method::POST, &base, &body).await?;
    let kept: Invitation = admin.call(Method::POST, &base, &json!({ "role": "trainer", "lifetime_s": null })).await?;
    assert!(kept.url.starts_with(&format!("{}/j#", server.origin())), "{}", kept.url);
    let stranger = server.client()?;
    assert_eq!(look(&stranger, secret_of(&kept.url)?).await?.0, StatusCode::OK);
    assert_eq!(links(&admin, room.id).await?.len(), 2);

    let renewed: Invitation = admin.call(Method::POST, &format!("{base}/{}/renew", kept.id), &Value::Null).await?;
    assert_eq!(renewed.id, kept.id);
    let unknown = json!({ "code": "invitation_unknown" });
    assert_eq!(look(&stranger, secret_of(&kept.url)?).await?, (StatusCode::NOT_FOUND, unknown.clone()));
    assert_eq!(look(&stranger, secret_of(&renewed.url)?).await?.0, StatusCode::OK);

    let (status, _) = admin.send(Method::DELETE, &format!("{base}/{}", kept.id), &Value::Null).await?;
    assert_eq!(status, StatusCode::NO_CONTENT);
    for secret in [secret_of(&renewed.url)?, "", "AAAAAAAAAAAAAAAAAAAAAA", "ä"] {
        assert_eq!(look(&stranger, secret).await?, (StatusCode::NOT_FOUND, unknown.clone()), "revoked and wrong alike");
    }

    let end = short.expires_at_ms.unwrap_or_default();
    let left = std::time::UNIX_EPOCH + std::time::Duration::from_millis(end);
    // The link's life is the thing under test: it ends by the clock.
    tokio::time::sleep(left.duration_since(std::time::SystemTime::now()).unwrap_or_default()).await;
    let (status, body) = look(&stranger, secret_of(&short.url)?).await?;
    assert_eq!((status, &body["code"]), (StatusCode::GONE, &json!("invitation_expired")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_ends_after_ten_wrong_links() -> Result<()> {
    let (server, admin) = set_up().await?;
    let room = admin.create_room("Kurs").await?;
    let secret = admin.invite(room.id, Role::Participant).await?;
    let guesser = server.client()?;
    for _ in 0..10 {
        assert_eq!(look(&guesser, "AAAAAAAAAAAAAAAAAAAAAA").await?.0, StatusCode::NOT_FOUND);
    }
    assert_eq!(look(&guesser, &secret).await?.0, StatusCode::TOO_MANY_REQUESTS, "S-07: right and wrong alike");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_editor_of_a_room_is_told() -> Result<()> {
    let (_server, admin) = set_up().await?;
    let room = admin.create_room("Kurs").await?;
    let path = format!("/api/v1/rooms/{}", room.id);
    let mut settings = room.settings.clone();
    settings.lobby = false;
    let body = json!({ "version": room.version, "settings": settings });
    let changed: Room = admin.call(Method::PATCH, &path, &body).await?;
    assert_eq!((changed.version, changed.settings.lobby), (room.version + 1, false));
    let (status, answer) = admin.send(Method::PATCH, &path, &body).await?;
    assert_eq!((status, &answer["code"]), (StatusCode::CONFLICT, &json!("conflict")));
    let mut crowd = json!({ "version": changed.version, "settings": changed.settings });
    crowd["settings"]["people_max"] = json!(501);
    assert_eq!(admin.send(Method::PATCH, &path, &crowd).await?.0, StatusCode::BAD_REQUEST);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_names_have_codes() -> Result<()> {
    let (server, admin) = set_up().await?;
    let room = admin.create_room("Kurs").await?;
    let secret = admin.invite(room.id, Role::Participant).await?;
    let guest = server.client()?;
    for (name, code) in [
        ("  ", "name_empty"),
        (&*"x".repeat(61), "name_too_long"),
        ("a\u{202e}b", "name_forbidden"),
        ("a\u{0}b", "name_forbidden"),
    ] {
        let (status, body) =
            guest.send(Method::POST, "/api/v1/join", &json!({ "secret": secret, "name": name })).await?;
        assert_eq!((status, &body["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!(code)), "{name:?}");
    }
    let raw = |text: String| {
        guest.request(Method::POST, "/api/v1/join").header("content-type", "application/json").body(text)
    };
    for (text, code) in [
        ("{".to_owned(), "malformed"),
        (format!(r#"{{"secret":"{secret}","secret":"{secret}","name":"Mo"}}"#), "malformed"),
        (format!(r#"{{"secret":"{secret}","name":"Mo","role":"trainer"}}"#), "malformed"),
        (format!(r#"{{"secret":"{secret}","name":"{}"}}"#, "x".repeat(70_000)), "too_large"),
        ("[".repeat(60_000), "malformed"),
    ] {
        let answer = raw(text).send().await?;
        let body: Value = serde_json::from_slice(&answer.bytes().await?)?;
        assert_eq!(body["code"], code);
    }
    let joined: Joined = guest.join(&secret, "Zoe\u{308}").await?;
    assert_eq!(joined.room, room.id);
    Ok(())
}
