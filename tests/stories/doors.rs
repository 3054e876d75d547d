//! Story: every door of the table is held (S-17, S-18): reading changes nothing, changes need our own origin, a foreign
//! host is refused everywhere, tokens are not cookies.

use std::path::Path;

use anyhow::{Context, Result};
use reqwest::header::{HOST, HeaderValue, ORIGIN};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use testkit::http::Client;

use crate::signing_in::set_up;

/// The table itself, without the binary around it.
#[path = "../../src/http/doors.rs"]
#[allow(dead_code, unreachable_pub)]
pub(crate) mod table;
use table::{DOORS, Door, Kind};

const ID: &str = "00000000-0000-4000-8000-000000000000";

fn path_of(door: &Door) -> String {
    let parts = door.path.split('/').map(|part| if part.starts_with('{') { ID } else { part });
    parts.collect::<Vec<_>>().join("/")
}

fn request(client: &Client, door: &Door) -> Result<reqwest::Request> {
    let method = Method::from_bytes(door.method.as_bytes())?;
    let mut request = client.request(method, &path_of(door));
    if door.method != "GET" {
        request = request.header("content-type", "application/json").body("{}");
    }
    Ok(request.build()?)
}

fn content(folder: &Path) -> Result<Vec<Vec<u8>>> {
    ["werkraum.db", "werkraum.db-wal", "keys"]
        .iter()
        .map(|name| std::fs::read(folder.join(name)).with_context(|| (*name).to_owned()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_changes_nothing() -> Result<()> {
    let (server, admin) = set_up().await?;
    let room = admin.create_room("Kurs").await?;
    let before = content(server.data())?;
    for door in DOORS.iter().filter(|door| door.method == "GET") {
        admin.execute(request(&admin, door)?).await?;
        assert!(before == content(server.data())?, "{door:?} wrote into the data folder");
    }
    for path in ["", "/invitations"] {
        let path = format!("/api/v1/rooms/{}{path}", room.id);
        let (status, _) = admin.send(Method::GET, &path, &Value::Null).await?;
        assert_eq!(status, StatusCode::OK);
        assert!(before == content(server.data())?, "{path} wrote into the data folder");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_need_our_own_origin() -> Result<()> {
    let (server, admin) = set_up().await?;
    let before = content(server.data())?;
    let is_cookie = |door: &&Door| matches!(door.kind, Kind::Cookie | Kind::CookieOrBearer(_)) && door.method != "GET";
    let mut seen = 0;
    for door in DOORS.iter().filter(is_cookie) {
        for origin in [Some("https://evil.example"), Some("null"), None] {
            let mut request = request(&admin, door)?;
            request.headers_mut().remove(ORIGIN);
            if let Some(origin) = origin {
                request.headers_mut().insert(ORIGIN, HeaderValue::from_static(origin));
                request.headers_mut().insert("sec-fetch-site", HeaderValue::from_static("cross-site"));
            }
            let answer = admin.execute(request).await?;
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{door:?} {origin:?}");
            let body: Value = serde_json::from_slice(&answer.bytes().await?)?;
            assert_eq!(body["code"], "foreign_origin", "{door:?}");
            seen += 1;
        }
    }
    assert!(seen > 40, "the table has lost its doors");
    assert!(before == content(server.data())?, "a refused change wrote into the data folder");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_door_is_there_and_a_foreign_host_is_refused_at_each() -> Result<()> {
    let (_server, admin) = set_up().await?;
    for door in DOORS {
        let answer = admin.execute(request(&admin, door)?).await?;
        // A websocket's door says so, too, to whoever does not ask for a websocket (RFC 8441 for HTTP/2).
        let is_websocket = door.kind == Kind::Ticket || door.path.starts_with("/pads/");
        assert!(is_websocket || answer.status() != StatusCode::METHOD_NOT_ALLOWED, "{door:?}");
        assert_ne!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR, "{door:?}");
        if matches!(door.path, "/healthz" | "/metrics") {
            continue; // Watched under any name, by programs that know only the address.
        }
        let mut request = request(&admin, door)?;
        request.headers_mut().insert(HOST, HeaderValue::from_static("evil.example"));
        let answer = admin.execute(request).await?;
        assert_eq!(answer.status(), StatusCode::MISDIRECTED_REQUEST, "{door:?}");
        assert!(!answer.text().await?.contains("evil.example"), "{door:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_is_no_token() -> Result<()> {
    let (_server, admin) = set_up().await?;
    for door in DOORS.iter().filter(|door| matches!(door.kind, Kind::Token | Kind::Ticket) && door.path != "/metrics") {
        let answer = admin.execute(request(&admin, door)?).await?;
        assert!(!answer.status().is_success(), "{door:?} {}", answer.status());
        assert_ne!(answer.status(), StatusCode::SWITCHING_PROTOCOLS, "{door:?}");
    }
    Ok(())
}
