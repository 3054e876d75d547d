//! Passwords: argon2id on blocking threads, few at once, the same work for addresses that nobody has.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use model::limits;
use tokio::sync::Semaphore;
use wire::code::Code;
use zeroize::Zeroizing;

use super::refused::Refused;

/// Hashes computed at once: each takes 19 MiB and a core for some ten milliseconds.
const AT_ONCE_MAX: usize = 2;
/// Sign-ins that wait for their turn; beyond it the answer is `overloaded`.
const WAITING_MAX: usize = 64;

/// The bounded place where hashes are computed.
#[derive(Debug)]
pub struct Passwords {
    turns: Semaphore,
    queue: Semaphore,
    /// Checked for addresses without an account, so that both answers take equally long (S-07).
    nobodys: String,
}

impl Passwords {
    /// Computes the hash that stands for nobody's. Blocks for one hash.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn new() -> Result<Self, Refused> {
        let nobodys = hash(&Zeroizing::new("nobody has this password".to_owned()))?;
        Ok(Self { turns: Semaphore::new(AT_ONCE_MAX), queue: Semaphore::new(WAITING_MAX), nobodys })
    }

    /// Checks the rules and hashes.
    ///
    /// # Errors
    /// `password_too_short`, `too_large`, `overloaded`.
    pub async fn hash(&self, password: String) -> Result<String, Refused> {
        let password = Zeroizing::new(password);
        if password.len() > limits::PASSWORD_BYTES_MAX {
            return Err(Refused::about(Code::TooLarge, "password"));
        }
        if password.chars().count() < limits::PASSWORD_CHARS_MIN {
            return Err(Code::PasswordTooShort.into());
        }
        self.in_turn(move || hash(&password)).await?
    }

    /// Whether the password belongs to the hash; with `None` it takes as long and says no.
    ///
    /// # Errors
    /// `overloaded`.
    pub async fn verify(&self, password: String, against: Option<String>) -> Result<bool, Refused> {
        let password = Zeroizing::new(password);
        if password.len() > limits::PASSWORD_BYTES_MAX {
            return Ok(false);
        }
        let known = against.is_some();
        let against = against.unwrap_or_else(|| self.nobodys.clone());
        let fits = self.in_turn(move || {
            PasswordHash::new(&against)
                .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
        });
        Ok(fits.await? && known)
    }

    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refused> {
        let _place = self.queue.try_acquire().map_err(|_| Code::Overloaded)?;
        let _turn = self.turns.acquire().await.map_err(|_| Code::ShuttingDown)?;
        tokio::task::spawn_blocking(work).await.map_err(|_| Code::Internal.into())
    }
}

fn hash(password: &Zeroizing<String>) -> Result<String, Refused> {
    Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string()).map_err(|_| Code::Internal.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_of_somebody_fits() {
        let passwords = Passwords::new().expect("made");
        let hash = passwords.hash("korrekt Pferd 12".into()).await.expect("hashed");
        assert!(hash.starts_with("$argon2id$"));
        assert_eq!(passwords.verify("korrekt Pferd 12".into(), Some(hash.clone())).await, Ok(true));
        assert_eq!(passwords.verify("korrekt Pferd 13".into(), Some(hash.clone())).await, Ok(false));
        assert_eq!(passwords.verify("nobody has this password".into(), None).await, Ok(false));
        assert_eq!(passwords.verify("x".repeat(5000), Some(hash)).await, Ok(false));
        assert_eq!(passwords.hash("elf Zeichen".into()).await, Err(Code::PasswordTooShort.into()));
        assert!(passwords.hash("x".repeat(limits::PASSWORD_BYTES_MAX + 1)).await.is_err());
    }
}
