//! The key file beside the database: one 256-bit key for each room and organisation, and one of the server itself.
//!
//! Only the newest file exists; it is replaced whole (write beside, fsync, rename, fsync the folder), the old one's
//! bytes are overwritten, and a destroyed key is in neither. Several processes may use it (server and command line): each change
//! is made under a file lock upon what the file then holds. All calls may block on the disk.

use crate::StoreError;
use crate::seal::{KEY_BYTES, Key};
use aws_lc_rs::{digest, hmac, rand};
use model::ids::KeyId;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zeroize::{Zeroize, Zeroizing};

const MAGIC: &[u8; 8] = b"WRKEYS01";
const ENTRY_BYTES: usize = 16 + KEY_BYTES;
const CHECK_BYTES: usize = 32;
/// Rooms and organisations of one server; at 48 bytes each the file stays below 5 MB.
pub(crate) const KEYS_MAX: usize = 100_000;
/// The server's own key: for looking up e-mail addresses and for signing tokens.
const SERVER: [u8; 16] = [0; 16];

type Keys = BTreeMap<[u8; 16], Zeroizing<[u8; KEY_BYTES]>>;

/// The keys, in memory and on disk.
pub struct Keyring {
    path: PathBuf,
    keys: Mutex<Loaded>,
}

struct Loaded {
    raw: Keys,
    /// Keys ready for use, made at first need.
    ready: BTreeMap<[u8; 16], Arc<Key>>,
}

impl Keyring {
    /// Opens the key file, or makes it with a fresh server key.
    ///
    /// # Errors
    /// [`StoreError::Io`], [`StoreError::KeyFileDamaged`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let ring =
            Self { path: path.to_owned(), keys: Mutex::new(Loaded { raw: Keys::new(), ready: BTreeMap::new() }) };
        ring.reload()?;
        if !ring.contains(KeyId::from_bytes(SERVER)) {
            ring.change(|keys| match keys.contains_key(&SERVER) {
                true => Ok(()),
                false => draw().map(|key| drop(keys.insert(SERVER, key))),
            })?;
        }
        Ok(ring)
    }

    /// Makes a key, durable before this returns.
    ///
    /// # Errors
    /// [`StoreError::Io`], [`StoreError::Limit`].
    pub fn create(&self, id: KeyId) -> Result<Arc<Key>, StoreError> {
        self.change(|keys| {
            if keys.len() >= KEYS_MAX {
                return Err(StoreError::Limit("keys"));
            }
            keys.insert(*id.as_bytes(), draw()?);
            Ok(())
        })?;
        self.get(id)
    }

    /// The key, if it was not destroyed.
    ///
    /// # Errors
    /// [`StoreError::KeyDestroyed`].
    pub fn get(&self, id: KeyId) -> Result<Arc<Key>, StoreError> {
        if let Some(key) = self.lock().ready.get(id.as_bytes()) {
            return Ok(Arc::clone(key));
        }
        if !self.contains(id) {
            // Another process may have made it since we read the file.
            self.reload()?;
        }
        let mut loaded = self.lock();
        let raw = loaded.raw.get(id.as_bytes()).ok_or(StoreError::KeyDestroyed)?;
        let key = Arc::new(Key::new(raw)?);
        loaded.ready.insert(*id.as_bytes(), Arc::clone(&key));
        Ok(key)
    }

    /// Whether the key is known, by what was last read.
    #[must_use]
    pub fn contains(&self, id: KeyId) -> bool {
        self.lock().raw.contains_key(id.as_bytes())
    }

    /// Destroys keys: they are in no file and, once their last holder drops them, in no memory.
    ///
    /// # Errors
    /// [`StoreError::Io`]: then they may still stand in the file.
    pub fn destroy(&self, ids: &[KeyId]) -> Result<(), StoreError> {
        self.change(|keys| {
            for id in ids {
                keys.remove(id.as_bytes());
            }
            Ok(())
        })
    }

    /// A keyed hash (HMAC-SHA256) by the server's key, for looking up what is stored sealed. `purpose` keeps uses apart.
    ///
    /// # Errors
    /// [`StoreError::KeyDestroyed`] when the file lost the server's key.
    pub fn keyed_hash(&self, purpose: &'static str, value: &[u8]) -> Result<[u8; 32], StoreError> {
        let loaded = self.lock();
        let key = loaded.raw.get(&SERVER).ok_or(StoreError::KeyDestroyed)?;
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &key[..]));
        context.update(purpose.as_bytes());
        context.update(b"\0");
        context.update(value);
        let mut hash = [0; 32];
        hash.copy_from_slice(context.sign().as_ref());
        Ok(hash)
    }

    fn lock(&self) -> MutexGuard<'_, Loaded> {
        // Nothing panics while holding it with half a change made, so a poisoned lock still guards good data.
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reload(&self) -> Result<(), StoreError> {
        let keys = read(&self.path)?;
        self.take(keys);
        Ok(())
    }

    fn take(&self, keys: Keys) {
        let mut loaded = self.lock();
        loaded.ready.retain(|id, _| keys.contains_key(id));
        loaded.raw = keys;
    }

    fn change(&self, change: impl FnOnce(&mut Keys) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let lock = File::options().create(true).append(true).mode(0o600).open(self.path.with_extension("lock"))?;
        lock.lock()?;
        let mut keys = read(&self.path)?;
        change(&mut keys)?;
        write(&self.path, &keys)?;
        self.take(keys);
        Ok(())
    }
}

fn draw() -> Result<Zeroizing<[u8; KEY_BYTES]>, StoreError> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    rand::fill(&mut key[..]).map_err(|_| StoreError::Randomness)?;
    Ok(key)
}

fn read(path: &Path) -> Result<Keys, StoreError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Keys::new()),
        Err(error) => return Err(error.into()),
    };
    let bytes_max = MAGIC.len() + KEYS_MAX * ENTRY_BYTES + CHECK_BYTES;
    if file.metadata()?.len() > bytes_max as u64 {
        return Err(StoreError::KeyFileDamaged);
    }
    let mut bytes = Zeroizing::new(Vec::new());
    file.read_to_end(&mut bytes)?;
    parse(&bytes)
}

/// Reads a whole key file: magic, entries of id and key, SHA-256 of all before it.
pub(crate) fn parse(bytes: &[u8]) -> Result<Keys, StoreError> {
    let split = bytes.len().checked_sub(CHECK_BYTES).ok_or(StoreError::KeyFileDamaged)?;
    let (body, check) = bytes.split_at(split);
    let entries = body.strip_prefix(MAGIC).ok_or(StoreError::KeyFileDamaged)?;
    if digest::digest(&digest::SHA256, body).as_ref() != check || entries.len() % ENTRY_BYTES != 0 {
        return Err(StoreError::KeyFileDamaged);
    }
    let mut keys = Keys::new();
    for entry in entries.chunks_exact(ENTRY_BYTES) {
        let (mut id, mut key) = ([0; 16], Zeroizing::new([0; KEY_BYTES]));
        id.copy_from_slice(&entry[..16]);
        key.copy_from_slice(&entry[16..]);
        keys.insert(id, key);
    }
    Ok(keys)
}

fn write(path: &Path, keys: &Keys) -> Result<(), StoreError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAGIC.len() + keys.len() * ENTRY_BYTES + CHECK_BYTES));
    bytes.extend_from_slice(MAGIC);
    for (id, key) in keys {
        bytes.extend_from_slice(id);
        bytes.extend_from_slice(&key[..]);
    }
    let check = digest::digest(&digest::SHA256, &bytes);
    bytes.extend_from_slice(check.as_ref());
    replace(path, &bytes)
}

/// Replaces the file whole and wipes the old one's blocks as far as the disk lets us.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    let old = OpenOptions::new().write(true).open(path).ok();
    std::fs::rename(&beside, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    if let Some(mut old) = old {
        // The new file is durable: what the old one's blocks held may go. A copy-on-write disk keeps them until they
        // are used again; docs/operating.md says so.
        let mut zeros = vec![0; usize::try_from(old.metadata()?.len()).unwrap_or(0)];
        old.seek(SeekFrom::Start(0))?;
        old.write_all(&zeros)?;
        old.sync_all()?;
        zeros.zeroize();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Context;

    fn id(n: u8) -> KeyId {
        KeyId::from_random([n; 16])
    }

    #[test]
    fn keys_survive_and_destroyed_ones_do_not() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("keys");
        let ring = Keyring::open(&path).expect("opens");
        let place = Context::new("t", b"r");
        let sealed = ring.create(id(1)).expect("made").seal(place, b"x").expect("sealed");
        ring.create(id(2)).expect("made");
        let raw = *ring.lock().raw[id(1).as_bytes()];

        let again = Keyring::open(&path).expect("opens");
        assert_eq!(&**again.get(id(1)).expect("there").open(place, sealed.as_bytes()).expect("opens"), b"x");
        assert_eq!(ring.keyed_hash("a", b"b").expect("hash"), again.keyed_hash("a", b"b").expect("hash"));

        again.destroy(&[id(1)]).expect("destroyed");
        assert!(matches!(again.get(id(1)), Err(StoreError::KeyDestroyed)));
        assert!(again.get(id(2)).is_ok());
        for file in std::fs::read_dir(folder.path()).expect("folder") {
            let bytes = std::fs::read(file.expect("file").path()).expect("read");
            assert!(!bytes.windows(8).any(|window| window == &raw[..8]), "the key is still in a file");
        }
    }

    #[test]
    fn two_processes_do_not_lose_each_others_keys() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("keys");
        let (server, tool) = (Keyring::open(&path).expect("opens"), Keyring::open(&path).expect("opens"));
        tool.create(id(1)).expect("made");
        server.create(id(2)).expect("made");
        assert!(server.get(id(1)).is_ok());
        assert!(tool.get(id(2)).is_ok());
    }

    #[test]
    fn a_damaged_file_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("keys");
        drop(Keyring::open(&path).expect("opens"));
        let good = std::fs::read(&path).expect("read");
        for at in [0, 9, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            std::fs::write(&path, &bad).expect("write");
            assert!(matches!(Keyring::open(&path), Err(StoreError::KeyFileDamaged)));
            assert_eq!(std::fs::read(&path).expect("read"), bad);
        }
        assert!(parse(&[]).is_err());
    }
}
