//! `cargo xtask protocol`: writes the Rust code of `proto/` into the tree. It is committed, so that building the
//! provider needs neither a protobuf compiler nor its code generator.

use std::path::Path;

/// Generates the code into `crates/tfplugin/src/wire/generated`.
///
/// # Errors
/// A definition that does not compile, or a folder that cannot be written.
pub fn generate(root: &Path, out: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let proto = root.join("proto");
    let files = protox::compile(["tfplugin6.proto", "plugin.proto", "health.proto"], [&proto])?;
    tonic_prost_build::configure()
        .build_client(false)
        .build_transport(false)
        .generate_default_stubs(true)
        .emit_rerun_if_changed(false)
        .out_dir(out)
        .compile_fds(files)?;
    Ok(())
}
