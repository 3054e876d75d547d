//! A store in a folder of its own and the usual rows in it, for this crate's tests.

use crate::{
    AccountRecord, Audit, InvitationRecord, NewAccount, NewInvitation, NewRoom, OrganisationRecord, RoomRecord, Secret,
    SessionRecord, Store,
};
use model::ids::{AccountId, InvitationId, KeyId, OrganisationId, PadId, RoomId, SessionId};
use model::limits::INVITATION_SECRET_BYTES;
use model::name::{OrganisationText, PersonName, RoomName};
use model::role::{AccountRole, Role};
use model::room::RoomSettings;
use std::path::Path;
use tempfile::TempDir;

pub(crate) const AT_MS: u64 = 1_800_000_000_000;

pub(crate) async fn store() -> (Store, TempDir) {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open_for_server(folder.path()).await.expect("opens");
    (store, folder)
}

pub(crate) fn audit(deed: &'static str) -> Audit {
    Audit { at_ms: AT_MS, organisation: None, actor: None, room: None, deed }
}

/// The organisation with the number `n`, made if it is not there.
pub(crate) async fn organisation(store: &Store, n: u8) -> OrganisationId {
    let id = OrganisationId::from_random([n; 16]);
    if store.organisation(id).await.is_err() {
        let text = OrganisationText::parse("Verein").ok();
        let record = OrganisationRecord { id, name: text.clone(), contact: text };
        store.create_organisation(&record, KeyId::from_random([100 + n; 16]), AT_MS).await.expect("made");
    }
    id
}

pub(crate) async fn account(store: &Store, n: u8, email: &str) -> AccountRecord {
    let account = AccountRecord {
        id: AccountId::from_random([n; 16]),
        organisation: organisation(store, n).await,
        email: email.into(),
        name: PersonName::parse(&format!("Ada {n}")).expect("name"),
        password: "hash".into(),
        role: AccountRole::Admin,
    };
    store.create_account(NewAccount { account: &account, link: None }, audit("account_made")).await.expect("made");
    account
}

pub(crate) async fn room(store: &Store, n: u8) -> RoomRecord {
    let owner = account(store, n, &format!("owner{n}@example.org")).await;
    let room = RoomRecord {
        id: RoomId::from_random([n; 16]),
        organisation: owner.organisation,
        owner: owner.id,
        pad: PadId::from_random([n; 16]),
        settings: RoomSettings::named(RoomName::parse("Raum").expect("name")),
        version: 1,
    };
    let new = NewRoom { room: room.clone(), key: KeyId::from_random([n; 16]) };
    store.create_room(&new, audit("room_made")).await.expect("made");
    room
}

pub(crate) async fn invitation(store: &Store, room: RoomId, n: u8, role: Role) -> NewInvitation {
    let new = NewInvitation {
        invitation: InvitationRecord { id: InvitationId::from_random([n; 16]), room, role, expires_ms: None },
        secret: Secret::draw(INVITATION_SECRET_BYTES).expect("random"),
    };
    store.create_invitation(&new, audit("invitation_made")).await.expect("made");
    new
}

pub(crate) async fn guest(store: &Store, n: u8) -> SessionId {
    let id = SessionId::from_random([n; 16]);
    let session = SessionRecord { id, account: None, expires_ms: AT_MS * 2, seen_ms: AT_MS };
    store.create_session(&session, &Secret::draw(32).expect("random").hash(), None).await.expect("made");
    id
}

/// Fails when any file of the folder holds the bytes.
pub(crate) fn assert_absent(folder: &Path, bytes: &[u8]) {
    for entry in std::fs::read_dir(folder).expect("folder") {
        let path = entry.expect("entry").path();
        let content = std::fs::read(&path).expect("file");
        assert!(!content.windows(bytes.len()).any(|window| window == bytes), "found in {}", path.display());
    }
}
