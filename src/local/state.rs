//! What the local cloud remembers between commands, and the private directory it lives in.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::events::Events;
use crate::process::Process;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct State {
    pub gateway_port: u16,
    pub database_port: u16,
    pub gateway: Option<Process>,
    pub database: Option<Process>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            gateway_port: 4566,
            // Not 3306, which a distribution's own MariaDB often holds.
            database_port: 13306,
            gateway: None,
            database: None,
        }
    }
}

impl State {
    /// A file that is absent or unreadable is a local cloud that was never started.
    pub fn load(root: &Path) -> Self {
        fs::read(root.join("state.json"))
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    pub fn save(&self, root: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self).unwrap_or_default();
        write_private(&root.join("state.json"), &text)
    }
}

/// Makes a directory that only its owner can enter, whatever it was before.
pub(super) fn private_dir(path: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o700)))
        .map_err(|error| cannot_write(path, error))
}

/// Replaces a file at once, so that a reader sees the old or the new one, readable by its owner only.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let new = path.with_added_extension("new");
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&new, path))
        .map_err(|error| cannot_write(path, error))
}

pub(super) fn cannot_write(path: &Path, error: std::io::Error) -> Error {
    Error::environment(format!("cannot write {}", path.display()))
        .because(error)
        .hint("free some space or make the project directory writable, then run it again")
}

/// Held while daemons are started or stopped, so that two commands at once start them once.
/// The system releases it when the command ends, however it ends.
pub(super) async fn lock(root: &Path, events: &Events) -> Result<File> {
    let path = root.join("lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|error| cannot_write(&path, error))?;
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {
                if !std::mem::replace(&mut told, true) {
                    events.waiting(
                        "local",
                        "another wmctl that starts or stops the local cloud",
                    );
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(TryLockError::Error(error)) => return Err(cannot_write(&path, error)),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn state_comes_back_as_it_was_saved() {
        let dir = tempfile::tempdir().unwrap();
        let state = State {
            gateway_port: 5000,
            gateway: Process::of(std::process::id()).await,
            ..State::default()
        };
        state.save(dir.path()).unwrap();
        assert_eq!(State::load(dir.path()), state);
        let mode = fs::metadata(dir.path().join("state.json"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_is_not_known_takes_its_default() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(State::load(dir.path()), State::default());
        fs::write(dir.path().join("state.json"), "{\"database_port\": 1234}").unwrap();
        assert_eq!(State::load(dir.path()).database_port, 1234);
        assert_eq!(State::load(dir.path()).gateway_port, 4566);
        fs::write(dir.path().join("state.json"), "{").unwrap();
        assert_eq!(State::load(dir.path()), State::default());
    }

    #[tokio::test]
    async fn the_second_waits_for_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let (events, mut received) = Events::channel();
        let first = lock(dir.path(), &events).await.unwrap();
        let path = dir.path().to_owned();
        let second = tokio::spawn(async move { lock(&path, &events).await.map(drop) });
        assert!(matches!(
            received.recv().await,
            Some(crate::events::Event::Waiting { .. })
        ));
        drop(first);
        second.await.unwrap().unwrap();
    }
}
