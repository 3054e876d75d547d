//! Starts the server in its order, wires the parts together and takes them down again. Called by `cli`.
//!
//! The order: log, data folder, port, certificate, routes, `ready`. What can fail for a reason that a person can mend
//! fails before `ready`, each with its own [`StartError`]. No rule of rooms, media or pads stands here.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::header;
use axum::routing::get;
use store::{Store, StoreError};

use crate::config::Config;
use crate::error::StartError;
use crate::http::assets;
use crate::http::hosts::Hosts;
use crate::http::outer::{self, Outer};
use crate::http::router;
use crate::http::state::{AppState, Site};
use crate::http::watching::{self, Watching};
use crate::listen::{self, Listener};
use crate::machine::Machine;
use crate::media;
use crate::pads::Pads;
use crate::pads::gate::Gate;
use crate::pads::yjs_socket::{self, Door};
use crate::rooms::Rooms;
use crate::shutdown::{self, Shutdown};
use crate::turn::Turn;
use crate::{socket, telemetry, tls};

/// How long parts may take to say goodbye and save; service managers kill after 90 s, containers after 10.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(8);

/// How often the system may choose a port whose UDP twin is taken, with port 0.
const MEDIA_PORT_TRIES: u32 = 16;

/// Runs until a signal; returns when everything is down.
///
/// # Errors
/// Whatever keeps it from starting.
pub fn run(config: Config) -> Result<(), StartError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(serve(config));
    // Blocking work that ignores the shutdown must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

async fn serve(config: Config) -> Result<(), StartError> {
    let figures = telemetry::start(&config.log)?;
    let store = open_data_folder(&config.server.data).await?;
    AppState::clear_out(&store).await?;
    let (listener, media) = open_ports(&config)?;
    let machine = Machine::look(listener.address().ip());
    let public_url = public_url(&config, &listener);
    let hosts =
        Hosts::new(config.server.public_url.as_deref(), &machine.names, &machine.addresses, listener.address().port());
    let certificate = match config.server.proxy {
        true => None,
        false => Some(tls::source(&config.tls, &config.server.data, &machine.names, &machine.addresses)?),
    };
    let (trigger, shutdown) = shutdown::channel();

    let organisation = &config.organisation;
    if !organisation.name.is_empty() || !organisation.contact.is_empty() {
        AppState::first_organisation(&store, &organisation.name, &organisation.contact).await?;
    }
    if !media::has_public_address(&media.advertised) {
        tracing::warn!(
            "no public address for sound and pictures: people outside this network see and hear nothing; \
             set media.advertised_addresses"
        );
    }
    let media_handle = media.handle.clone();
    // Behind a proxy TLS ends there, and TURN cannot come through.
    let turn = if config.server.proxy { None } else { Some(Turn::new(&media.advertised)?) };
    let rooms = Rooms::new(Arc::clone(&store), media.handle.clone(), turn.clone());
    rooms.resume().await?;
    let site =
        Site { public_url: public_url.clone(), configured: config.server.public_url.is_some(), hosts: hosts.clone() };
    let pads = Pads::start(&store, &shutdown)?;
    let state = AppState::new(site, store, rooms, pads)?;
    let gate: Arc<dyn Gate> = Arc::new(state.clone());
    let follow = state
        .pads()
        .clone()
        .follow_rights(gate.clone(), state.rooms().rights(), |changed| (changed.room, changed.participant));
    tokio::spawn(follow);
    tokio::spawn(close_rooms(state.clone(), media, shutdown.clone()));

    let mut routes = Router::new().merge(assets::router()).merge(watching::router(Watching {
        figures,
        token: config.metrics.token.as_deref().map(Arc::from),
        proxy: config.server.proxy,
    }));
    routes = routes.merge(router::router(state.clone())).merge(socket::router(state.rooms().clone(), &public_url));
    routes = routes.merge(yjs_socket::router(Door { pads: state.pads().clone(), gate }));
    if let Some(pem) = certificate.as_ref().and_then(|source| source.ca_pem.clone()) {
        routes = routes.route("/ca.pem", get(async || ([(header::CONTENT_TYPE, "application/x-pem-file")], pem)));
    }
    let proxies = if config.server.proxy { config.server.proxy_addresses.clone() } else { Vec::new() };
    let app =
        outer::wrap(routes, Outer { hosts, public_name: config.server.public_url.is_some(), proxies: proxies.into() });

    if let Some(files) = certificate.as_ref().and_then(|source| source.files.clone()) {
        tokio::spawn(reload_on_hangup(files, shutdown.clone()));
    }
    let tls_config = certificate.map(|source| source.config);
    tokio::spawn(listener.serve(app, tls_config, media_handle, turn, shutdown));
    // Before `ready`: whoever waits for that line has seen the link.
    if let Some(link) = state.first_admin_link().await? {
        println!("first admin {link}");
    }
    println!("ready {public_url}");

    shutdown::signal().await?;
    tracing::info!("going down");
    if !trigger.begin_and_wait(SHUTDOWN_LIMIT).await {
        tracing::warn!("not everything was done in time");
    }
    // Last: running requests, rooms and pads have written until now.
    state.store().close().await;
    Ok(())
}

/// Keeps house until the end; then everybody is told and rooms are saved.
async fn close_rooms(state: AppState, media: media::Running, mut shutdown: Shutdown) {
    tokio::select! {
        () = shutdown.begun() => {}
        () = state.clone().keep_house() => {}
    }
    tokio::join!(state.rooms().shutdown(), state.pads().ended());
    // The last words of media are sent when this returns; a fault in it was logged.
    let _ = tokio::task::spawn_blocking(move || media.end()).await;
}

/// Opens the public port and the one for sound and pictures, which has the same number unless the settings say else.
fn open_ports(config: &Config) -> Result<(Listener, media::Running), StartError> {
    let limits = media::admission::Limits {
        packets_per_second: config.media.packets_per_second_max,
        egress_bps: config.media.egress_mbps_max.saturating_mul(1_000_000),
    };
    let mut tries = MEDIA_PORT_TRIES;
    loop {
        let listener = listen::bind(config.server.listen)?;
        // Behind a proxy HTTP listens on loopback only, but sound and pictures come straight from outside.
        let beside = match (listener.address(), config.server.proxy) {
            (address, false) => address,
            (address, true) => (Ipv4Addr::UNSPECIFIED, address.port()).into(),
        };
        let address = config.media.listen.unwrap_or(beside);
        tries -= 1;
        // The system chose a TCP port whose UDP twin somebody else has: let it choose again.
        let chosen = config.server.listen.port() == 0 && config.media.listen.is_none();
        // A proxy would not let ICE through to us.
        let tcp_port = (!config.server.proxy).then_some(listener.address().port());
        match media::start(address, tcp_port, &config.media.advertised_addresses, limits) {
            Ok(media) => return Ok((listener, media)),
            Err(why) if why.kind() == io::ErrorKind::AddrInUse && chosen && tries > 0 => {}
            Err(why) => return Err(StartError::MediaPort { address, why }),
        }
    }
}

/// Makes the folder where it is missing (for its owner only) and opens the database in it, which also keeps a second
/// server out.
async fn open_data_folder(folder: &Path) -> Result<Arc<Store>, StartError> {
    let failed = |why| StartError::DataFolder { folder: folder.into(), why };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    match Store::open_for_server(folder).await {
        Ok(store) => Ok(Arc::new(store)),
        Err(StoreError::InUse) => Err(StartError::DataFolderInUse(folder.into())),
        Err(StoreError::Io(why)) => Err(failed(why)),
        Err(error) => Err(error.into()),
    }
}

/// The start of every link that we print or hand out.
fn public_url(config: &Config, listener: &Listener) -> String {
    if let Some(url) = &config.server.public_url {
        return url.clone();
    }
    let address = listener.address();
    let host = match address.ip() {
        ip if ip.is_unspecified() || ip.is_loopback() => "localhost".to_owned(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    if address.port() == 443 { format!("https://{host}") } else { format!("https://{host}:{}", address.port()) }
}

async fn reload_on_hangup(files: Arc<tls::Files>, mut shutdown: Shutdown) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
    loop {
        tokio::select! {
            () = shutdown.begun() => return,
            received = hangup.recv() => if received.is_none() { return },
        }
        let read = files.clone();
        match tokio::task::spawn_blocking(move || read.reload()).await {
            Ok(Ok(())) => tracing::info!("certificate files read again"),
            Ok(Err(error)) => tracing::error!(%error, "certificate files not taken, the old ones stay in use"),
            Err(_) => return,
        }
    }
}
