//! What targets are made from: paths, virtual environments, the trained pipeline, the sizes of right answers.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use sha2::{Digest, Sha256};

use crate::drivers::on_path;
use crate::error::{Error, Result};

/// Where things are.
#[derive(Args, Clone, Debug)]
pub(crate) struct WorkshopArgs {
    /// The linnet binary [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    linnet: Option<PathBuf>,
    /// The artifact that all targets serve [default: artifacts/tagifai/1]
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    // Not a documentation comment: help shows the variable's name as it is.
    #[arg(
        long,
        value_name = "DIR",
        help = "The folder with projects.csv and tags.csv, to train the pipeline from [default: $LINNET_DATA]"
    )]
    data: Option<PathBuf>,
    /// Where virtual environments and the trained pipeline are kept [default: loadtest/.cache]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// The CPython 3.11 that virtual environments are made with
    #[arg(long, value_name = "PATH", default_value = "python3.11")]
    python: PathBuf,
}

/// The same, ready to be used.
#[derive(Clone, Debug)]
pub(crate) struct Workshop {
    /// The repository.
    pub(crate) root: PathBuf,
    /// This program.
    pub(crate) own: PathBuf,
    /// The linnet binary.
    pub(crate) linnet: PathBuf,
    /// The artifact.
    pub(crate) model: PathBuf,
    /// Sizes of the answers that the ceiling gives.
    pub(crate) ceiling: Vec<String>,
    data: Option<PathBuf>,
    cache: PathBuf,
    python: PathBuf,
}

impl WorkshopArgs {
    /// Resolves the defaults.
    pub(crate) fn open(self) -> Result<Workshop> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
        let own = std::env::current_exe()?;
        let cache = self.cache.unwrap_or_else(|| root.join("loadtest/.cache"));
        fs::create_dir_all(&cache)?;
        let absolute = |path: PathBuf| std::path::absolute(path);
        Ok(Workshop {
            linnet: absolute(self.linnet.unwrap_or_else(|| own.with_file_name("linnet")))?,
            model: absolute(self.model.unwrap_or_else(|| root.join("artifacts/tagifai/1")))?,
            data: self.data.or_else(|| std::env::var_os("LINNET_DATA").map(PathBuf::from)),
            cache: cache.canonicalize()?,
            python: self.python,
            ceiling: Vec::new(),
            own,
            root,
        })
    }
}

impl Workshop {
    /// A folder of the cache, made if need be.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.cache.join(name);
        fs::create_dir_all(&folder).map_err(|source| Error::File { path: folder.clone(), source })?;
        Ok(folder)
    }

    /// The pinned requirements of a virtual environment.
    pub(crate) fn requirements(&self, name: &str) -> PathBuf {
        self.root.join(match name {
            "lesson" => "loadtest/lesson/requirements.txt".to_owned(),
            other => format!("loadtest/requirements/{other}.txt"),
        })
    }

    /// A virtual environment, made on the first use. Returns its folder of programs.
    pub(crate) fn environment(&self, name: &str) -> Result<PathBuf> {
        let requirements = self.requirements(name);
        let wanted =
            fs::read(&requirements).map_err(|source| Error::File { path: requirements.clone(), source })?;
        let wanted = format!("{:x?}", Sha256::digest(&wanted).as_slice());
        let folder = self.cache.join(format!("venv-{name}"));
        let stamp = folder.join("requirements.sha256");
        if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
            return Ok(folder.join("bin"));
        }
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        let python = if self.python.components().count() > 1 {
            Some(self.python.clone())
        } else {
            self.python.to_str().and_then(on_path)
        };
        let missing = || Error::Absent(format!("{} is not on PATH", self.python.display()));
        run(Command::new(python.ok_or_else(missing)?).args(["-m", "venv"]).arg(&folder))?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
        run(Command::new(folder.join("bin/python")).args(pip).arg(requirements))?;
        fs::write(stamp, wanted)?;
        Ok(folder.join("bin"))
    }

    /// The fitted pipeline, trained on the first use.
    pub(crate) fn pipeline(&self) -> Result<PathBuf> {
        let trained = self.cache.join("tagifai.joblib");
        if trained.exists() {
            return Ok(trained);
        }
        let Some(data) = &self.data else {
            let why = "no data to train the pipeline from: give --data or LINNET_DATA";
            return Err(Error::Absent(why.to_owned()));
        };
        let python = self.environment("lesson")?.join("python");
        let unfinished = self.cache.join("tagifai.joblib.part");
        run(Command::new(python)
            .arg(self.root.join("artifacts/export/train_tagifai.py"))
            .arg("--projects")
            .arg(data.join("projects.csv"))
            .arg("--tags")
            .arg(data.join("tags.csv"))
            .arg("--joblib")
            .arg(&unfinished)
            .envs(self.python_environment()))?;
        fs::rename(&unfinished, &trained)?;
        Ok(trained)
    }

    /// What every Python of ours needs: the exporter's package holds the pipeline's text cleaner.
    pub(crate) fn python_environment(&self) -> HashMap<String, String> {
        let path = self.root.join("artifacts/export").display().to_string();
        [("PYTHONPATH", path.as_str()), ("PYTHONDONTWRITEBYTECODE", "1")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    /// A text for the report, without this machine's folders.
    pub(crate) fn plain(&self, text: &str) -> String {
        let cache = self.cache.display().to_string();
        let root = format!("{}/", self.root.display());
        text.replace(&cache, "loadtest/.cache").replace(&root, "")
    }
}

/// Runs a command to its end.
///
/// # Errors
/// `Error::Absent` with the last line that it wrote, if it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no word of why");
    Err(Error::Absent(format!("{}: {}: {last}", command.get_program().display(), output.status)))
}

#[cfg(test)]
impl Workshop {
    /// A workshop over this repository that makes nothing.
    pub(crate) fn for_tests() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
        Self {
            own: PathBuf::from("loadtest"),
            linnet: PathBuf::from("linnet"),
            model: root.join("artifacts/tagifai/1"),
            ceiling: Vec::new(),
            data: None,
            cache: root.join("loadtest/.cache"),
            python: PathBuf::from("python3.11"),
            root,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_name_no_folder_of_this_machine() {
        let workshop = Workshop::for_tests();
        let root = workshop.root.display();
        let line = format!("{root}/loadtest/.cache/venv-lesson/bin/gunicorn {root}/target/release/linnet");
        assert_eq!(workshop.plain(&line), "loadtest/.cache/venv-lesson/bin/gunicorn target/release/linnet");
    }
}
