//! One task for each open room: it owns the workshop engine, the connections and the media events, and carries the
//! engine's effects out: first what must be durable, then the answer, then everything else. Nothing is told to
//! anybody before it is on disk. A panic ends this task only (S-25).

use super::inbox::{Input, Standing};
use super::outbox::{Outbox, Outgoing};
use super::pictures::Pictures;
use super::registry::{Counts, RightsChanged, Shared};
use aws_lc_rs::rand;
use media::command::Event as MediaEvent;
use model::ids::{MessageId, ParticipantId, RoomId};
use model::limits;
use model::permission::{Action, may};
use model::quality::Quality;
use model::source::Source;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use store::StoreError;
use tokio::sync::mpsc;
use tokio::time::{Instant, interval_at};
use wire::api::PadRight;
use wire::code::Code;
use wire::server::{Event, ServerMessage, SlotContent, Welcome};
use workshop::{ChatLine, Closing, Comer, Effect, Facts, MediaEffect, Now, Room};

pub(super) struct Task {
    pub(super) shared: Arc<Shared>,
    pub(super) id: RoomId,
    pub(super) room: Room,
    pub(super) counts: Arc<Counts>,
    /// Connections by number.
    pub(super) outboxes: HashMap<u64, Outbox>,
    /// The newest connection of each person who is in or waits.
    pub(super) seats: HashMap<ParticipantId, u64>,
    pub(super) media_events: Option<mpsc::Receiver<MediaEvent>>,
    /// What media told last, for those who come back on a new websocket while their media went on.
    pub(super) slots: HashMap<ParticipantId, BTreeMap<u8, SlotContent>>,
    pub(super) speaking: Vec<ParticipantId>,
    pub(super) wanted: HashMap<ParticipantId, BTreeMap<Source, Event>>,
    /// Whose connections are not good, as each person was told.
    pub(super) connections: HashMap<ParticipantId, BTreeMap<ParticipantId, Quality>>,
    /// What each viewer wished for, and whether they were told that the server is full.
    pub(super) pictures: HashMap<ParticipantId, (Pictures, bool)>,
    pub(super) ended: bool,
}

/// Runs a room until its event is over, it is deleted or the server goes down.
pub(super) async fn run(shared: Arc<Shared>, id: RoomId, mut inputs: mpsc::Receiver<Input>, counts: Arc<Counts>) {
    match Task::load(shared, id, counts).await {
        Ok(mut task) => task.run(&mut inputs).await,
        Err(code) => {
            inputs.close();
            while let Some(input) = inputs.recv().await {
                if let Input::Come { answer, .. } = input {
                    // Who went away meanwhile needs no answer.
                    let _ = answer.send(Err(code));
                }
            }
        }
    }
}

fn facts(record: store::RoomRecord) -> Facts {
    Facts {
        room: record.id,
        organisation: record.organisation,
        owner: record.owner,
        pad: record.settings.pad.then_some(record.pad),
        settings: record.settings,
    }
}

fn chat_lines(stored: Vec<(MessageId, Vec<u8>)>) -> Vec<ChatLine> {
    let read = stored.into_iter().map(|(_, line)| serde_json::from_slice(&line));
    // A line of an older form is left out rather than keeping people out of their room.
    read.filter_map(Result::ok).collect()
}

fn now(shared: &Shared) -> Now {
    let utc = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    Now { monotonic_ms: millis(shared.started.elapsed()), utc_ms: millis(utc) }
}

fn bye(why: Closing) -> Option<Code> {
    match why {
        Closing::Left => None,
        Closing::Replaced => Some(Code::Replaced),
        Closing::Denied => Some(Code::Denied),
        Closing::Removed => Some(Code::Removed),
        Closing::Ended => Some(Code::Ended),
        Closing::RoomDeleted => Some(Code::RoomDeleted),
    }
}

/// A message as a frame.
fn frame(message: &ServerMessage) -> Option<Outgoing> {
    match serde_json::to_string(message) {
        Ok(text) => Some(Outgoing::Text(text.into())),
        Err(error) => {
            tracing::error!(%error, "a message cannot be written");
            None
        }
    }
}

impl Task {
    async fn load(shared: Arc<Shared>, id: RoomId, counts: Arc<Counts>) -> Result<Self, Code> {
        let failed = |error: StoreError| {
            tracing::error!(%error, "a room cannot be read");
            Code::Internal
        };
        let record = shared.store.room(id).await.map_err(failed)?.ok_or(Code::NotFound)?;
        let facts = facts(record);
        let now = now(&shared);
        let saved = shared.store.load_room_state(id).await.map_err(failed)?;
        let chat = chat_lines(shared.store.load_chat(id).await.map_err(failed)?);
        let restored = saved.map(|saved| Room::restore(now, facts.clone(), &saved, chat));
        let (room, effects) = match restored {
            None => (Room::open(now, facts), Vec::new()),
            Some(Ok(restored)) => restored,
            Some(Err(error)) => {
                // People can meet again at once; what is lost is who was in and whose hand was up.
                tracing::error!(%error, "a room begins anew");
                (Room::open(now, facts), Vec::new())
            }
        };
        let media_events = shared.media.events(id).ok();
        let mut task = Self {
            shared,
            id,
            room,
            counts,
            outboxes: HashMap::new(),
            seats: HashMap::new(),
            media_events,
            slots: HashMap::new(),
            speaking: Vec::new(),
            wanted: HashMap::new(),
            connections: HashMap::new(),
            pictures: HashMap::new(),
            ended: false,
        };
        task.carry_out(effects).await;
        Ok(task)
    }

    async fn run(&mut self, inputs: &mut mpsc::Receiver<Input>) {
        let every = Duration::from_secs(limits::TURN_CREDENTIALS_EVERY_S);
        let mut credentials = interval_at(Instant::now() + every, every);
        let mut full = self.shared.media.full();
        while !self.ended {
            self.counts.set(self.room.people_count(), self.room.waiting_count());
            let deadline = self.room.deadline_ms().map(|ms| self.shared.started + Duration::from_millis(ms));
            let timer = async {
                match deadline {
                    Some(at) => tokio::time::sleep_until(Instant::from_std(at)).await,
                    None => std::future::pending().await,
                }
            };
            let media = async {
                match &mut self.media_events {
                    Some(events) => events.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                input = inputs.recv() => match input {
                    Some(input) => self.input(input).await,
                    None => self.ended = true,
                },
                event = media => match event {
                    Some(event) => self.media_event(event).await,
                    // The worker closed the stream because we were slow; what was missed shows at the next change.
                    None => self.media_events = self.shared.media.events(self.id).ok(),
                },
                _ = credentials.tick() => self.renew_ice_servers(),
                // The worker that tells it has ended: the server goes down.
                Ok(()) = full.changed() => self.full_changed().await,
                () = timer => {
                    let effects = self.room.tick(now(&self.shared));
                    self.unasked(effects).await;
                    self.ended = self.room.is_over();
                }
            }
            debug_assert_eq!(self.room.check(), Ok(()));
        }
        inputs.close();
        self.counts.set(0, 0);
        // A media worker that has ended already has forgotten the room.
        let _ = self.shared.media.close_room(self.id).await;
    }

    async fn input(&mut self, input: Input) {
        let now = now(&self.shared);
        match input {
            Input::Come { comer, outbox, answer } => {
                let result = self.come(now, comer, outbox).await;
                // Who went away meanwhile is told to the room by `Lost`.
                let _ = answer.send(result);
            }
            Input::Lost { participant, connection } => {
                self.outboxes.remove(&connection);
                if self.seats.get(&participant) == Some(&connection) {
                    self.seats.remove(&participant);
                }
                let effects = self.room.lost(now, participant, connection);
                self.unasked(effects).await;
            }
            Input::Command { participant, connection, id, command } => {
                if self.seats.get(&participant) == Some(&connection) {
                    self.command(now, participant, id, command).await;
                }
            }
            Input::Offer { participant, connection, id, offer } => {
                if self.seats.get(&participant) == Some(&connection) {
                    self.offer(participant, id, offer).await;
                }
            }
            Input::Subscribe { participant, connection, slots } => {
                if self.seats.get(&participant) == Some(&connection) {
                    self.subscribe(participant, slots).await;
                }
            }
            Input::SettingsChanged => match self.shared.store.room(self.id).await {
                Ok(Some(record)) => {
                    let facts = facts(record);
                    let effects = self.room.set_settings(now, facts.settings, facts.pad);
                    self.unasked(effects).await;
                }
                Ok(None) => {}
                Err(error) => tracing::error!(%error, "a room's settings cannot be read"),
            },
            Input::LinkGone(link) => {
                let effects = self.room.link_gone(now, link);
                self.unasked(effects).await;
            }
            // Who no longer listens needs no answer, here and below.
            Input::Ask { participant, answer } => {
                let _ = answer.send(self.standing(participant));
            }
            Input::AskBlocked { participant, answer } => {
                let _ = answer.send(self.room.is_blocked(participant));
            }
            Input::Delete { done } => {
                let effects = self.room.delete(now);
                self.carry_out(effects).await;
                self.ended = true;
                let _ = done.send(());
            }
            Input::Shutdown { done } => {
                for outbox in self.outboxes.values() {
                    outbox.put(Outgoing::Bye(Some(Code::ShuttingDown)));
                }
                self.outboxes.clear();
                self.ended = true;
                let _ = done.send(());
            }
        }
    }

    async fn come(&mut self, now: Now, comer: Comer, outbox: Outbox) -> Result<(), Code> {
        let before = self.room.clone();
        let (participant, connection) = (comer.participant, comer.connection);
        let effects = self.room.come(now, comer)?;
        self.persist(&effects, before).await?;
        self.outboxes.insert(connection, outbox);
        self.seats.insert(participant, connection);
        self.carry_out(effects).await;
        Ok(())
    }

    async fn command(&mut self, now: Now, who: ParticipantId, id: u32, command: wire::client::Command) {
        let mut random = [0; 16];
        if rand::fill(&mut random).is_err() {
            return self.refuse(who, id, Code::Internal);
        }
        if self.is_refused(who, &command) {
            return self.refuse(who, id, Code::VideoFull);
        }
        let before = self.room.clone();
        let command = command.into_workshop(MessageId::from_random(random));
        match self.room.handle(now, who, command) {
            Err(refusal) => self.refuse(who, id, refusal.into()),
            Ok(effects) => match self.persist(&effects, before).await {
                Err(code) => self.refuse(who, id, code),
                Ok(()) => {
                    self.tell(who, &ServerMessage::Done { id });
                    self.carry_out(effects).await;
                }
            },
        }
    }

    /// Makes durable what the effects say must be. On failure the room is as it was before.
    async fn persist(&mut self, effects: &[Effect], before: Room) -> Result<(), Code> {
        let kept = self.try_persist(effects).await;
        kept.map_err(|error| {
            tracing::error!(%error, "a room cannot be saved");
            self.room = before;
            Code::Internal
        })
    }

    async fn try_persist(&self, effects: &[Effect]) -> Result<(), StoreError> {
        let store = &self.shared.store;
        if effects.contains(&Effect::Forget) {
            store.forget_room_state(self.id).await?;
            return store.end_event(self.id).await;
        }
        for effect in effects {
            if let Effect::Send { event: workshop::Event::Left { participant, removed: true }, .. } = effect {
                // Also a room that is not running then refuses this browser (S-08).
                match store.set_standing(*participant, store::Standing::Removed).await {
                    Ok(()) | Err(StoreError::NotFound) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        let mut append = Vec::new();
        let mut delete = Vec::new();
        let mut state = None;
        for effect in effects {
            match effect {
                // A fault of ours that no retry mends; the room goes on with what was saved before.
                Effect::SaveState if state.is_none() => state = self.room.save().ok(),
                Effect::AppendChat(line) => {
                    append.extend(serde_json::to_vec(line.as_ref()).ok().map(|bytes| (line.id, bytes)));
                }
                Effect::DeleteChat(message) => delete.push(*message),
                _ => {}
            }
        }
        if state.is_some() || !append.is_empty() || !delete.is_empty() {
            store.commit_room(self.id, state.as_deref(), &append, &delete).await?;
        }
        Ok(())
    }

    /// Effects of something that nobody asked for and that cannot be refused (time, a lost connection).
    async fn unasked(&mut self, effects: Vec<Effect>) {
        if let Err(error) = self.try_persist(&effects).await {
            // The next change saves the whole state again.
            tracing::error!(%error, "a room cannot be saved");
        }
        self.carry_out(effects).await;
    }

    async fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::SaveState | Effect::AppendChat(_) | Effect::DeleteChat(_) | Effect::Forget => {}
                Effect::Send { to, event } => self.send(to, event.into()),
                Effect::Welcome(welcome) => {
                    let you = welcome.you;
                    let welcome = Welcome { ice_servers: self.ice_servers(you), ..Welcome::from(*welcome) };
                    self.tell(you, &ServerMessage::Welcome(Box::new(welcome)));
                    self.tell_media(you);
                }
                Effect::Waiting { to, message } => self.tell(to, &ServerMessage::Waiting { message }),
                Effect::Close { participant, connection, why } => {
                    if let Some(outbox) = self.outboxes.remove(&connection) {
                        outbox.put(Outgoing::Bye(bye(why)));
                    }
                    if self.seats.get(&participant) == Some(&connection) {
                        self.seats.remove(&participant);
                    }
                }
                Effect::Media(effect) => {
                    if let MediaEffect::Leave { participant } = &effect {
                        self.forget_media_of(*participant);
                    }
                    self.media(effect).await;
                }
                Effect::RightsChanged { participant } => {
                    // Nobody may be listening.
                    let _ = self.shared.rights.send(RightsChanged { room: self.id, participant });
                }
            }
        }
    }

    fn standing(&self, participant: ParticipantId) -> Option<Standing> {
        let person = self.room.person(participant)?;
        let (actor, object) = (self.room.actor(participant), self.room.object());
        let pad = if may(&actor, Action::WritePad, &object) {
            Some(PadRight::Write)
        } else if may(&actor, Action::CommentPad, &object) {
            Some(PadRight::Comment)
        } else {
            may(&actor, Action::ReadPad, &object).then_some(PadRight::Read)
        };
        Some(Standing { name: person.name, pad: pad.filter(|_| self.room.has_pad()) })
    }

    pub(super) fn refuse(&self, who: ParticipantId, id: u32, code: Code) {
        self.tell(who, &ServerMessage::Refused { id, code });
    }

    pub(super) fn tell(&self, who: ParticipantId, message: &ServerMessage) {
        let outbox = self.seats.get(&who).and_then(|connection| self.outboxes.get(connection));
        if let (Some(outbox), Some(frame)) = (outbox, frame(message)) {
            outbox.put(frame);
        }
    }

    /// One serialisation for all.
    pub(super) fn send(&self, to: Vec<ParticipantId>, event: Event) {
        let Some(frame) = frame(&ServerMessage::Event { event }) else { return };
        for who in to {
            if let Some(outbox) = self.seats.get(&who).and_then(|connection| self.outboxes.get(connection)) {
                outbox.put(frame.clone());
            }
        }
    }
}
