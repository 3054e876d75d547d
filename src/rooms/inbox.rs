//! What can be put into a room task's queue: what connections say, what HTTP changed, questions. No logic here.

use super::outbox::Outbox;
use media::command::{Offer, SlotWish};
use model::ids::{InvitationId, ParticipantId};
use model::name::PersonName;
use tokio::sync::oneshot;
use wire::api::PadRight;
use wire::code::Code;

/// So many inputs wait for one room; beyond it connections are not read until there is space.
pub(super) const INBOX_MAX: usize = 1_024;

/// A session description of a client, checked for its limits.
#[derive(Debug)]
pub struct Offered(pub Offer);

/// Somebody who is in, for those who ask from outside the room.
#[derive(Clone, Debug)]
pub struct Standing {
    /// How they are called now.
    pub name: PersonName,
    /// What they may do in the room's pad now; `None`: the room shows none.
    pub pad: Option<PadRight>,
}

/// One input of a room task.
#[derive(Debug)]
pub(super) enum Input {
    /// A connection with a valid ticket.
    Come { comer: workshop::Comer, outbox: Outbox, answer: oneshot::Sender<Result<(), Code>> },
    /// A connection is gone.
    Lost { participant: ParticipantId, connection: u64 },
    /// A command of a connection.
    Command { participant: ParticipantId, connection: u64, id: u32, command: wire::client::Command },
    /// A session description of a connection.
    Offer { participant: ParticipantId, connection: u64, id: u32, offer: Offered },
    /// What a connection's slots shall show.
    Subscribe { participant: ParticipantId, connection: u64, slots: Vec<SlotWish> },
    /// The settings in the store are newer.
    SettingsChanged,
    /// A link was revoked or renewed.
    LinkGone(InvitationId),
    /// Who is this?
    Ask { participant: ParticipantId, answer: oneshot::Sender<Option<Standing>> },
    /// Is this browser refused for the event?
    AskBlocked { participant: ParticipantId, answer: oneshot::Sender<bool> },
    /// The room is about to be deleted.
    Delete { done: oneshot::Sender<()> },
    /// The server goes down.
    Shutdown { done: oneshot::Sender<()> },
}
