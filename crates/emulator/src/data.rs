//! `--data FILE`: the state in a file, from which another process goes on.
//!
//! Lines of JSON: what the file is ([`Header`]), keys, ports and the clock ([`Process`]), Fabric and the world, and a
//! line for each instance. The file is replaced whole, and belongs to one process at a time: `FILE.lock` beside it is
//! locked for as long as that lives.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::clock::Position;
use crate::entra::SigningKey;
use crate::fabric::{self, Fabric};
use crate::scenario::Scenario;
use crate::world::Standing;

const FORMAT: &str = "state of fabricmirror-emulator";
/// Of what the lines hold: counts up when a process can no longer read those of before.
const VERSION: u32 = 3;
/// To end the sessions at the end.
const ATTEMPTS: usize = 40;

/// Why the state cannot be kept in a file.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    #[error("{0} cannot be read: {1}")]
    Read(PathBuf, #[source] io::Error),
    #[error("{0} cannot be written: {1}")]
    Write(PathBuf, #[source] io::Error),
    #[error("{0} is in use by another emulator (process {1}): end that, or name another file")]
    InUse(PathBuf, String),
    #[error("{0} is no state of an emulator, or damaged: {1}. Bring back a copy, or move it away to begin anew")]
    Damaged(PathBuf, String),
    #[error(
        "{0} was written by another version of the emulator ({1}): go on with that version, or move it away to begin anew"
    )]
    Version(PathBuf, String),
    #[error(
        "{0} is the state of another scenario, or of other --break steps: give the ones it was made with, or move it away to begin anew"
    )]
    Scenario(PathBuf),
    #[error("the state cannot be written down: {0}")]
    Content(String),
}

/// The first line.
#[derive(Serialize, Deserialize)]
struct Header {
    format: String,
    version: u32,
    /// Fingerprint of the world at the beginning.
    scenario: String,
    /// Of the line breaks and lines after this one.
    sha256: String,
}

/// The second line: what a process is to clients besides what it knows. No `Debug`: it holds private keys.
#[derive(Serialize, Deserialize)]
pub struct Process {
    pub clock: Position,
    /// Of access tokens: PKCS #8. None while nothing was signed.
    pub token_key: Option<Vec<u8>>,
    pub gateway_keys: BTreeMap<Uuid, String>,
    pub ports: Ports,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ports {
    pub fabric: u16,
    pub entra: u16,
    pub identity: u16,
    pub control: u16,
    /// Of each instance, the last first.
    pub sql: Vec<Vec<u16>>,
}

/// What a file holds.
pub struct Kept {
    pub process: Process,
    pub fabric: fabric::Kept,
    /// For [`crate::source::Source::read_back`].
    pub instances: Vec<String>,
}

/// A file that belongs to this process.
pub struct DataFile {
    path: PathBuf,
    scenario: String,
    _lock: File,
}

impl DataFile {
    /// Takes the file for the process, and reads what it holds if it is there.
    ///
    /// # Errors
    /// Somebody else has it, or what it holds cannot be gone on from. It is left as it is.
    pub fn open(path: &Path, scenario: &Scenario, beginning: &Standing) -> Result<(Self, Option<Kept>), DataError> {
        let read = |error| DataError::Read(path.to_owned(), error);
        // Through a link, so that it stays one when the file is replaced.
        let path = match path.canonicalize() {
            Ok(path) => path,
            Err(error) if error.kind() == io::ErrorKind::NotFound => std::path::absolute(path).map_err(read)?,
            Err(error) => return Err(read(error)),
        };
        let file = Self { _lock: lock(&path)?, scenario: fingerprint(scenario, beginning), path };
        let text = match fs::read_to_string(&file.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((file, None)),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(file.damaged("it is no text")),
            Err(error) => return Err(DataError::Read(file.path, error)),
        };
        let kept = file.parse(&text, scenario.instances().count())?;
        Ok((file, Some(kept)))
    }

    fn parse(&self, text: &str, instances: usize) -> Result<Kept, DataError> {
        let line = text.find('\n').unwrap_or(text.len());
        let (header, body) = text.split_at(line);
        let version = |what: String| DataError::Version(self.path.clone(), what);
        let header: serde_json::Value =
            serde_json::from_str(header).map_err(|_| self.damaged("it does not begin as one"))?;
        if header["format"] != FORMAT {
            return Err(self.damaged("it does not begin as one"));
        }
        if header["version"] != VERSION {
            return Err(version(format!("format {}, here {VERSION}", header["version"])));
        }
        let header: Header =
            serde_json::from_value(header).map_err(|error| self.damaged(&format!("its first line: {error}")))?;
        if header.sha256 != digest(&header.scenario, body) {
            return Err(self.damaged("its content is not what was written"));
        }
        if header.scenario != self.scenario {
            return Err(DataError::Scenario(self.path.clone()));
        }
        // From here on it is whole; what is not understood was understood by whoever wrote it.
        let mut lines = body.lines().skip(1);
        let mut line = || lines.next().unwrap_or_default();
        let other = |error: serde_json::Error| version(error.to_string());
        let process: Process = serde_json::from_str(line()).map_err(other)?;
        let fabric = serde_json::from_str(line()).map_err(other)?;
        let kept = Kept { process, fabric, instances: lines.map(str::to_owned).collect() };
        if (kept.instances.len(), kept.process.ports.sql.len()) != (instances, instances) {
            return Err(version("another number of instances".to_owned()));
        }
        Ok(kept)
    }

    fn damaged(&self, how: &str) -> DataError {
        DataError::Damaged(self.path.clone(), how.to_owned())
    }

    /// An instance does not understand its line.
    pub fn not_understood(&self, reason: String) -> DataError {
        DataError::Version(self.path.clone(), reason)
    }

    /// Replaces the file: whoever looks, and whatever happens, finds the old one or the new one.
    fn write<'a>(&self, lines: impl Iterator<Item = &'a str>) -> Result<(), DataError> {
        let body: String = lines.flat_map(|line| ["\n", line]).collect();
        let sha256 = digest(&self.scenario, &body);
        let header = Header { format: FORMAT.to_owned(), version: VERSION, scenario: self.scenario.clone(), sha256 };
        let header = serde_json::to_string(&header).map_err(|error| DataError::Content(error.to_string()))?;
        let unfinished = beside(&self.path, ".new");
        let replace = || {
            // Of a process that was killed at this. It may have been made by somebody who lets others read it.
            if let Err(error) = fs::remove_file(&unfinished)
                && error.kind() != io::ErrorKind::NotFound
            {
                return Err(error);
            }
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
            file.write_all(header.as_bytes())?;
            file.write_all(body.as_bytes())?;
            file.sync_all()?;
            fs::rename(&unfinished, &self.path)?;
            File::open(self.path.parent().unwrap_or(Path::new("/")))?.sync_all()
        };
        replace().map_err(|error| DataError::Write(self.path.clone(), error))
    }
}

/// The file locked as long as the answer lives. Another one than the file itself, which is replaced.
fn lock(path: &Path) -> Result<File, DataError> {
    let lock = beside(path, ".lock");
    let write = |error| DataError::Write(lock.clone(), error);
    let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&lock);
    let mut file = options.map_err(write)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut process = String::new();
            let _ = file.read_to_string(&mut process);
            return Err(DataError::InUse(path.to_owned(), process.trim().to_owned()));
        }
        Err(TryLockError::Error(error)) => return Err(write(error)),
    }
    let note = |file: &mut File| {
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())
    };
    note(&mut file).map_err(write)?;
    Ok(file)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Of all that makes the world at the beginning: a state of another one would not fit.
fn fingerprint(scenario: &Scenario, beginning: &Standing) -> String {
    // Both are plain values: there is no way to fail.
    hex(&serde_json::to_vec(&(scenario, beginning)).unwrap_or_default())
}

fn digest(scenario: &str, body: &str) -> String {
    hex(format!("{scenario}{body}").as_bytes())
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the file holds.
#[derive(PartialEq, Eq)]
pub struct Written {
    token_key: Option<Vec<u8>>,
    fabric: String,
    instances: Vec<Arc<str>>,
}

/// Keeps a running emulator in its file.
pub struct Keeper {
    pub file: DataFile,
    pub fabric: Arc<Fabric>,
    pub token_key: Arc<SigningKey>,
    pub ports: Ports,
    pub written: Mutex<Option<Written>>,
}

impl Keeper {
    /// Writes what has changed. `false` when it cannot now, because a transaction that has changed something is open.
    ///
    /// # Errors
    /// The file is as it was.
    pub fn keep(&self) -> Result<bool, DataError> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok((fabric, instances, clock)) = self.fabric.write_down() else { return Ok(false) };
        let text = |error: serde_json::Error| DataError::Content(error.to_string());
        let fabric = serde_json::to_string(&fabric).map_err(text)?;
        let instances: Vec<_> =
            instances.into_iter().map(|write| write()).collect::<Result<_, _>>().map_err(DataError::Content)?;
        let now = Written { token_key: self.token_key.private_key(), fabric, instances };
        if written.as_ref() == Some(&now) {
            return Ok(true);
        }
        self.write(clock, &now)?;
        *written = Some(now);
        Ok(true)
    }

    /// Ends all sessions and writes the last state, also if only time has passed.
    ///
    /// # Errors
    /// See [`Self::keep`].
    pub fn end(&self) -> Result<(), DataError> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).take();
        for _ in 0..ATTEMPTS {
            self.fabric.sources().for_each(|source| source.end_sessions());
            if self.keep()? {
                return Ok(());
            }
            // A statement that was running when its session was ended.
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(DataError::Content("a statement does not end".to_owned()))
    }

    fn write(&self, clock: Position, now: &Written) -> Result<(), DataError> {
        let process = Process {
            clock,
            token_key: now.token_key.clone(),
            gateway_keys: self.fabric.gateway_keys.private_keys(),
            ports: self.ports.clone(),
        };
        let process = serde_json::to_string(&process).map_err(|error| DataError::Content(error.to_string()))?;
        let services = [process.as_str(), &now.fabric].into_iter();
        self.file.write(services.chain(now.instances.iter().map(|line| &**line)))
    }
}
