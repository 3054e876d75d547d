//! `werkraum user add`: an account from the command line, when nobody can sign in any more or for a script.

use std::io::BufRead;

use model::ids::{AccountId, KeyId, OrganisationId};
use model::name::{OrganisationText, PersonName};
use model::role::AccountRole;
use store::{AccountRecord, Audit, NewAccount, OrganisationRecord, Store, StoreError};
use zeroize::Zeroizing;

use crate::config::Config;
use crate::error::StartError;
use crate::http::passwords::Passwords;
use crate::{clock, random};

/// What `user add` wants to know. The password is read from the standard input, where nobody else sees it.
#[derive(Debug, clap::Args)]
pub struct AddUser {
    /// The address to sign in with
    #[arg(long)]
    email: String,
    /// The person's name
    #[arg(long)]
    name: String,
    /// admin or trainer
    #[arg(long, default_value = "trainer", value_parser = parse_role)]
    role: AccountRole,
    /// Make another organisation of this name for the person; needs --contact
    #[arg(long, value_name = "NAME", requires = "contact")]
    new_organisation: Option<String>,
    /// How to reach the new organisation about data protection
    #[arg(long)]
    contact: Option<String>,
}

fn parse_role(text: &str) -> Result<AccountRole, String> {
    match text {
        "admin" => Ok(AccountRole::Admin),
        "trainer" => Ok(AccountRole::Trainer),
        _ => Err("admin or trainer".into()),
    }
}

/// Makes the account.
///
/// # Errors
/// A sentence each.
pub async fn add(store: &Store, config: &Config, wanted: AddUser) -> Result<(), StartError> {
    let wrong = |what: &str| StartError::Command(what.to_owned());
    let email = crate::http::api::people::email(&wanted.email).map_err(|_| wrong("this is no e-mail address"))?;
    let name = PersonName::parse(&wanted.name).map_err(|why| wrong(&format!("the name is {why}")))?;
    eprintln!("Type the password and press enter (it is read from the standard input):");
    let mut password = Zeroizing::new(String::new());
    std::io::stdin().lock().read_line(&mut password)?;
    let password = password.trim_end_matches(['\r', '\n']).to_owned();
    let passwords = Passwords::new().map_err(|_| wrong("no randomness"))?;
    let hash = passwords.hash(password).await;
    let password = hash.map_err(|_| wrong("the password must have 12 characters or more (and at most 1,024 bytes)"))?;
    let organisation = match (&wanted.new_organisation, &wanted.contact) {
        (Some(name), Some(contact)) => new_organisation(store, name, contact).await?,
        _ => {
            let said = &config.organisation;
            crate::http::state::AppState::first_organisation(store, &said.name, &said.contact).await?
        }
    };
    let account = AccountRecord {
        id: random::id(AccountId::from_random),
        organisation,
        email,
        name,
        password,
        role: wanted.role,
    };
    let audit = Audit {
        at_ms: clock::now_ms(),
        organisation: Some(organisation),
        actor: None,
        room: None,
        deed: "account_made_by_command_line",
    };
    match store.create_account(NewAccount { account: &account, link: None }, audit).await {
        Err(StoreError::Taken) => Err(wrong("this address has an account already")),
        done => Ok(done?),
    }
}

async fn new_organisation(store: &Store, name: &str, contact: &str) -> Result<OrganisationId, StartError> {
    let parse = |text: &str| {
        let parsed = OrganisationText::parse(text);
        parsed.map_err(|why| StartError::Command(format!("the organisation's name or contact is {why}")))
    };
    let (name, contact) = (Some(parse(name)?), Some(parse(contact)?));
    let record = OrganisationRecord { id: random::id(OrganisationId::from_random), name, contact };
    store.create_organisation(&record, random::id(KeyId::from_random), clock::now_ms()).await?;
    Ok(record.id)
}
