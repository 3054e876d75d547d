//! docs/protocol.md against the types: every JSON example is what it says it is, and every command, message and event
//! has one. A stranger writes a client from that page alone, so it must not be wrong.

use std::collections::BTreeSet;
use werkraum_wire as wire;
use wire::client::ClientMessage;
use wire::server::ServerMessage;

fn examples(kind: &str) -> Vec<String> {
    let document = include_str!("../../../docs/protocol.md");
    let mut found = Vec::new();
    let mut block: Option<(bool, String)> = None;
    for line in document.lines() {
        let line = line.trim_start();
        match (&mut block, line.strip_prefix("```")) {
            (None, Some(tag)) => block = Some((tag == format!("json {kind}"), String::new())),
            (Some((wanted, text)), Some(_)) => {
                if *wanted {
                    found.push(std::mem::take(text));
                }
                block = None;
            }
            (Some((_, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    found
}

fn tags(examples: &[String]) -> BTreeSet<String> {
    let mut tags = BTreeSet::new();
    for example in examples {
        let value: serde_json::Value = serde_json::from_str(example).expect("JSON");
        for path in ["/type", "/command/name", "/event/name"] {
            tags.extend(value.pointer(path).and_then(|tag| tag.as_str()).map(str::to_owned));
        }
    }
    tags
}

#[test]
fn examples_of_the_client_are_read_and_all_there() {
    let examples = examples("client");
    for example in &examples {
        let read: Result<ClientMessage, _> = wire::strict::from_slice(example.as_bytes());
        let message = read.unwrap_or_else(|code| panic!("{code:?}: {example}"));
        let again: serde_json::Value = serde_json::from_str(example).expect("JSON");
        assert_eq!(serde_json::to_value(&message).expect("written"), again, "no field is missing or too many");
    }
    let all = "hello command offer subscribe ping leave rename knock hand lower_hand chat delete_chat source silence \
               admit deny lobby_message remove change_role lock policy end_for_all";
    assert_eq!(tags(&examples), all.split_whitespace().map(str::to_owned).collect());
}

#[test]
fn examples_of_the_server_are_what_it_sends_and_all_there() {
    let examples = examples("server");
    for example in &examples {
        let message: ServerMessage = serde_json::from_str(example).unwrap_or_else(|why| panic!("{why}: {example}"));
        let again: serde_json::Value = serde_json::from_str(example).expect("JSON");
        assert_eq!(serde_json::to_value(&message).expect("written"), again, "no field is missing or too many");
    }
    let all = "waiting welcome event done refused answer pong bye person left hands chat chat_deleted silenced lobby \
               locked room speaking ice_servers wanted connections video_full slots";
    assert_eq!(tags(&examples), all.split_whitespace().map(str::to_owned).collect());
}

#[test]
fn examples_of_http_bodies_are_read() {
    macro_rules! read {
        ($($name:ident)*) => {$(
            let found = examples(concat!("api:", stringify!($name)));
            assert!(!found.is_empty(), stringify!($name));
            for example in found {
                let body: wire::api::$name =
                    serde_json::from_str(&example).unwrap_or_else(|why| panic!("{why}: {example}"));
                let again: serde_json::Value = serde_json::from_str(&example).expect("JSON");
                assert_eq!(serde_json::to_value(&body).expect("written"), again);
            }
        )*};
    }
    read!(ErrorBody Look Entrance Join Joined JoinAsAccount);
}

#[test]
fn every_code_stands_in_the_table_with_its_status() {
    let document = include_str!("../../../docs/protocol.md");
    for &code in wire::code::Code::ALL {
        let name = serde_json::to_value(code).expect("written");
        let row = format!("| `{}` | {} |", name.as_str().expect("text"), code.http_status());
        assert!(document.contains(&row), "{row}");
    }
}
