//! Reading JSON from strangers: bounded depth, no duplicate keys (parsers differ about which one counts: S-02), no
//! unknown fields, and a stable code for what is wrong. Used by the room websocket and for HTTP bodies.

use crate::code::Code;
use model::limits;
use serde::de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use std::collections::HashSet;
use std::fmt;

/// Reads one message. The caller has checked its size.
///
/// # Errors
/// [`Code::Malformed`], or the code of the name or text that breaks its rule.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Code> {
    let mut scan = serde_json::Deserializer::from_slice(bytes);
    Scan { depth: 0 }.deserialize(&mut scan).map_err(|_| Code::Malformed)?;
    scan.end().map_err(|_| Code::Malformed)?;
    serde_json::from_slice(bytes).map_err(|error| code_of(&error))
}

/// The texts of `model::name` say by their message which rule was broken, in the words of [`Code`]; serde carries only
/// that message.
fn code_of(error: &serde_json::Error) -> Code {
    let text = error.to_string();
    let first = text.split(' ').next().unwrap_or_default();
    serde_json::from_value(first.into()).unwrap_or(Code::Malformed)
}

/// Walks a value without keeping it.
struct Scan {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Scan {
    type Value = ();
    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Scan {
    fn inner<E: serde::de::Error>(&self) -> Result<Self, E> {
        if self.depth >= limits::JSON_DEPTH_MAX {
            Err(E::custom("too deep"))
        } else {
            Ok(Self { depth: self.depth + 1 })
        }
    }
}

impl<'de> Visitor<'de> for Scan {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let _ = self.inner::<A::Error>()?;
        while seq.next_element_seed(self.inner::<A::Error>()?)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if !seen.insert(key) {
                return Err(A::Error::custom("duplicate key"));
            }
            map.next_value_seed(self.inner::<A::Error>()?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::ClientMessage;

    fn read(text: &str) -> Result<ClientMessage, Code> {
        from_slice(text.as_bytes())
    }

    #[test]
    fn a_message_is_read() {
        assert_eq!(read(r#"{"type":"ping"}"#), Ok(ClientMessage::Ping {}));
    }

    #[test]
    fn duplicate_keys_are_refused_at_every_depth() {
        assert_eq!(read(r#"{"type":"ping","type":"ping"}"#), Err(Code::Malformed));
        let inner = r#"{"type":"command","id":1,"command":{"name":"hand","raised":true,"raised":false}}"#;
        assert_eq!(read(inner), Err(Code::Malformed));
        let escaped = r#"{"type":"command","id":1,"command":{"name":"hand","raised":true,"r\u0061ised":false}}"#;
        assert_eq!(read(escaped), Err(Code::Malformed));
    }

    #[test]
    fn unknown_fields_are_refused() {
        for text in [
            r#"{"type":"ping","from":"me"}"#,
            r#"{"type":"command","id":1,"command":{"name":"leave"},"sender":"x"}"#,
            r#"{"type":"command","id":1,"command":{"name":"leave","userId":"x"}}"#,
            r#"{"type":"command","id":1,"command":{"name":"hand","raised":true,"from":"x"}}"#,
            r#"{"type":"subscribe","slots":[{"slot":0,"participant":null,"source":"camera","height_px":1,"x":1}]}"#,
        ] {
            assert_eq!(read(text), Err(Code::Malformed), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(from_slice::<serde_json::Value>(nested(limits::JSON_DEPTH_MAX).as_bytes()).is_ok());
        assert_eq!(
            from_slice::<serde_json::Value>(nested(limits::JSON_DEPTH_MAX + 1).as_bytes()),
            Err(Code::Malformed)
        );
        assert_eq!(from_slice::<serde_json::Value>("[".repeat(60_000).as_bytes()), Err(Code::Malformed));
    }

    #[test]
    fn trailing_bytes_are_refused() {
        assert_eq!(read(r#"{"type":"ping"} {}"#), Err(Code::Malformed));
        assert_eq!(read(""), Err(Code::Malformed));
    }

    #[test]
    fn broken_texts_have_their_codes() {
        let chat = |text: &str| {
            let command = serde_json::json!({ "name": "chat", "text": text });
            read(&serde_json::json!({ "type": "command", "id": 1, "command": command }).to_string())
        };
        assert_eq!(chat("  "), Err(Code::TextEmpty));
        assert_eq!(chat("a\u{7}"), Err(Code::TextForbidden));
        assert_eq!(chat(&"x".repeat(limits::CHAT_CHARS_MAX + 1)), Err(Code::TextTooLong));
        assert!(chat("hello").is_ok());
        let name = |to: &str| {
            let command = serde_json::json!({ "name": "rename", "to": to });
            read(&serde_json::json!({ "type": "command", "id": 1, "command": command }).to_string())
        };
        assert_eq!(name(""), Err(Code::NameEmpty));
        assert_eq!(name("a\nb"), Err(Code::NameForbidden));
        assert_eq!(name(&"x".repeat(limits::PERSON_NAME_CHARS_MAX + 1)), Err(Code::NameTooLong));
    }
}
