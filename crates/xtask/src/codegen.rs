//! `cargo xtask codegen`: the TypeScript types of everything in `wire`, one file, sorted by name, so that the same
//! source always gives the same bytes. The file is committed; a test below says when it is stale.

use anyhow::{Context, Result};
use std::any::TypeId;
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use ts_rs::{Config, TS, TypeVisitor};
use wire::code::Code;

/// Where the web client reads it.
fn target() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../web/src/wire/generated/wire.ts")
}

/// Writes the file.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn run() -> Result<()> {
    let target = target();
    if let Some(folder) = target.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    }
    std::fs::write(&target, generate()?).with_context(|| format!("writing {}", target.display()))?;
    println!("wrote {}", target.display());
    Ok(())
}

/// Collects the declaration of a type and of all that it is made of.
struct Collect<'a> {
    config: &'a Config,
    seen: HashSet<TypeId>,
    declared: BTreeMap<String, String>,
}

impl TypeVisitor for Collect<'_> {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        if !self.seen.insert(TypeId::of::<T>()) {
            return;
        }
        // Types without a file of their own are TypeScript's (string, arrays) and need no declaration.
        if T::output_path().is_some() {
            self.declared.insert(T::name(self.config), T::decl(self.config));
        }
        T::visit_dependencies(self);
    }
}

fn generate() -> Result<String> {
    let config = Config::new();
    let mut all = Collect { config: &config, seen: HashSet::new(), declared: BTreeMap::new() };
    all.visit::<wire::client::ClientMessage>();
    all.visit::<wire::server::ServerMessage>();
    all.visit::<Code>();
    all.visit::<model::source::Source>();
    macro_rules! bodies {
        ($($name:ident)*) => { $(all.visit::<wire::api::$name>();)* };
    }
    bodies! {
        ErrorBody FirstAdmin SignIn Session Account Organisation InviteAccount Link AcceptAccount Room CreateRoom
        ChangeRoom CreateInvitation Invitation Look Entrance Join JoinAsAccount Joined PadToken PadRight
    }
    let mut text = String::from(
        "// Made by `cargo xtask codegen` from crates/wire; do not edit. Meaning of everything: docs/protocol.md.\n\n",
    );
    writeln!(text, "export const PROTOCOL_VERSION = {};\n", wire::PROTOCOL_VERSION)?;
    let codes = serde_json::to_string_pretty(Code::ALL)?;
    writeln!(text, "export const CODES = {codes} as const;\n")?;
    for declaration in all.declared.values() {
        writeln!(text, "export {declaration}\n")?;
    }
    Ok(text.trim_end().to_owned() + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_file_is_fresh() {
        let committed = std::fs::read_to_string(target()).expect("run cargo xtask codegen");
        assert!(committed == generate().expect("generates"), "web/src/wire/generated is stale: cargo xtask codegen");
    }

    #[test]
    fn every_message_is_declared() {
        let text = generate().expect("generates");
        for name in ["ClientMessage", "ServerMessage", "Command", "Event", "Welcome", "Code", "RoomPolicy", "Joined"] {
            assert!(text.contains(&format!("export type {name} =")), "{name}");
        }
    }
}
