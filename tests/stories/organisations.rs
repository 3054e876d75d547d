//! Story: a second organisation on the same server sees nothing of the first; no room opens without name and contact
//! (P-02); tokens of the command line open what they say.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use model::role::Role;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::http::{ADMIN_PASSWORD, Client};
use testkit::server::Server;
use wire::api::Room;

use crate::BINARY;
use crate::signing_in::set_up;

/// `werkraum user add` with the password on its standard input.
fn add_user(server: &Server, arguments: &[&str]) -> Result<()> {
    let mut child = Command::new(BINARY)
        .args(["user", "add"])
        .args(arguments)
        .env("WERKRAUM_DATA", server.data())
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    writeln!(child.stdin.take().context("stdin")?, "{ADMIN_PASSWORD}")?;
    ensure!(child.wait()?.success(), "{arguments:?} failed");
    Ok(())
}

/// An admin of another organisation on the same server.
pub(crate) async fn foreign_admin(server: &Server) -> Result<Client> {
    let email = "foreign@example.net";
    let organisation = ["--new-organisation", "Andere", "--contact", "post@example.net"];
    add_user(server, &[&["--email", email, "--name", "Fremd", "--role", "admin"], &organisation[..]].concat())?;
    let client = server.client()?;
    let body = json!({ "email": email, "password": ADMIN_PASSWORD });
    let _: Value = client.call(Method::POST, "/api/v1/session", &body).await?;
    Ok(client)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_organisation_sees_nothing() -> Result<()> {
    let (server, admin) = set_up().await?;
    let room = admin.create_room("Kurs").await?;
    let foreign = foreign_admin(&server).await?;
    let own = foreign.create_room("Fremdkurs").await?;
    let list = async |client: &Client| client.call::<Vec<Room>>(Method::GET, "/api/v1/rooms", &Value::Null).await;
    assert_eq!(list(&admin).await?.iter().map(|room| room.id).collect::<Vec<_>>(), [room.id]);
    assert_eq!(list(&foreign).await?.iter().map(|room| room.id).collect::<Vec<_>>(), [own.id]);
    let people: Vec<Value> = foreign.call(Method::GET, "/api/v1/accounts", &Value::Null).await?;
    assert_eq!(people.len(), 1);
    let missing = foreign.send(Method::GET, "/api/v1/rooms/00000000-0000-4000-8000-000000000000", &Value::Null).await?;
    let hidden = foreign.send(Method::GET, &format!("/api/v1/rooms/{}", room.id), &Value::Null).await?;
    assert_eq!(missing, hidden, "what is not there and what is not theirs look alike");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_room_opens_without_name_and_contact() -> Result<()> {
    let server = Server::start(BINARY).await?;
    add_user(&server, &["--email", "a@example.org", "--name", "Ada", "--role", "admin"])?;
    let admin = server.client()?;
    let body = json!({ "email": "a@example.org", "password": ADMIN_PASSWORD });
    let _: Value = admin.call(Method::POST, "/api/v1/session", &body).await?;
    let room = admin.create_room("Kurs").await?;
    let secret = admin.invite(room.id, Role::Participant).await?;
    let guest = server.client()?;
    let join = json!({ "secret": secret, "name": "Mo" });
    let (status, answer) = guest.send(Method::POST, "/api/v1/join", &join).await?;
    assert_eq!((status, &answer["code"]), (StatusCode::CONFLICT, &json!("organisation_incomplete")));
    assert!(admin.join_as_account(room.id).await.is_err());
    let whole = json!({ "name": "Verein", "contact": "Weg 1" });
    let _: Value = admin.call(Method::PATCH, "/api/v1/organisation", &whole).await?;
    guest.join(&secret, "Mo").await?;
    admin.join_as_account(room.id).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_token_opens_its_scope_and_nothing_else() -> Result<()> {
    let (server, admin) = set_up().await?;
    let room = admin.create_room("Kurs").await?;
    let token = server.run(&["token", "create", "--api", "--scope", "rooms:read", "--ttl", "1h"]).await?;
    let program = server.client()?;
    let ask = async |method: Method, path: &str, body: Value| -> Result<StatusCode> {
        let request = program.request(method, path).bearer_auth(&token).json(&body);
        Ok(request.send().await?.status())
    };
    assert_eq!(ask(Method::GET, "/api/v1/rooms", Value::Null).await?, StatusCode::OK);
    assert_eq!(ask(Method::POST, "/api/v1/rooms", json!({ "name": "x" })).await?, StatusCode::FORBIDDEN);
    assert_eq!(ask(Method::GET, "/api/v1/accounts", Value::Null).await?, StatusCode::UNAUTHORIZED);
    assert_eq!(
        ask(Method::POST, &format!("/api/v1/rooms/{}/ticket", room.id), Value::Null).await?,
        StatusCode::NOT_FOUND
    );
    let wrong = admin.request(Method::GET, "/api/v1/rooms").bearer_auth("x").send().await?;
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED, "with a token the cookie is not looked at (S-17)");

    let pad = room.pad.context("a pad")?.to_string();
    let pad_token = server.run(&["token", "create", "--pad", &pad, "--right", "read", "--ttl", "1h"]).await?;
    let other = server.client()?.request(Method::GET, "/api/v1/rooms").bearer_auth(pad_token).send().await?;
    assert_eq!(other.status(), StatusCode::UNAUTHORIZED);
    assert!(server.run(&["token", "create", "--pad", &pad, "--right", "read", "--ttl", "13h"]).await.is_err());
    assert!(server.run(&["doctor"]).await?.contains("database and keys open"));
    Ok(())
}
