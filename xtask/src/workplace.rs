//! Folders that a step works in, gone when it ends.

use std::path::{Path, PathBuf};

use crate::process::{Failure, Outcome};

/// A folder of this process that goes when the step ends.
#[derive(Debug)]
pub(crate) struct Workplace(PathBuf);

impl Workplace {
    /// The folder of the step `step`; a process has one for each.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn create(step: &str) -> Outcome<Self> {
        let name = format!("tidegate-{step}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder)
            .map_err(|error| Failure::new(format!("{}: {error}", folder.display())))?;
        Ok(Self(folder))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Makes sure that no file in it holds what must never be written.
    ///
    /// # Errors
    /// Names the file that holds `secret`, which `what` says to a person.
    pub(crate) fn nowhere(&self, what: &str, secret: &str) -> Outcome {
        for part in ["data", "log"] {
            if let Some(path) = files_with(&self.0.join(part), secret.as_bytes())?.first() {
                return Err(Failure::new(format!("{what} stands in {}", path.display())));
            }
        }
        Ok(())
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            println!("{} was left behind: {error}", self.0.display());
        }
    }
}

/// The files below `folder` that hold `needle`.
fn files_with(folder: &Path, needle: &[u8]) -> Outcome<Vec<PathBuf>> {
    let told = |error: std::io::Error| Failure::new(format!("{}: {error}", folder.display()));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(told)? {
        let path = entry.map_err(told)?.path();
        if path.is_dir() {
            found.extend(files_with(&path, needle)?);
        } else {
            let bytes = std::fs::read(&path).map_err(told)?;
            if bytes.windows(needle.len()).any(|window| window == needle) {
                found.push(path);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_in_any_file_is_found() {
        let place = Workplace::create("found").expect("a temporary folder");
        let deep = place.path().join("data").join("a").join("b");
        std::fs::create_dir_all(&deep).expect("a folder");
        std::fs::create_dir_all(place.path().join("log")).expect("a folder");
        std::fs::write(deep.join("clean"), b"nothing").expect("a file");
        assert!(place.nowhere("it", "secret").is_ok());
        std::fs::write(deep.join("dirty"), b"\0\0secret\0").expect("a file");
        let told = place.nowhere("it", "secret").expect_err("it is there");
        assert!(told.to_string().contains("dirty"), "{told}");
    }
}
