//! `examples/` in the layout of the Registry.

use std::fs;
use std::path::PathBuf;

use tfplugin::Description;

use super::Place;
use crate::generated::{Result, files_in};

pub struct Examples {
    folder: PathBuf,
}

impl Examples {
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The provider's block.
    pub fn provider(&self) -> Result<String> {
        self.read("provider/provider.tf")
    }

    /// A file of a type's example; `name` with the provider's prefix, if the type has it.
    pub fn of(&self, place: Place, name: &str, file: &str) -> Result<String> {
        self.read(&format!("{}/{name}/{file}", place.folder()))
    }

    fn read(&self, path: &str) -> Result<String> {
        match fs::read_to_string(self.folder.join(path)) {
            Ok(text) if !text.trim().is_empty() => Ok(text),
            Ok(_) => Err(format!("examples/{path} is empty").into()),
            Err(error) => Err(format!("examples/{path}, which its page needs: {error}").into()),
        }
    }

    /// # Errors
    /// An example of a type that the provider does not offer.
    pub fn check_strays(&self, provider: &Description) -> Result<()> {
        for place in Place::ALL {
            let names: Vec<String> = if place == Place::Functions {
                provider.functions.iter().map(|it| it.name.to_owned()).collect()
            } else {
                let of_kind = provider.types.iter().filter(|it| Place::of(it.kind) == place);
                of_kind.map(|it| format!("{}_{}", provider.name, it.name)).collect()
            };
            for path in files_in(&self.folder.join(place.folder()))? {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                if !names.iter().any(|it| *it == name) {
                    return Err(format!("examples/{}/{name} is an example of nothing", place.folder()).into());
                }
            }
        }
        Ok(())
    }
}
