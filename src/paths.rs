//! Where postrider's files are: the XDG base directories, on macOS too. Folders are made 0700 and files
//! 0600 whatever the umask says. The environment comes in as an argument.

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The folder of each kind of file; nothing of them need exist yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    pub home: PathBuf,
    /// The configuration file.
    pub config: PathBuf,
    /// Databases, delivered mail.
    pub data: PathBuf,
    /// Log, crash reports.
    pub state: PathBuf,
    /// Safe to delete.
    pub cache: PathBuf,
}

impl Paths {
    /// From the environment of this process; a sentence where it does not say enough.
    pub fn from_environment() -> Result<Self, String> {
        use etcetera::base_strategy::{BaseStrategy, Xdg};
        let told = std::env::var_os("HOME");
        if !is_absolute(told.as_ref()) {
            return Err("HOME is not set to a folder, so the configuration and the mail can't be found; set HOME and try again".to_owned());
        }
        let xdg = Xdg::new().map_err(|_| "the home folder can't be found; set HOME and try again".to_owned())?;
        let state = xdg.state_dir().unwrap_or_else(|| xdg.home_dir().join(".local/state"));
        Ok(Self {
            home: xdg.home_dir().to_owned(),
            config: xdg.config_dir().join("postrider/config.toml"),
            data: xdg.data_dir().join("postrider"),
            state: state.join("postrider"),
            cache: xdg.cache_dir().join("postrider"),
        })
    }

    /// Everything under one folder: the demo's.
    pub fn under(root: &Path) -> Self {
        Self {
            home: root.to_owned(),
            config: root.join("config.toml"),
            data: root.join("data"),
            state: root.join("state"),
            cache: root.join("cache"),
        }
    }

    /// The log file, where none is named.
    pub fn log(&self) -> PathBuf {
        self.state.join("postrider.log")
    }
}

fn is_absolute(path: Option<&OsString>) -> bool {
    path.is_some_and(|path| Path::new(path).is_absolute())
}

/// Makes a folder of ours, parents too; 0700 also where it was there before.
pub fn private_folder(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    if std::fs::metadata(path)?.permissions().mode() & 0o777 != 0o700 {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Opens a file of ours for appending, made 0600.
pub fn private_append(path: &Path) -> io::Result<std::fs::File> {
    let file = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 && file.metadata()?.is_file() {
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_files_of_ours_are_private() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/b");
        private_folder(&folder).unwrap();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
        private_folder(&folder).unwrap();
        private_append(&folder.join("log")).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join("log"))), (0o700, 0o600));
    }
}
