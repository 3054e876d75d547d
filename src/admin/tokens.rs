//! `werkraum token create`: for programs that use the API, or for one pad. Prints the token alone, so that scripts can
//! take it.

use jiff::SignedDuration;
use model::ids::PadId;
use model::limits::TOKEN_LIFETIME_S_MAX;
use store::{ApiToken, Audit, Secret, Store};
use wire::api::PadRight;

use crate::clock;
use crate::error::StartError;
use crate::http::guard::API_TOKEN_BYTES;
use crate::http::tokens::{PadClaims, Tokens};

/// The scopes that there are.
const SCOPES: &[&str] = &["rooms:read", "rooms:write"];

/// What `token create` wants to know.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("kind").required(true).args(["api", "pad"]))]
pub struct CreateToken {
    /// A bearer token for the API
    #[arg(long, requires = "scope")]
    api: bool,
    /// What the API token opens: rooms:read, rooms:write (several: repeat)
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(SCOPES))]
    scope: Vec<String>,
    /// For whom the API token acts; the only or first admin when left out
    #[arg(long, value_name = "EMAIL")]
    act_for: Option<String>,
    /// A token for the websocket of this pad
    #[arg(long, value_name = "ID", requires = "right")]
    pad: Option<PadId>,
    /// What the pad token allows: read, comment or write
    #[arg(long, value_parser = parse_right)]
    right: Option<PadRight>,
    /// How long it is valid, like 1h or 30m; a pad token at most 12h, an API token until revoked when left out
    #[arg(long)]
    ttl: Option<SignedDuration>,
}

fn parse_right(text: &str) -> Result<PadRight, String> {
    serde_json::from_value(text.into()).map_err(|_| "read, comment or write".into())
}

/// Makes and prints the token.
///
/// # Errors
/// A sentence each.
pub async fn create(store: &Store, wanted: CreateToken) -> Result<(), StartError> {
    let now_ms = clock::now_ms();
    let ttl_ms = match wanted.ttl.map(|ttl| u64::try_from(ttl.as_millis())) {
        Some(Ok(ms)) if ms > 0 => Some(ms),
        Some(_) => return Err(StartError::Command("--ttl must be more than nothing".into())),
        None => None,
    };
    if let (Some(pad), Some(right)) = (wanted.pad, wanted.right) {
        return pad_token(store, pad, right, ttl_ms, now_ms).await;
    }
    let account = match &wanted.act_for {
        Some(email) => store.account_by_email(email).await?,
        None => first_admin(store).await?,
    };
    let account = account.ok_or_else(|| StartError::Command("there is no such account to act for".into()))?;
    let secret = Secret::draw(API_TOKEN_BYTES)?;
    let token =
        ApiToken { account: account.id, scopes: wanted.scope, expires_ms: ttl_ms.map(|ms| now_ms.saturating_add(ms)) };
    let audit = Audit {
        at_ms: now_ms,
        organisation: Some(account.organisation),
        actor: Some(account.id),
        room: None,
        deed: "api_token_made",
    };
    store.create_api_token(&secret.hash(), &token, audit).await?;
    println!("{}", secret.expose());
    Ok(())
}

async fn pad_token(
    store: &Store,
    pad: PadId,
    right: PadRight,
    ttl_ms: Option<u64>,
    now_ms: u64,
) -> Result<(), StartError> {
    let longest_ms = TOKEN_LIFETIME_S_MAX * 1000;
    let ttl_ms = ttl_ms.unwrap_or(3600 * 1000);
    if ttl_ms > longest_ms {
        return Err(StartError::Command("a pad token lives at most 12h (S-05)".into()));
    }
    if store.room_of_pad(pad).await?.is_none() {
        return Err(StartError::Command("there is no pad with this id".into()));
    }
    let claims = PadClaims { pad, right, participant: None, account: None, expires_ms: now_ms + ttl_ms };
    let (token, _) = Tokens::new(store)?.issue_pad_token(claims, now_ms);
    println!("{token}");
    Ok(())
}

async fn first_admin(store: &Store) -> Result<Option<store::AccountRecord>, StartError> {
    for organisation in store.organisations().await? {
        let accounts = store.accounts_of(organisation).await?;
        if let Some(admin) = accounts.into_iter().find(|account| account.role == model::role::AccountRole::Admin) {
            return Ok(Some(admin));
        }
    }
    Ok(None)
}
