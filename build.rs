//! Embeds the built web client (web/dist), or the page that says it was not built. Never calls npm: `./run` does.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/http/no_web");
    // A path that does not exist counts as changed each time, so make sure that it does exist.
    if Path::new("web").is_dir() && std::fs::create_dir_all("web/dist").is_ok() {
        println!("cargo::rerun-if-changed=web/dist");
    }
    let built = Path::new("web/dist/index.html").is_file();
    memory_serve::load_directory_with_embed(if built { "web/dist" } else { "src/http/no_web" }, true);
}
