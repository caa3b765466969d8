//! Names in a folder, for completing a path: read here, because a folder can be large, slow or gone.

use std::path::Path;

/// Names given out.
const MOST: usize = 200;
/// Entries looked at.
const LOOKED_AT: usize = 20_000;

/// The names that begin with `prefix`, folders with "/" at the end, sorted; hidden ones only where `prefix` begins
/// with a dot. What can't be read has no names.
pub fn names(folder: &Path, prefix: &str) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = Vec::new();
    for entry in entries.take(LOOKED_AT).flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        if !name.starts_with(prefix) || (name.starts_with('.') && !prefix.starts_with('.')) {
            continue;
        }
        // followed: a link to a folder is one
        let is_folder = std::fs::metadata(entry.path()).is_ok_and(|meta| meta.is_dir());
        names.push(if is_folder { format!("{name}/") } else { name });
    }
    names.sort();
    names.truncate(MOST);
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_begin_with_the_prefix_and_folders_end_with_a_slash() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["plan.pdf", "other", ".hidden"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        std::fs::create_dir(folder.path().join("plans")).unwrap();
        assert_eq!(names(folder.path(), "pl"), ["plan.pdf", "plans/"]);
        assert_eq!(names(folder.path(), ""), ["other", "plan.pdf", "plans/"]);
        assert_eq!(names(folder.path(), "."), [".hidden"]);
        assert!(names(&folder.path().join("gone"), "").is_empty());
    }
}
