//! `cargo xtask protocol`: the Rust code of `proto/`. It is committed, so that building the provider needs neither a
//! protobuf compiler nor its code generator.

use std::fs;
use std::path::{Path, PathBuf};

use crate::generated::{Generated, Result, files_in};

const FOLDER: &str = "crates/tfplugin/src/wire/generated";

/// # Errors
/// A definition that does not compile.
pub fn generate(root: &Path) -> Result<Generated> {
    let files = protox::compile(["tfplugin6.proto", "plugin.proto", "health.proto"], [&root.join("proto")])?;
    let out = tempfile::tempdir()?;
    tonic_prost_build::configure()
        .build_client(false)
        .build_transport(false)
        .generate_default_stubs(true)
        .emit_rerun_if_changed(false)
        .out_dir(out.path())
        .compile_fds(files)?;
    let folder = PathBuf::from(FOLDER);
    let mut generated =
        Generated { task: "cargo run -p xtask -- protocol", folders: vec![folder.clone()], ..Generated::default() };
    for path in files_in(out.path())? {
        generated.files.insert(folder.join(path.file_name().unwrap_or_default()), fs::read_to_string(&path)?);
    }
    Ok(generated)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_code_is_what_the_definitions_give() {
        let root = crate::root();
        if let Err(differences) = super::generate(&root).unwrap().check(&root) {
            panic!("{differences}");
        }
    }
}
