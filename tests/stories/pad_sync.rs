//! A pad over its websocket: two editors, rights, tokens that open nothing else, deletion.

use crate::BINARY;
use anyhow::{Context, Result};
use model::ids::PadId;
use testkit::http::Client;
use testkit::pad::{PadClient, document};
use testkit::server::Server;

/// A server with a room; the admin and the room's pad.
pub(crate) async fn server_with_pad() -> Result<(Server, Client, wire::api::Room, PadId)> {
    let server = Server::start(BINARY).await?;
    let admin = server.client()?;
    admin.first_admin(server.first_admin_link().context("no first admin link")?).await?;
    let room = admin.create_room("Werkstatt").await?;
    let pad = room.pad.context("a room has a pad")?;
    Ok((server, admin, room, pad))
}

/// A token as an operator makes it on the command line.
pub(crate) async fn token(server: &Server, pad: PadId, right: &str) -> Result<String> {
    let pad = pad.to_string();
    let printed = server.run(&["token", "create", "--pad", &pad, "--right", right, "--ttl", "1h"]).await?;
    Ok(printed.lines().last().context("nothing printed")?.trim().to_owned())
}

pub(crate) async fn editor(server: &Server, pad: PadId, token: &str, client: u64) -> Result<PadClient> {
    let mut editor =
        PadClient::connect(server.origin(), &server.ca_pem()?, &pad.to_string(), token, document(client)).await?;
    editor.wait_for("synced", |editor| editor.synced).await?;
    Ok(editor)
}

#[tokio::test]
async fn editors_meet_and_readers_only_read() -> Result<()> {
    let (server, _admin, _room, pad) = server_with_pad().await?;
    let (write, read) = (token(&server, pad, "write").await?, token(&server, pad, "read").await?);
    let mut ada = editor(&server, pad, &write, 10).await?;
    let mut ben = editor(&server, pad, &write, 20).await?;
    let mut eva = editor(&server, pad, &read, 30).await?;
    let counter = ada.type_at(0, "Zusammen 😀 ").await?;
    ada.wait_for("on disk", |ada| ada.acknowledged >= counter).await?;
    ben.type_at(0, "schreiben").await?;
    let whole = "Zusammen 😀 schreiben".encode_utf16().count();
    for editor in [&mut ada, &mut ben, &mut eva] {
        editor.wait_for("both texts", |editor| editor.text().encode_utf16().count() == whole).await?;
    }
    assert_eq!(ada.text(), ben.text());

    // S-03: what a reader sends changes nothing, is not acknowledged, and the reader is told.
    eva.type_at(0, "heimlich").await?;
    eva.wait_for("the refusal", |eva| eva.notices.iter().any(|notice| notice == "pad_read_only")).await?;
    let counter = ben.type_at(0, "!").await?;
    ben.wait_for("on disk", |ben| ben.acknowledged >= counter).await?;
    assert!(!ben.text().contains("heimlich"));
    assert_eq!(eva.acknowledged, 0);
    Ok(())
}

#[tokio::test]
async fn a_token_opens_its_pad_and_nothing_else() -> Result<()> {
    let (server, admin, _room, pad) = server_with_pad().await?;
    let other = admin.create_room("Andere").await?.pad.context("a pad")?;
    let token = token(&server, pad, "write").await?;
    for (pad, token, code) in [
        (other.to_string(), token.as_str(), 4404),
        ("nothing".to_owned(), token.as_str(), 4404),
        (pad.to_string(), "wrong", 4401),
        (pad.to_string(), "", 4401),
    ] {
        let mut refused = PadClient::connect(server.origin(), &server.ca_pem()?, &pad, token, document(1)).await?;
        assert_eq!(refused.wait_for_close().await?, Some(code), "{pad} {token}");
    }
    // Nor the API, as a bearer.
    let answer = server.client()?.request(reqwest::Method::GET, "/api/v1/rooms").bearer_auth(&token).send().await?;
    assert!(answer.status().is_client_error(), "{}", answer.status());
    Ok(())
}

#[tokio::test]
async fn a_deleted_room_closes_its_pad_and_leaves_no_word_of_it() -> Result<()> {
    const WORD: &str = "Zwetschgenknoedelrezept";
    let (server, admin, room, pad) = server_with_pad().await?;
    let token = token(&server, pad, "write").await?;
    let mut ada = editor(&server, pad, &token, 10).await?;
    let counter = ada.type_at(0, WORD).await?;
    ada.wait_for("on disk", |ada| ada.acknowledged >= counter).await?;
    assert_absent(&server, WORD)?;
    let answer = admin.request(reqwest::Method::DELETE, &format!("/api/v1/rooms/{}", room.id)).send().await?;
    assert!(answer.status().is_success(), "{}", answer.status());
    assert_eq!(ada.wait_for_close().await?, Some(4410));
    let mut late =
        PadClient::connect(server.origin(), &server.ca_pem()?, &pad.to_string(), &token, document(2)).await?;
    assert_eq!(late.wait_for_close().await?, Some(4404));
    assert_absent(&server, WORD)?;
    Ok(())
}

/// No file of the data folder holds the word, sealed or not sealed yet.
fn assert_absent(server: &Server, word: &str) -> Result<()> {
    for entry in std::fs::read_dir(server.data())? {
        let path = entry?.path();
        if path.is_file() {
            let bytes = std::fs::read(&path)?;
            let found = bytes.windows(word.len()).any(|window| window == word.as_bytes());
            assert!(!found, "found in {}", path.display());
        }
    }
    Ok(())
}
