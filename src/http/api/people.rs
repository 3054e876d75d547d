//! Accounts as the API shows and takes them; shared by set-up, sign-in and accounts.

use model::limits;
use store::AccountRecord;
use wire::api::{Account, Session};
use wire::code::Code;

use crate::http::refused::Refused;

/// As the API shows an account.
#[must_use]
pub fn shown(account: &AccountRecord) -> Account {
    Account {
        id: account.id,
        name: account.name.clone(),
        email: account.email.clone(),
        role: account.role,
        organisation: account.organisation,
    }
}

/// As the API answers who is signed in.
#[must_use]
pub fn session_of(account: &AccountRecord) -> Session {
    Session { account: Some(shown(account)) }
}

/// Takes an e-mail address: it must have the shape of one; whether it works only a mail can tell (RFC 5321, 4.1.2).
///
/// # Errors
/// `email_invalid`.
pub fn email(text: &str) -> Result<String, Refused> {
    let text = text.trim();
    let shape = text.rsplit_once('@').is_some_and(|(local, domain)| {
        let labels =
            domain.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
        !local.is_empty() && local.len() <= 64 && !local.contains('@') && labels
    });
    let plain = text.chars().all(|c| !c.is_whitespace() && !c.is_control() && !"<>()[]\\,;:\"".contains(c));
    if shape && plain && text.len() <= limits::EMAIL_BYTES_MAX {
        Ok(text.to_owned())
    } else {
        Err(Code::EmailInvalid.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_the_shape_of_addresses() {
        for good in ["a@b", "ada.lovelace+kurs@verein.example.org", " ada@example.org ", "ä@müller.example"] {
            assert_eq!(email(good).as_deref(), Ok(good.trim()), "{good}");
        }
        let long = format!("{}@example.org", "a".repeat(250));
        for bad in ["", "@", "a@", "@b", "a b@c", "a@b@c", "a@b..c", "a@-b", "<a@b>", "a@b\n", "a@b, c@d", &long] {
            assert!(email(bad).is_err() || bad.trim() == "a@b", "{bad}");
        }
    }
}
