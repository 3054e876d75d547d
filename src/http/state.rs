//! What every HTTP handler and websocket shares: the store, the running rooms, keys, limits and the server's own names.
//! Made once by `serve`; cheap to clone.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, Uri};
use model::ids::{KeyId, OrganisationId};
use model::name::OrganisationText;
use store::{Audit, LinkKind, OneTimeLink, OrganisationRecord, Secret, Store, StoreError};

use super::hosts::{Hosts, asked};
use super::passwords::Passwords;
use super::refused::Refused;
use super::tokens::Tokens;
use super::wrong_secrets::WrongSecrets;
use crate::pads::Pads;
use crate::rooms::Rooms;
use crate::rooms::service::RoomService;
use crate::{clock, random};

/// How long the first admin's link opens the set-up page; each start makes a new one.
const FIRST_ADMIN_MS: u64 = 7 * 24 * 3600 * 1000;
/// Bytes of a one-time link's secret.
pub const ONE_TIME_SECRET_BYTES: usize = 16;
/// How long lines of the audit log stay (P-03).
const AUDIT_KEPT_MS: u64 = 7 * 24 * 3600 * 1000;
/// How often what has expired is removed.
const HOUSEKEEPING: Duration = Duration::from_secs(15 * 60);

/// Under which names people reach the server.
#[derive(Clone, Debug)]
pub struct Site {
    /// The start of the links that are printed or handed out: `https://host[:port]`.
    pub public_url: String,
    /// Whether it was configured. If not (a trial), a link carries the name under which its maker reached the server.
    pub configured: bool,
    /// The names that are ours.
    pub hosts: Hosts,
}

/// The shared state.
#[derive(Clone)]
pub struct AppState(Arc<Inner>);

struct Inner {
    site: Site,
    store: Arc<Store>,
    rooms: Rooms,
    pads: Pads,
    tokens: Tokens,
    passwords: Passwords,
    wrong_secrets: WrongSecrets,
    setup: tokio::sync::Mutex<()>,
}

impl AppState {
    /// Puts the parts together. Blocks for one password hash.
    ///
    /// # Errors
    /// When the key file is damaged.
    pub fn new(site: Site, store: Arc<Store>, rooms: Rooms, pads: Pads) -> Result<Self, StoreError> {
        let tokens = Tokens::new(&store)?;
        let passwords = Passwords::new().map_err(|_| StoreError::Randomness)?;
        let wrong_secrets = WrongSecrets::default();
        let setup = tokio::sync::Mutex::default();
        Ok(Self(Arc::new(Inner { site, store, rooms, pads, tokens, passwords, wrong_secrets, setup })))
    }

    /// The database and the keys.
    #[must_use]
    pub fn store(&self) -> &Arc<Store> {
        &self.0.store
    }

    /// The rooms that are running.
    #[must_use]
    pub fn rooms(&self) -> &Rooms {
        &self.0.rooms
    }

    /// The rooms as their makers change them.
    #[must_use]
    pub fn service(&self) -> RoomService {
        RoomService::new(Arc::clone(self.store()), self.rooms().clone(), self.pads().clone())
    }

    /// The pads that are open.
    #[must_use]
    pub fn pads(&self) -> &Pads {
        &self.0.pads
    }

    /// Makes and checks signed tokens.
    #[must_use]
    pub fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }

    /// Hashes and checks passwords.
    #[must_use]
    pub fn passwords(&self) -> &Passwords {
        &self.0.passwords
    }

    /// Counts wrong secrets.
    #[must_use]
    pub fn wrong_secrets(&self) -> &WrongSecrets {
        &self.0.wrong_secrets
    }

    /// The names that are ours.
    #[must_use]
    pub fn hosts(&self) -> &Hosts {
        &self.0.site.hosts
    }

    /// Held while the first admin is made: two at once must not make two organisations.
    pub async fn setup(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.0.setup.lock().await
    }

    /// A link for the maker of this request. The host was checked before any handler ran (S-18).
    #[must_use]
    pub fn link(&self, uri: &Uri, headers: &HeaderMap, path: &str, secret: &Secret) -> String {
        let site = &self.0.site;
        let host = asked(uri, headers).filter(|host| !site.configured && site.hosts.is_own(host));
        let start = host.map_or_else(|| site.public_url.clone(), |host| format!("https://{host}"));
        format!("{start}{path}#{}", secret.expose())
    }

    /// On an empty database: a fresh link by which the first admin sets the server up. Older ones are dead.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn first_admin_link(&self) -> Result<Option<String>, StoreError> {
        if !self.store().is_fresh().await? {
            return Ok(None);
        }
        let secret = Secret::draw(ONE_TIME_SECRET_BYTES)?;
        let now_ms = clock::now_ms();
        let link = OneTimeLink { kind: LinkKind::FirstAdmin, expires_ms: now_ms + FIRST_ADMIN_MS };
        let audit = Audit { at_ms: now_ms, organisation: None, actor: None, room: None, deed: "first_admin_link_made" };
        self.store().create_link(&secret.hash(), link, audit).await?;
        Ok(Some(format!("{}/setup#{}", self.0.site.public_url, secret.expose())))
    }

    /// The organisation of a server that has none yet: made with what the settings say of it (P-02).
    ///
    /// # Errors
    /// When the store fails.
    pub async fn first_organisation(store: &Store, name: &str, contact: &str) -> Result<OrganisationId, StoreError> {
        if let Some(&id) = store.organisations().await?.first() {
            return Ok(id);
        }
        let record = OrganisationRecord {
            id: random::id(OrganisationId::from_random),
            name: OrganisationText::parse(name).ok(),
            contact: OrganisationText::parse(contact).ok(),
        };
        store.create_organisation(&record, random::id(KeyId::from_random), clock::now_ms()).await?;
        Ok(record.id)
    }

    /// Removes what has expired, again and again, until the returned future is dropped. The first round is the start's.
    pub async fn keep_house(self) {
        let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + HOUSEKEEPING, HOUSEKEEPING);
        loop {
            ticks.tick().await;
            self.wrong_secrets().forget_quiet();
            if let Err(error) = Self::clear_out(self.store()).await {
                tracing::error!(%error, "housekeeping failed");
            }
        }
    }

    /// Removes what has expired, and what a deletion or a restored backup has left. At the start before anything is
    /// served: a room that was deleted since the backup must not come back even for a moment.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn clear_out(store: &Store) -> Result<(), StoreError> {
        let now_ms = clock::now_ms();
        store.remove_expired(now_ms, now_ms.saturating_sub(AUDIT_KEPT_MS)).await?;
        match store.finish_deletions().await {
            // A backup reads at the moment; the next round wipes.
            Ok(()) | Err(StoreError::LogBusy) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl std::fmt::Debug for AppState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AppState(…)")
    }
}

/// Carries a change through even when its client goes away meanwhile: stored, but told to nobody, would be worse.
///
/// # Errors
/// What `work` says, or `internal` when it panicked.
pub async fn uninterrupted<T: Send + 'static>(
    work: impl Future<Output = Result<T, Refused>> + Send + 'static,
) -> Result<T, Refused> {
    tokio::spawn(work).await.unwrap_or_else(|_| Err(wire::code::Code::Internal.into()))
}
