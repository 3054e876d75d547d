//! Story (S-01): every HTTP door that asks for a permission × everybody who could come to it, with the verdict of
//! `model::permission::may` itself. The doors' own table says which there are, so that none can be forgotten.

use anyhow::{Context, Result};
use model::ids::{AccountId, OrganisationId, ParticipantId, RoomId};
use model::permission::{Action, Actor, Object, may};
use model::role::Role;
use model::room::Audience;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::http::Client;
use testkit::server::Server;
use testkit::socket::RoomSocket;
use wire::api::{Account, Invitation, PadRight, Room, Session};
use wire::client::Command;
use wire::server::ServerMessage;

use crate::doors::table::{DOORS, Kind};
use crate::organisations::foreign_admin;
use crate::signing_in::{invited, set_up};

/// Somebody at the doors.
struct Visitor {
    name: &'static str,
    client: Client,
    /// To the doors of administration; guests are nobody there, what they may in a room goes over its websocket.
    outside: Actor,
    /// To the doors of the room that they are in.
    inside: Actor,
    /// Keeps them in the room.
    _socket: Option<RoomSocket>,
}

/// What a door asks for.
#[derive(Clone, Copy)]
enum Asks {
    /// This action on one's own organisation.
    Organisation(Action),
    /// This action on the room.
    Room(Action),
    /// This action on the room, for those who are in it or wait.
    Inside(&'static [Action]),
    /// Nothing but who one is: signing in, joining by a secret, one's own list.
    Nothing,
}

/// The verdict's source for each door that looks at cookies; a door without a line fails the story.
fn asks(method: &str, path: &str) -> Option<Asks> {
    use Asks::{Inside, Nothing, Organisation, Room};
    Some(match (method, path.strip_prefix("/api/v1")?) {
        ("PATCH", "/organisation") | ("GET", "/accounts") => Organisation(Action::AdministerOrganisation),
        ("DELETE", "/accounts/{account}") => Organisation(Action::AdministerOrganisation),
        ("POST", "/accounts/invitations") => Organisation(Action::InviteAccounts),
        ("POST", "/rooms") => Organisation(Action::CreateRoom),
        ("GET", "/rooms/{room}") => Room(Action::ReadRoomSettings),
        ("PATCH", "/rooms/{room}") => Room(Action::ChangeRoomSettings),
        ("DELETE", "/rooms/{room}") => Room(Action::DeleteRoom),
        (_, path) if path.starts_with("/rooms/{room}/invitations") => Room(Action::ManageInvitations),
        ("POST", "/rooms/{room}/join") => Room(Action::HostRoom),
        ("POST", "/rooms/{room}/ticket") => Inside(&[Action::Attend, Action::WaitInLobby]),
        ("POST", "/pads/{pad}/token") => Inside(&[Action::ReadPad]),
        ("GET", "/rooms" | "/session" | "/organisation") => Nothing,
        ("POST", "/setup/first-admin" | "/accounts" | "/join" | "/join/look") => Nothing,
        ("POST" | "DELETE", "/session") => Nothing,
        _ => return None,
    })
}

fn body(method: &str, path: &str, room: &Room) -> Value {
    match (method, path.rsplit('/').next()) {
        ("PATCH", Some("organisation")) => json!({ "name": "Verband", "contact": "post@example.org" }),
        ("PATCH", _) => json!({ "version": room.version, "settings": room.settings }),
        ("POST", Some("invitations")) if path.contains("accounts") => json!({ "role": "trainer" }),
        ("POST", Some("invitations")) => json!({ "role": "participant", "lifetime_s": null }),
        ("POST", Some("rooms")) => json!({ "name": "Neu" }),
        ("POST", Some("join")) => json!({ "name": null }),
        _ => Value::Null,
    }
}

async fn account(client: &Client) -> Result<Actor> {
    let session: Session = client.call(Method::GET, "/api/v1/session", &Value::Null).await?;
    let Account { id, organisation, role, .. } = session.account.context("not signed in")?;
    Ok(Actor::Account { account: id, organisation, role })
}

/// Somebody who came by a link.
async fn guest(server: &Server, owner: &Client, room: RoomId, name: &'static str, role: Role) -> Result<Visitor> {
    let client = server.client()?;
    let joined = client.join(&owner.invite(room, role).await?, name).await?;
    let mut socket = client.socket(&joined.ticket).await?;
    let waits = socket.wait_for(|message| match message {
        ServerMessage::Waiting { .. } => Some(true),
        ServerMessage::Welcome(_) => Some(false),
        _ => None,
    });
    let inside = match waits.await? {
        true => Actor::Waiting { room },
        false => Actor::Participant { room, participant: joined.participant, role },
    };
    Ok(Visitor { name, client, outside: Actor::Anonymous, inside, _socket: Some(socket) })
}

fn signed_in(name: &'static str, client: &Client, actor: Actor) -> Visitor {
    Visitor { name, client: client.clone(), outside: actor, inside: actor, _socket: None }
}

fn participant(visitor: &Visitor) -> Result<ParticipantId> {
    match visitor.inside {
        Actor::Participant { participant, .. } => Ok(participant),
        _ => anyhow::bail!("{} is not in the room", visitor.name),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_door_says_what_the_permission_table_says() -> Result<()> {
    let (server, admin) = set_up().await?;
    let owner = invited(&server, &admin, "trainer", "owner@example.org").await?;
    let colleague = invited(&server, &admin, "trainer", "colleague@example.org").await?;
    let foreign = foreign_admin(&server).await?;
    let stranger = server.client()?;
    let victim = account(&invited(&server, &admin, "trainer", "victim@example.org").await?).await?;
    let Actor::Account { account: victim, organisation: home, .. } = victim else { anyhow::bail!("no account") };
    // Only those who lead write in its pad, so that reading and writing differ.
    let room = owner.create_room("Kurs").await?;
    let open = |settings: &mut model::room::RoomSettings| {
        (settings.lobby, settings.policy.write) = (false, Audience::Trainers);
    };
    let room = owner.change_room(&room, open).await?;
    let mut host = owner.socket(&owner.join_as_account(room.id).await?.ticket).await?;
    host.welcome().await?;

    let mut visitors = Vec::new();
    for (name, role) in [
        ("read-only guest", Role::ReadOnly),
        ("participant", Role::Participant),
        ("co-trainer", Role::CoTrainer),
        ("guest trainer", Role::Trainer),
    ] {
        visitors.push(guest(&server, &owner, room.id, name, role).await?);
    }
    let mut removed = guest(&server, &owner, room.id, "removed", Role::Participant).await?;
    host.done(Command::Remove { participant: participant(&removed)? }).await?;
    removed.inside = Actor::Removed;
    visitors.push(removed);
    let room = owner.change_room(&room, |settings| settings.lobby = true).await?;
    let waiting = guest(&server, &owner, room.id, "waiting", Role::Participant).await?;
    assert_eq!(waiting.inside, Actor::Waiting { room: room.id });
    visitors.push(waiting);
    visitors.push(signed_in("stranger", &stranger, Actor::Anonymous));
    visitors.push(signed_in("colleague", &colleague, account(&colleague).await?));
    visitors.push(signed_in("foreign admin", &foreign, account(&foreign).await?));
    visitors.push(signed_in("admin", &admin, account(&admin).await?));
    visitors.push(signed_in("owner", &owner, account(&owner).await?));

    let cookie = |kind: Kind| matches!(kind, Kind::Cookie | Kind::CookieOrBearer(_));
    let (mut allowed, mut refused) = (0, 0);
    for door in DOORS.iter().filter(|door| cookie(door.kind)) {
        let asked = asks(door.method, door.path);
        let asked = asked.with_context(|| format!("{} {} is not in the matrix", door.method, door.path))?;
        for visitor in &visitors {
            // Accounts get a room of their own for each try, since some doors delete it; guests are in the one room.
            let is_account = matches!(visitor.outside, Actor::Account { .. });
            let in_use = matches!(asked, Asks::Inside(_)) || !is_account;
            let room = if in_use { room.clone() } else { owner.create_room("Probe").await? };
            let policy = room.settings.policy;
            let object = Object::Room { room: room.id, organisation: home, owner: room.owner, policy };
            let may_it = match asked {
                Asks::Nothing => continue,
                Asks::Room(action) => may(&visitor.outside, action, &object),
                Asks::Organisation(action) => {
                    may(&visitor.outside, action, &organisation(&visitor.outside, door.path, home))
                }
                // The owner came in by the account; others with an account may look into the pad without coming.
                Asks::Inside(actions) => {
                    let hosts = visitor.name == "owner" && actions.contains(&Action::Attend);
                    hosts || actions.iter().any(|action| may(&visitor.inside, *action, &object))
                }
            };
            let path = path(door.path, &room, &owner, victim).await?;
            let method = Method::from_bytes(door.method.as_bytes())?;
            let (status, answer) = visitor.client.send(method, &path, &body(door.method, door.path, &room)).await?;
            let what = format!("{}: {} {} gave {status} {answer}", visitor.name, door.method, door.path);
            let no = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND];
            assert_eq!(status.is_success(), may_it, "{what}");
            assert!(may_it || no.contains(&status), "{what}");
            if may_it && door.path.ends_with("/token") {
                let right: PadRight = serde_json::from_value(answer["right"].clone())?;
                let writes = may(&visitor.inside, Action::WritePad, &object);
                assert_eq!(right == PadRight::Write, writes, "{what}");
            }
            *(if may_it { &mut allowed } else { &mut refused }) += 1;
        }
    }
    println!("{allowed} allowed, {refused} refused");
    assert!(allowed > 30 && refused > 100, "{allowed} allowed, {refused} refused");
    Ok(())
}

/// One's own organisation; for the door that deletes an account, that account's.
fn organisation(visitor: &Actor, path: &str, home: OrganisationId) -> Object {
    Object::Organisation(match visitor {
        Actor::Account { organisation, .. } if !path.contains("{account}") => *organisation,
        _ => home,
    })
}

/// The door's address with ids of things that are there.
async fn path(pattern: &str, room: &Room, owner: &Client, victim: AccountId) -> Result<String> {
    let mut path = pattern.replace("{room}", &room.id.to_string()).replace("{account}", &victim.to_string());
    if let Some(pad) = room.pad {
        path = path.replace("{pad}", &pad.to_string());
    }
    if path.contains("{invitation}") {
        let body = json!({ "role": "participant", "lifetime_s": null });
        let made = format!("/api/v1/rooms/{}/invitations", room.id);
        let link: Invitation = owner.call(Method::POST, &made, &body).await?;
        path = path.replace("{invitation}", &link.id.to_string());
    }
    Ok(path)
}
