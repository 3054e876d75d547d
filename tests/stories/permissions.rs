//! Story: every room door for every kind of visitor, with the verdict that the permission table gives (S-01).

use anyhow::Result;
use model::role::Role;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::organisations::foreign_admin;
use crate::signing_in::{invited, set_up};

#[tokio::test(flavor = "multi_thread")]
async fn who_may_do_what_at_the_doors_of_a_room() -> Result<()> {
    let (server, admin) = set_up().await?;
    let owner = invited(&server, &admin, "trainer", "owner@example.org").await?;
    let colleague = invited(&server, &admin, "trainer", "colleague@example.org").await?;
    let foreign = foreign_admin(&server).await?;
    let room = owner.create_room("Kurs").await?;
    let (guest, trainer_guest, stranger) = (server.client()?, server.client()?, server.client()?);
    guest.join(&owner.invite(room.id, Role::Participant).await?, "Mo").await?;
    trainer_guest.join(&owner.invite(room.id, Role::Trainer).await?, "Tess").await?;
    let link = {
        let body = json!({ "role": "participant", "lifetime_s": null });
        let path = format!("/api/v1/rooms/{}/invitations", room.id);
        owner.call::<Value>(Method::POST, &path, &body).await?["id"].as_str().unwrap_or_default().to_owned()
    };
    let base = format!("/api/v1/rooms/{}", room.id);
    let settings = serde_json::to_value(&room.settings)?;
    let stale = json!({ "version": 999, "settings": settings });
    let pad = room.pad.map(|pad| pad.to_string()).unwrap_or_default();

    use StatusCode as S;
    let (no, gone) = (S::UNAUTHORIZED, S::NOT_FOUND);
    // door, body; stranger, guest, guest trainer, colleague, foreign admin, owner, admin
    let table: Vec<(Method, String, Value, [S; 7])> = vec![
        (Method::GET, base.clone(), Value::Null, [no, no, no, gone, gone, S::OK, S::OK]),
        (Method::PATCH, base.clone(), stale, [no, no, no, gone, gone, S::CONFLICT, S::CONFLICT]),
        (Method::GET, format!("{base}/invitations"), Value::Null, [no, no, no, gone, gone, S::OK, S::OK]),
        (
            Method::POST,
            format!("{base}/invitations"),
            json!({ "role": "participant", "lifetime_s": null }),
            [no, no, no, gone, gone, S::CREATED, S::CREATED],
        ),
        (
            Method::POST,
            format!("{base}/invitations"),
            json!({ "role": "admin", "lifetime_s": null }),
            [no, no, no, S::FORBIDDEN, S::FORBIDDEN, S::FORBIDDEN, S::FORBIDDEN],
        ),
        (Method::POST, format!("{base}/invitations/{link}/renew"), Value::Null, [no, no, no, gone, gone, S::OK, S::OK]),
        (Method::POST, format!("{base}/join"), json!({ "name": null }), [no, no, no, gone, gone, S::OK, S::OK]),
        (Method::POST, format!("{base}/ticket"), Value::Null, [gone, S::OK, S::OK, gone, gone, S::OK, S::OK]),
        // Guests are not in the room here: they hold tickets but have not come.
        (Method::POST, format!("/api/v1/pads/{pad}/token"), Value::Null, [gone, gone, gone, gone, gone, S::OK, S::OK]),
        (Method::PATCH, "/api/v1/organisation".into(), json!({ "name": "a", "contact": "b" }), {
            [no, no, no, S::FORBIDDEN, S::OK, S::FORBIDDEN, S::OK]
        }),
        (Method::POST, "/api/v1/accounts/invitations".into(), json!({ "role": "trainer" }), {
            [no, no, no, S::FORBIDDEN, S::OK, S::FORBIDDEN, S::OK]
        }),
        (Method::GET, "/api/v1/accounts".into(), Value::Null, [no, no, no, S::FORBIDDEN, S::OK, S::FORBIDDEN, S::OK]),
        (
            Method::DELETE,
            format!("{base}/invitations/{link}"),
            Value::Null,
            [no, no, no, gone, gone, S::NO_CONTENT, gone],
        ),
        (Method::DELETE, base.clone(), Value::Null, [no, no, no, gone, gone, S::NO_CONTENT, gone]),
    ];
    let visitors = [
        ("stranger", &stranger),
        ("guest", &guest),
        ("guest trainer", &trainer_guest),
        ("colleague", &colleague),
        ("foreign admin", &foreign),
        ("owner", &owner),
        ("admin", &admin),
    ];
    for (method, path, body, verdicts) in table {
        for ((name, visitor), verdict) in visitors.iter().zip(verdicts) {
            let (status, answer) = visitor.send(method.clone(), &path, &body).await?;
            assert_eq!(status, verdict, "{name}: {method} {path} {answer}");
        }
    }
    Ok(())
}
