//! The provider's binary: Terraform and OpenTofu start it.

use std::process::ExitCode;

fn main() -> ExitCode {
    tfplugin::serve(fabricmirror::provider())
}
