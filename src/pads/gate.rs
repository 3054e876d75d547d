//! Who may come in: what a token says, checked again against the room as it is now.
//!
//! `yjs_socket` asks before it hands a connection to the pad's thread. Cookies and Origin are never looked at (S-17).

use ::pads::access::{Person, Right};
use ::pads::connection::Close;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use model::ids::{PadId, ParticipantId, RoomId};
use wire::api::PadRight;

use crate::clock;
use crate::http::state::AppState;
use crate::http::tokens::PadClaims;

/// Somebody with a good token.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// The only pad that the token opens.
    pub pad: PadId,
    /// The room that it belongs to.
    pub room: RoomId,
    /// Who it is, for attribution.
    pub person: Person,
    /// Somebody in the room, whose right follows the room's rules while they are connected (S-04).
    pub participant: Option<ParticipantId>,
    /// What they may do now.
    pub right: Right,
    /// What the token allows at most.
    pub most: Right,
    /// Their name as the room knows it.
    pub name: Option<String>,
    /// When the token ends, in milliseconds since 1970.
    pub expires_ms: u64,
}

/// Checks tokens.
pub trait Gate: Send + Sync + 'static {
    /// Who stands behind a token.
    fn visitor<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Visitor, Close>>;

    /// What somebody may do in the room's pad now; `None`: they are not in the room, or it shows no pad.
    fn right(&self, room: RoomId, participant: ParticipantId) -> BoxFuture<'_, Option<Right>>;
}

fn right(right: PadRight) -> Right {
    match right {
        PadRight::Read => Right::Read,
        PadRight::Comment => Right::Comment,
        PadRight::Write => Right::Write,
    }
}

async fn visitor(state: &AppState, token: &str) -> Result<Visitor, Close> {
    let claims = state.tokens().verify_pad_token(token, clock::now_ms()).ok_or(Close::Token)?;
    let PadClaims { pad, right: most, participant, account, expires_ms } = claims;
    let room = match state.store().room_of_pad(pad).await {
        Ok(room) => room.ok_or(Close::Unknown)?,
        Err(error) => {
            tracing::error!(%error, "the room of a pad could not be read");
            return Err(Close::Internal);
        }
    };
    let most = right(most);
    let mut visitor = Visitor {
        pad,
        room: room.id,
        // A token of the command line has nobody behind it; then the pad itself stands for its programs.
        person: Person(*pad.as_bytes()),
        participant,
        right: most,
        most,
        name: None,
        expires_ms,
    };
    if let Some(participant) = participant {
        let standing = state.rooms().person(room.id, participant).await.ok_or(Close::Right)?;
        visitor.person = Person(*participant.as_bytes());
        visitor.right = right(standing.pad.ok_or(Close::Right)?).min(most);
        visitor.name = Some(standing.name.expose().to_owned());
    } else if let Some(account) = account {
        // The account may have been removed since the token was made.
        let account = state.store().account(account).await.map_err(|_| Close::Internal)?.ok_or(Close::Token)?;
        visitor.person = Person(*account.id.as_bytes());
        visitor.name = Some(account.name.expose().to_owned());
    }
    Ok(visitor)
}

impl Gate for AppState {
    fn visitor<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Visitor, Close>> {
        visitor(self, token).boxed()
    }

    fn right(&self, room: RoomId, participant: ParticipantId) -> BoxFuture<'_, Option<Right>> {
        async move { self.rooms().person(room, participant).await?.pad.map(right) }.boxed()
    }
}
