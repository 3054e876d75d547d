//! Story: the first admin sets the server up, signs out and in, invites a trainer; wrong passwords say nothing and end.

use anyhow::{Context, Result};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::http::{ADMIN_EMAIL, ADMIN_PASSWORD, Client, secret_of};
use testkit::server::Server;
use wire::api::{Link, Session};

use crate::BINARY;

/// A server with its first admin signed in.
pub(crate) async fn set_up() -> Result<(Server, Client)> {
    let server = Server::start(BINARY).await?;
    let admin = server.client()?;
    admin.first_admin(server.first_admin_link().context("a link")?).await?;
    Ok((server, admin))
}

/// Somebody invited by `by`, signed in.
pub(crate) async fn invited(server: &Server, by: &Client, role: &str, email: &str) -> Result<Client> {
    let link: Link = by.call(Method::POST, "/api/v1/accounts/invitations", &json!({ "role": role })).await?;
    let person = server.client()?;
    let body = json!({ "secret": secret_of(&link.url)?, "name": "Toni", "email": email, "password": ADMIN_PASSWORD });
    let _: Session = person.call(Method::POST, "/api/v1/accounts", &body).await?;
    Ok(person)
}

async fn whoami(client: &Client) -> Result<Option<String>> {
    let session: Session = client.call(Method::GET, "/api/v1/session", &Value::Null).await?;
    Ok(session.account.map(|account| account.email))
}

async fn sign_in(client: &Client, email: &str, password: &str) -> Result<(StatusCode, Value)> {
    client.send(Method::POST, "/api/v1/session", &json!({ "email": email, "password": password })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_admin_comes_once_and_signs_in_again() -> Result<()> {
    let server = Server::start(BINARY).await?;
    let link = server.first_admin_link().context("a link")?.to_owned();
    let admin = server.client()?;
    assert_eq!(whoami(&admin).await?, None);
    admin.first_admin(&link).await?;
    assert_eq!(whoami(&admin).await?.as_deref(), Some(ADMIN_EMAIL));
    let second = server.client()?.first_admin(&link).await;
    assert!(second.is_err_and(|error| error.to_string().contains("one_time_link_used")));

    let (status, _) = admin.send(Method::DELETE, "/api/v1/session", &Value::Null).await?;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(whoami(&admin).await?, None);
    let (status, _) = sign_in(&admin, "ADMIN@Example.org", ADMIN_PASSWORD).await?;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(whoami(&admin).await?.as_deref(), Some(ADMIN_EMAIL));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_survives_a_restart_and_a_cookie_from_before_the_login_is_dead() -> Result<()> {
    let (mut server, admin) = set_up().await?;
    let cookie_of = async |client: &Client| -> Result<String> {
        let body = json!({ "email": ADMIN_EMAIL, "password": ADMIN_PASSWORD });
        let answer = client.request(Method::POST, "/api/v1/session").json(&body).send().await?;
        let cookie = answer.headers().get("set-cookie").context("a cookie")?.to_str()?.to_owned();
        for part in ["__Host-werkraum=", "; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
            assert!(cookie.contains(part), "{part} is missing");
        }
        assert!(!cookie.to_lowercase().contains("domain"));
        Ok(cookie.split(';').next().unwrap_or_default().to_owned())
    };
    let before = cookie_of(&admin).await?;
    let after = cookie_of(&admin).await?;
    assert_ne!(before, after);
    server.kill().await?;
    server.restart().await?;
    assert_eq!(whoami(&admin).await?.as_deref(), Some(ADMIN_EMAIL));
    let stranger = server.client()?;
    for (cookie, signed_in) in [(&before, false), (&after, true)] {
        let answer = stranger.request(Method::GET, "/api/v1/session").header("cookie", cookie).send().await?;
        let session: Session = serde_json::from_slice(&answer.bytes().await?)?;
        assert_eq!(session.account.is_some(), signed_in);
    }
    assert!(server.first_admin_link().is_none(), "a server with an admin prints no link");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_all_look_alike_and_then_end() -> Result<()> {
    let (server, _admin) = set_up().await?;
    let guesser = server.client()?;
    let known = sign_in(&guesser, ADMIN_EMAIL, "wrong password").await?;
    let unknown = sign_in(&guesser, "nobody@example.org", "wrong password").await?;
    assert_eq!(known, unknown);
    assert_eq!((known.0, &known.1["code"]), (StatusCode::UNAUTHORIZED, &json!("wrong_credentials")));
    for _ in 2..10 {
        sign_in(&guesser, ADMIN_EMAIL, "wrong password").await?;
    }
    // S-07: now not even the right one is looked at.
    let (status, body) = sign_in(&guesser, ADMIN_EMAIL, ADMIN_PASSWORD).await?;
    assert_eq!((status, &body["code"]), (StatusCode::TOO_MANY_REQUESTS, &json!("too_many")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invited_trainer_makes_an_account_once() -> Result<()> {
    let (server, admin) = set_up().await?;
    let link: Link = admin.call(Method::POST, "/api/v1/accounts/invitations", &json!({ "role": "trainer" })).await?;
    assert!(link.url.starts_with(&format!("{}/invite#", server.origin())), "{}", link.url);
    let accept = |email: &str, password: &str| json!({ "secret": secret_of(&link.url).unwrap_or_default(), "name": "Toni", "email": email, "password": password });
    let trainer = server.client()?;
    for (body, code) in [
        (accept("no address", ADMIN_PASSWORD), "email_invalid"),
        (accept("toni@example.org", "short"), "password_too_short"),
        (accept(ADMIN_EMAIL, ADMIN_PASSWORD), "email_taken"),
    ] {
        let (_, answer) = trainer.send(Method::POST, "/api/v1/accounts", &body).await?;
        assert_eq!(answer["code"], code);
    }
    let body = accept("toni@example.org", ADMIN_PASSWORD);
    let session: Session = trainer.call(Method::POST, "/api/v1/accounts", &body).await?;
    assert_eq!(session.account.context("signed in")?.email, "toni@example.org");
    let again = accept("tina@example.org", ADMIN_PASSWORD);
    let (status, answer) = trainer.send(Method::POST, "/api/v1/accounts", &again).await?;
    assert_eq!((status, &answer["code"]), (StatusCode::GONE, &json!("one_time_link_used")));
    let (status, _) = trainer.send(Method::GET, "/api/v1/accounts", &Value::Null).await?;
    assert_eq!(status, StatusCode::FORBIDDEN, "trainers do not see everybody's address");
    Ok(())
}
