//! How a CLI and a provider find each other: environment variables one way, one line on stdout the other.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// The value by which both sides know that the other means the same protocol.
const MAGIC_COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// What the CLI said when it started this process.
pub(super) struct Invitation {
    pub client_certificate: CertificateDer<'static>,
    pub socket_folder: Option<PathBuf>,
}

/// Why this process cannot serve whoever started it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    NoCookie,
    Protocol(String),
    NoCertificate,
    BadCertificate,
}

impl Refusal {
    pub(super) fn explain(&self, provider: &str) -> String {
        match self {
            Self::NoCookie => format!(
                "This is the {provider} provider, a plugin of Terraform and OpenTofu. They start it themselves; run by \
                 hand it does nothing.\n\nName it in a configuration and run `terraform init`:\n\n  terraform {{\n    \
                 required_providers {{ {provider} = {{ source = \"{provider}/{provider}\" }} }}\n  }}\n\nA build of \
                 your own is used when the CLI's configuration file says so:\n\n  provider_installation {{\n    \
                 dev_overrides {{ \"{provider}/{provider}\" = \"FOLDER OF THIS BINARY\" }}\n    direct {{}}\n  }}"
            ),
            Self::Protocol(offered) => format!(
                "The CLI speaks plugin protocols {offered}; this provider speaks 6. Terraform from 1.11 and OpenTofu \
                 from 1.11 do."
            ),
            Self::NoCertificate => "The CLI sent no certificate (PLUGIN_CLIENT_CERT), and this provider serves only \
                                    the CLI that started it. Terraform and OpenTofu always send one."
                .to_owned(),
            Self::BadCertificate => "The certificate in PLUGIN_CLIENT_CERT cannot be read.".to_owned(),
        }
    }
}

impl Invitation {
    pub(super) fn from_environment() -> Result<Self, Refusal> {
        Self::read(|name| env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Refusal> {
        if variable(MAGIC_COOKIE.0).as_deref() != Some(MAGIC_COOKIE.1) {
            return Err(Refusal::NoCookie);
        }
        // In no particular order: "5,6" or "6,5".
        let offered = variable("PLUGIN_PROTOCOL_VERSIONS").unwrap_or_default();
        if !offered.split(',').any(|version| version.trim() == "6") {
            return Err(Refusal::Protocol(offered));
        }
        let pem = variable("PLUGIN_CLIENT_CERT").ok_or(Refusal::NoCertificate)?;
        let client_certificate = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| Refusal::BadCertificate)?;
        Ok(Self { client_certificate, socket_folder: variable("PLUGIN_UNIX_SOCKET_DIR").map(PathBuf::from) })
    }
}

/// The socket's file, in a folder that only this user can enter. Gone when dropped.
pub(super) struct Socket {
    folder: PathBuf,
    path: PathBuf,
}

impl Socket {
    pub(super) fn create(folder: Option<&Path>) -> io::Result<Self> {
        let base = folder.map_or_else(env::temp_dir, Path::to_path_buf);
        let pid = std::process::id();
        for attempt in 0..100_u32 {
            let folder = base.join(format!("fm{pid}-{attempt}"));
            match fs::DirBuilder::new().mode(0o700).create(&folder) {
                Ok(()) => {
                    let path = folder.join("p");
                    return Ok(Self { folder, path });
                }
                // Left by a process of the same number that was killed.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("no free socket folder in {}", base.display())))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_dir(&self.folder);
    }
}

/// Tells the CLI where to dial and which certificate to expect.
pub(super) fn announce(socket: &Path, certificate: &CertificateDer<'_>) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    // CORE VERSION | PROTOCOL | NETWORK | ADDRESS | KIND | CERTIFICATE, and a seventh field for a CLI that offers to
    // multiplex: no connection is brokered here, so the answer is no.
    let multiplex = if env::var_os("PLUGIN_MULTIPLEX_GRPC").is_some() { "|false" } else { "" };
    writeln!(stdout, "1|6|unix|{}|grpc|{}{multiplex}", socket.display(), STANDARD_NO_PAD.encode(certificate))?;
    stdout.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invitation(variables: &[(&str, &str)]) -> Result<Invitation, Refusal> {
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Invitation::read(|wanted| variables.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone()))
    }

    #[test]
    fn whoever_is_no_cli_of_this_protocol_is_told_what_is_missing() {
        let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert.pem();
        let versions = ("PLUGIN_PROTOCOL_VERSIONS", "6,5");
        assert_eq!(invitation(&[]).err(), Some(Refusal::NoCookie));
        assert_eq!(invitation(&[("TF_PLUGIN_MAGIC_COOKIE", "x")]).err(), Some(Refusal::NoCookie));
        assert_eq!(
            invitation(&[MAGIC_COOKIE, ("PLUGIN_PROTOCOL_VERSIONS", "4,5")]).err(),
            Some(Refusal::Protocol("4,5".into()))
        );
        assert_eq!(invitation(&[MAGIC_COOKIE, versions]).err(), Some(Refusal::NoCertificate));
        assert_eq!(
            invitation(&[MAGIC_COOKIE, versions, ("PLUGIN_CLIENT_CERT", "x")]).err(),
            Some(Refusal::BadCertificate)
        );
        assert!(invitation(&[MAGIC_COOKIE, versions, ("PLUGIN_CLIENT_CERT", &certificate)]).is_ok());
    }

    #[test]
    fn a_socket_left_by_a_killed_process_is_no_obstacle_and_ours_is_removed() {
        let base = tempfile::tempdir().unwrap();
        let left = Socket::create(Some(base.path())).unwrap();
        let ours = Socket::create(Some(base.path())).unwrap();
        assert_ne!(left.path(), ours.path());
        drop((left, ours));
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0);
    }
}
