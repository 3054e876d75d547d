//! One person's HTTP client: own cookie jar, the server's origin, JSON in and out.
//!
//! It behaves like the web client at the doors (S-17): it names its `Origin`, sends JSON and keeps one cookie.

use crate::socket::RoomSocket;
use anyhow::{Context, Result, bail};
use model::ids::{PadId, RoomId};
use model::role::Role;
use model::room::RoomSettings;
use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::sync::Once;
use wire::api::{Account, Invitation, Joined, PadToken, Room, Session};

static PROVIDER: Once = Once::new();

/// Chooses the cryptography of rustls for this process, once.
pub(crate) fn install_provider() {
    PROVIDER.call_once(|| {
        // An error only says that somebody else was first with the same choice.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    });
}

/// A person at the doors of the server.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    origin: String,
    ca_pem: Vec<u8>,
}

/// The password that [`Client::first_admin`] sets.
pub const ADMIN_PASSWORD: &str = "correct horse battery";
/// The address that [`Client::first_admin`] signs in with.
pub const ADMIN_EMAIL: &str = "admin@example.org";

impl Client {
    /// A client that trusts only the given authority.
    ///
    /// # Errors
    /// When the certificate cannot be read.
    pub fn new(origin: &str, ca_pem: &[u8]) -> Result<Self> {
        Self::new_from(origin, ca_pem, None)
    }

    /// As [`Self::new`], from an address of one's own if wished: the server limits what comes from one address.
    ///
    /// # Errors
    /// When the certificate cannot be read.
    pub fn new_from(origin: &str, ca_pem: &[u8], from: Option<IpAddr>) -> Result<Self> {
        install_provider();
        let http = reqwest::Client::builder()
            .local_address(from)
            .tls_certs_only([reqwest::Certificate::from_pem(ca_pem)?])
            .cookie_store(true)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { http, origin: origin.to_owned(), ca_pem: ca_pem.to_vec() })
    }

    /// The server's origin.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The authority that this client trusts (PEM).
    #[must_use]
    pub fn ca_pem(&self) -> &[u8] {
        &self.ca_pem
    }

    /// A request with this client's cookies and `Origin`, for stories that need unusual headers.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.origin)).header("Origin", &self.origin)
    }

    /// Sends a request that was built by [`Self::request`] and changed since (headers taken away), with this client's cookies.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn execute(&self, request: reqwest::Request) -> Result<reqwest::Response> {
        Ok(self.http.execute(request).await?)
    }

    /// Sends JSON (or nothing for `Value::Null`) and gives status and JSON body (`Null` where there is none).
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn send(&self, method: Method, path: &str, body: &impl Serialize) -> Result<(StatusCode, Value)> {
        let body = serde_json::to_value(body)?;
        let mut request = self.request(method, path);
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = request.send().await?;
        let status = response.status();
        let bytes = response.bytes().await?;
        Ok((status, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
    }

    /// As [`Self::send`], for calls that must succeed.
    ///
    /// # Errors
    /// When the status is no success or the body is not a `T`.
    pub async fn call<T: DeserializeOwned>(&self, method: Method, path: &str, body: &impl Serialize) -> Result<T> {
        let (status, body) = self.send(method.clone(), path, body).await?;
        if !status.is_success() {
            bail!("{method} {path}: {status} {body}");
        }
        serde_json::from_value(body.clone()).with_context(|| format!("{method} {path}: unexpected {body}"))
    }

    /// Becomes the first admin by the link that the server printed.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn first_admin(&self, link: &str) -> Result<Account> {
        let secret = secret_of(link)?;
        let body = json!({
            "secret": secret,
            "name": "Ada Admin",
            "email": ADMIN_EMAIL,
            "password": ADMIN_PASSWORD,
            "organisation": "Verband Beispiel",
            "contact": "datenschutz@example.org",
        });
        let session: Session = self.call(Method::POST, "/api/v1/setup/first-admin", &body).await?;
        session.account.context("not signed in after set-up")
    }

    /// Makes a room with default settings.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn create_room(&self, name: &str) -> Result<Room> {
        self.call(Method::POST, "/api/v1/rooms", &json!({ "name": name })).await
    }

    /// Changes a room's settings.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn change_room(&self, room: &Room, change: impl FnOnce(&mut RoomSettings)) -> Result<Room> {
        let mut settings = room.settings.clone();
        change(&mut settings);
        let body = json!({ "version": room.version, "settings": settings });
        self.call(Method::PATCH, &format!("/api/v1/rooms/{}", room.id), &body).await
    }

    /// A token for a pad, as the one who asks may have it.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn pad_token(&self, pad: PadId) -> Result<PadToken> {
        self.call(Method::POST, &format!("/api/v1/pads/{pad}/token"), &Value::Null).await
    }

    /// Makes an invitation link for a role and gives its secret.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn invite(&self, room: RoomId, role: Role) -> Result<String> {
        let body = json!({ "role": role, "lifetime_s": null });
        let link: Invitation = self.call(Method::POST, &format!("/api/v1/rooms/{room}/invitations"), &body).await?;
        Ok(secret_of(&link.url)?.to_owned())
    }

    /// Goes in (or to the lobby) by a link, as a guest.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn join(&self, secret: &str, name: &str) -> Result<Joined> {
        self.call(Method::POST, "/api/v1/join", &json!({ "secret": secret, "name": name })).await
    }

    /// Goes in as a signed-in person.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn join_as_account(&self, room: RoomId) -> Result<Joined> {
        self.call(Method::POST, &format!("/api/v1/rooms/{room}/join"), &json!({ "name": null })).await
    }

    /// A new ticket for a reconnect.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn ticket(&self, room: RoomId) -> Result<Joined> {
        self.call(Method::POST, &format!("/api/v1/rooms/{room}/ticket"), &Value::Null).await
    }

    /// Opens the room websocket with a ticket.
    ///
    /// # Errors
    /// When the server refuses the upgrade.
    pub async fn socket(&self, ticket: &str) -> Result<RoomSocket> {
        RoomSocket::connect(self, ticket).await
    }
}

/// The secret in a link's fragment.
///
/// # Errors
/// When the link has none.
pub fn secret_of(link: &str) -> Result<&str> {
    link.split_once('#').map(|(_, secret)| secret).filter(|secret| !secret.is_empty()).context("a link without secret")
}
