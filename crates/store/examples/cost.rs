//! Prints what storage made for deletion costs on this machine: sealing a row, a durable commit with and without sealing,
//! replacing the key file. The figures of docs/adr/0002-storage-made-for-deletion.md come from here.

use model::ids::KeyId;
use std::time::{Duration, Instant};
use werkraum_store::{Context, Keyring};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).map_or_else(std::env::temp_dir, std::path::PathBuf::from);
    let path = folder.join(format!("cost-keys-{}", std::process::id()));
    let ring = Keyring::open(&path)?;
    let key = ring.create(KeyId::from_random([1; 16]))?;
    for bytes in [64, 1_024, 16_384] {
        let content = vec![7; bytes];
        let sealing = each(20_000, || key.seal(Context::new("cost", b"0123456789abcdef"), &content).map(drop))?;
        let sealed = key.seal(Context::new("cost", b"0123456789abcdef"), &content)?;
        let opening =
            each(20_000, || key.open(Context::new("cost", b"0123456789abcdef"), sealed.as_bytes()).map(drop))?;
        println!("row of {bytes} bytes: seal {sealing:?}, open {opening:?}");
    }
    for keys in [10_u32, 1_000] {
        for n in ring_size(keys) {
            ring.create(id(n))?;
        }
        let writing = each(20, || ring.create(id(u32::MAX)).map(drop))?;
        println!("key file with {keys} keys: replaced durably in {writing:?}");
    }
    std::fs::remove_file(&path)?;
    std::fs::remove_file(path.with_extension("lock"))?;
    Ok(())
}

fn ring_size(keys: u32) -> std::ops::Range<u32> {
    if keys == 10 { 0..8 } else { 8..keys - 2 }
}

fn id(n: u32) -> KeyId {
    let mut bytes = [9; 16];
    bytes[..4].copy_from_slice(&n.to_be_bytes());
    KeyId::from_random(bytes)
}

fn each<E>(times: u32, mut work: impl FnMut() -> Result<(), E>) -> Result<Duration, E> {
    let start = Instant::now();
    for _ in 0..times {
        work()?;
    }
    Ok(start.elapsed() / times)
}
