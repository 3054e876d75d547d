//! All doors of the server and of what kind they are (S-17). `guard` refuses what has no line here, so a route cannot be
//! forgotten; the tests walk this table.

/// How somebody proves at a door who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Not at all; nothing changes behind it and cookies are not looked at.
    Public,
    /// By the session cookie. Changes need our own origin and JSON.
    Cookie,
    /// By the session cookie, or by a bearer token with this scope; with a bearer token cookies are not looked at.
    CookieOrBearer(&'static str),
    /// Exact origin, then a one-time ticket in the first message, or what names the line that was opened with one.
    Ticket,
    /// By a token in the address or header; never a cookie, any origin.
    Token,
}

/// One door.
#[derive(Clone, Copy, Debug)]
pub struct Door {
    /// GET, POST …
    pub method: &'static str,
    /// With placeholders, as the router writes it.
    pub path: &'static str,
    /// What it asks for.
    pub kind: Kind,
}

const fn door(method: &'static str, path: &'static str, kind: Kind) -> Door {
    Door { method, path, kind }
}

const READ: Kind = Kind::CookieOrBearer("rooms:read");
const WRITE: Kind = Kind::CookieOrBearer("rooms:write");

/// The table.
pub const DOORS: &[Door] = &[
    door("GET", "/healthz", Kind::Public),
    door("GET", "/metrics", Kind::Token),
    door("GET", "/ca.pem", Kind::Public),
    door("GET", "/api/v1/limits", Kind::Public),
    door("GET", "/api/v1/openapi.json", Kind::Public),
    door("GET", "/api/v1/information", Kind::Public),
    door("POST", "/api/v1/setup/first-admin", Kind::Cookie),
    door("GET", "/api/v1/session", Kind::Cookie),
    door("POST", "/api/v1/session", Kind::Cookie),
    door("DELETE", "/api/v1/session", Kind::Cookie),
    door("GET", "/api/v1/organisation", Kind::Cookie),
    door("PATCH", "/api/v1/organisation", Kind::Cookie),
    door("GET", "/api/v1/accounts", Kind::Cookie),
    door("POST", "/api/v1/accounts", Kind::Cookie),
    door("DELETE", "/api/v1/accounts/{account}", Kind::Cookie),
    door("POST", "/api/v1/accounts/invitations", Kind::Cookie),
    door("GET", "/api/v1/rooms", READ),
    door("POST", "/api/v1/rooms", WRITE),
    door("GET", "/api/v1/rooms/{room}", READ),
    door("PATCH", "/api/v1/rooms/{room}", WRITE),
    door("DELETE", "/api/v1/rooms/{room}", WRITE),
    door("GET", "/api/v1/rooms/{room}/invitations", READ),
    door("POST", "/api/v1/rooms/{room}/invitations", WRITE),
    door("DELETE", "/api/v1/rooms/{room}/invitations/{invitation}", WRITE),
    door("POST", "/api/v1/rooms/{room}/invitations/{invitation}/renew", WRITE),
    door("POST", "/api/v1/rooms/{room}/join", Kind::Cookie),
    door("POST", "/api/v1/rooms/{room}/ticket", Kind::Cookie),
    door("POST", "/api/v1/join/look", Kind::Cookie),
    door("POST", "/api/v1/join", Kind::Cookie),
    door("POST", "/api/v1/pads/{pad}/token", Kind::Cookie),
    door("GET", "/api/v1/socket", Kind::Ticket),
    door("POST", "/api/v1/events", Kind::Ticket),
    door("POST", "/api/v1/events/messages", Kind::Ticket),
    door("GET", "/pads/yjs/{pad}", Kind::Token),
];

/// The door behind a route. `HEAD` is the door of `GET`.
#[must_use]
pub fn find(method: &str, path: &str) -> Option<&'static Door> {
    let method = if method == "HEAD" { "GET" } else { method };
    DOORS.iter().find(|door| door.method == method && door.path == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_door_stands_twice_and_nothing_public_changes_anything() {
        for (at, door) in DOORS.iter().enumerate() {
            let same = DOORS.iter().position(|other| (other.method, other.path) == (door.method, door.path));
            assert_eq!(same, Some(at), "{door:?}");
            assert!(door.kind != Kind::Public || door.method == "GET", "{door:?}");
        }
        assert!(find("HEAD", "/api/v1/rooms").is_some());
        assert!(find("PUT", "/api/v1/rooms").is_none());
    }
}
