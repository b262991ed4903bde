//! The one place of the configuration that touches the outside: it reads the file, the environment and the number of
//! processors, and enters the working directory. Everything else here works on data.

use std::fs::File;
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use super::Settings;
use super::problem::{Problem, Problems};
use super::resolve::{Effective, resolve};
use super::typed::{ConfigFile, Flag, Inputs};

/// The file that is read when none is named; it may be missing.
pub const DEFAULT_FILE: &str = "config/linnet.toml";

/// Largest configuration file, in bytes. The shipped one has about 5,000.
const FILE_BYTES: u64 = 1 << 20;

/// Loads the settings, as often as wanted: at the start, and again on each reload.
#[derive(Clone, Debug)]
pub struct Loader {
    /// As the operator typed it.
    name: String,
    /// The same from the root, since `chdir` may move this process between two loads.
    path: PathBuf,
    /// A file that was asked for must be there.
    required: bool,
    flags: Vec<Flag>,
}

impl Loader {
    /// A loader of `file` (or of the default file, if it is there) under `flags`. Make it before `chdir` is entered.
    pub fn new(file: Option<&Path>, flags: Vec<Flag>) -> Self {
        let typed = file.unwrap_or(Path::new(DEFAULT_FILE));
        // Where the working directory is gone, the relative path is as good as any: reading it will say so.
        let path = std::path::absolute(typed).unwrap_or_else(|_| typed.to_owned());
        Self { name: typed.display().to_string(), path, required: file.is_some(), flags }
    }

    /// Reads and resolves the settings for a start.
    pub fn load(&self) -> Result<Effective, Problems> {
        self.resolve(None)
    }

    /// Reads and resolves the settings for a fleet that runs under `running`; [`Settings::changed`] then says what
    /// the reload asks for. An `auto` that only a restart can change keeps the value that it had at the start, so
    /// that more `workers` do not seem to ask for other `max_workers`.
    pub fn reload(&self, running: &Settings) -> Result<Effective, Problems> {
        self.resolve(Some(running.clone()))
    }

    fn resolve(&self, running: Option<Settings>) -> Result<Effective, Problems> {
        let file = match read_text(&self.path) {
            Ok(text) => Some(ConfigFile { name: self.name.clone(), text }),
            Err(e) if e.kind() == io::ErrorKind::NotFound && !self.required => None,
            Err(e) => {
                return Err(Problems(vec![Problem::File {
                    file: self.name.clone(),
                    message: e.to_string(),
                }]));
            }
        };
        // A name or value that is not UTF-8 keeps its place and gets U+FFFD inside, which no setting but a path takes.
        let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        let environment = std::env::vars_os().map(|(name, value)| (lossy(name), lossy(value))).collect();
        resolve(&Inputs { file, environment, flags: self.flags.clone(), cpus: usable_cpus().get(), running })
    }
}

impl Effective {
    /// Makes `chdir` the working directory of this process. Call it once, before anything relative is opened.
    pub fn enter_directory(&self) -> Result<(), Problems> {
        std::env::set_current_dir(&self.settings.chdir)
            .map_err(|e| Problems(self.conflict("chdir", e.to_string()).into_iter().collect()))
    }
}

fn read_text(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES {
        return Err(io::Error::other(format!("larger than {FILE_BYTES} bytes")));
    }
    String::from_utf8(bytes).map_err(|e| {
        io::Error::other(format!("not UTF-8 (first bad byte at {})", e.utf8_error().valid_up_to()))
    })
}

/// Processors that this process may use: its affinity mask and its cgroup's CPU quota (v1 and v2, parents included),
/// whichever is less; a quota is rounded down, and it is never less than 1. The standard library counts just so.
pub fn usable_cpus() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}
