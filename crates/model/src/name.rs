//! Texts from outside, parsed once: NFC, bounded, without control and bidi-override characters (S-12).
//!
//! None of them implements `Display` or a telling `Debug`, so that none can slip into a log line (S-41, P-04).

use crate::limits;
use serde::{Deserialize, Serialize};
use std::fmt;
use unicode_normalization::UnicodeNormalization;

/// Why a text was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing but white space.
    #[error("empty")]
    Empty,
    /// More characters than allowed.
    #[error("longer than {chars_max} characters")]
    TooLong {
        /// How many are allowed.
        chars_max: usize,
    },
    /// Control characters or characters that reorder the text around them.
    #[error("forbidden characters")]
    Forbidden,
}

/// Why a name or text in a message was refused, as the stable error code of `wire` says it (serde carries only text).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(&'static str);

impl Refused {
    fn new(is_name: bool, why: TextError) -> Self {
        Self(match (is_name, why) {
            (true, TextError::Empty) => "name_empty",
            (true, TextError::TooLong { .. }) => "name_too_long",
            (true, TextError::Forbidden) => "name_forbidden",
            (false, TextError::Empty) => "text_empty",
            (false, TextError::TooLong { .. }) => "text_too_long",
            (false, TextError::Forbidden) => "text_forbidden",
        })
    }
}

/// Characters without width or of no look, bidi overrides and isolates, line separators: they let one name look like
/// another, or like none. Joiners and variation selectors stay: Persian, Indic scripts and emoji need them.
fn is_deceptive(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{2800}'
        | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' | '\u{1D173}'..='\u{1D17A}'
        | '\u{E0000}'..='\u{E0FFF}')
}

/// Whether a text would be seen: not only spaces, joiners and variation selectors.
fn is_visible(text: &str) -> bool {
    !text.chars().all(|c| c.is_whitespace() || matches!(c, '\u{200C}' | '\u{200D}' | '\u{FE00}'..='\u{FE0F}'))
}

fn parse(text: &str, chars_max: usize, lines: bool) -> Result<String, TextError> {
    // Bounded before normalising: NFC never makes a text longer than three times its characters (UAX #15).
    if text.len() > chars_max * 4 * 3 {
        return Err(TextError::TooLong { chars_max });
    }
    let text: String = text.trim().nfc().collect();
    if !is_visible(&text) {
        return Err(TextError::Empty);
    }
    if text.chars().count() > chars_max {
        return Err(TextError::TooLong { chars_max });
    }
    let bad = |c: char| (c.is_control() && !(lines && matches!(c, '\n' | '\t'))) || (!lines && is_deceptive(c));
    if text.chars().any(bad) {
        return Err(TextError::Forbidden);
    }
    Ok(text)
}

macro_rules! text {
    ($($(#[$doc:meta])* $name:ident, $max:expr, $lines:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
        #[serde(try_from = "String", into = "String")]
        #[ts(type = "string")]
        #[schema(value_type = String)]
        pub struct $name(String);

        impl $name {
            /// Checks and normalises a text from outside.
            ///
            /// # Errors
            /// [`TextError`] says which rule it broke.
            pub fn parse(text: &str) -> Result<Self, TextError> {
                parse(text, $max, $lines).map(Self)
            }

            /// The text, for storing it and for those who may see it.
            #[must_use]
            pub fn expose(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = Refused;
            fn try_from(text: String) -> Result<Self, Refused> {
                // What may not break lines is a name.
                Self::parse(&text).map_err(|why| Refused::new(!$lines, why))
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    )*};
}

text! {
    /// What a person wants to be called.
    PersonName, limits::PERSON_NAME_CHARS_MAX, false;
    /// A room's title.
    RoomName, limits::ROOM_NAME_CHARS_MAX, false;
    /// The name of an organisation, or its contact line for the information page (P-02).
    OrganisationText, limits::ORGANISATION_TEXT_CHARS_MAX, true;
    /// A chat message.
    ChatText, limits::CHAT_CHARS_MAX, true;
    /// What a waiting person says to be let in.
    KnockText, limits::KNOCK_CHARS_MAX, true;
    /// What the trainer tells the waiting.
    LobbyText, limits::LOBBY_MESSAGE_CHARS_MAX, true;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_trimmed_and_normalised() {
        let name = PersonName::parse("  Zoe\u{308} ").expect("valid");
        assert_eq!(name.expose(), "Zo\u{eb}");
    }

    #[test]
    fn names_refuse_what_deceives() {
        assert_eq!(PersonName::parse(" \t "), Err(TextError::Empty));
        assert_eq!(PersonName::parse("a\u{202E}b"), Err(TextError::Forbidden));
        assert_eq!(PersonName::parse("a\u{0}b"), Err(TextError::Forbidden));
        assert_eq!(PersonName::parse("a\nb"), Err(TextError::Forbidden));
        for unseen in ["a\u{ad}b", "\u{3164}", "\u{2800}", "a\u{2028}b", "a\u{e0041}", "\u{feff}a", "\u{2066}a\u{2069}"]
        {
            assert_eq!(PersonName::parse(unseen), Err(TextError::Forbidden), "{unseen:?}");
        }
        assert_eq!(PersonName::parse("\u{200d}\u{fe0f} \u{200c}"), Err(TextError::Empty));
        assert!(PersonName::parse("👩\u{200d}🔧 می\u{200c}خواهم ❤\u{fe0f}").is_ok());
        assert_eq!(PersonName::parse(&"x".repeat(61)), Err(TextError::TooLong { chars_max: 60 }));
        assert!(PersonName::parse(&"ä".repeat(60)).is_ok());
    }

    #[test]
    fn debug_tells_nothing() {
        let name = PersonName::parse("Miriam").expect("valid");
        assert!(!format!("{name:?}").contains("Miriam"));
    }

    proptest! {
        #[test]
        fn parsing_twice_changes_nothing(text in "\\PC{0,80}") {
            if let Ok(once) = PersonName::parse(&text) {
                prop_assert_eq!(PersonName::parse(once.expose()), Ok(once.clone()));
            }
        }
    }
}
