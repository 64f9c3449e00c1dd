//! Puts the parts together and serves them on loopback.
//!
//! Order: [`Parts::prepare`] makes what everybody shares (clock, world, certificates, keys); the instance is made and
//! served with it ([`serve_sql`]); [`Emulator::start`] adds Entra, Fabric and the control interface.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::{Router, middleware};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::control::{self, Control};
use crate::data::{DataError, Keeper, Ports};
use crate::entra::endpoint::{self, Entra};
use crate::entra::issuers;
use crate::entra::managed_identity::{self, Host};
use crate::entra::{self, Verifier};
use crate::fabric::gateway_keys::GatewayKeys;
use crate::fabric::{self, Fabric, Served};
use crate::http::listen::Loopback;
use crate::http::recorder::{Recorder, record};
use crate::instance::Instance;
use crate::journal::Channel;
use crate::parts::{Parts, StartError};
use crate::scenario::{self, Scenario};
use crate::source::{self, DirectoryPrincipal, TokenSubject};
use crate::tds::{self, TlsIdentity};

/// How often mirrors are brought up to the present when nobody asks: SQL shows their change feeds.
const TICK: Duration = Duration::from_millis(250);
/// How often a change is looked for that is not in the data file yet.
const KEEP: Duration = Duration::from_secs(1);

/// Makes the instances and serves TDS. `authority` is where clients that fetch their own token are sent.
///
/// # Errors
/// A script of the scenario that the instance refuses, no free port, or a certificate TLS does not take.
pub async fn serve_sql(parts: &Parts, authority: String, stop: &CancellationToken) -> Result<Vec<Served>, StartError> {
    let mut served = Vec::new();
    for (place, instance) in parts.scenario.instances().enumerate() {
        served.push(serve_instance(parts, place, instance, &authority, stop).await?);
    }
    Ok(served)
}

async fn serve_instance(
    parts: &Parts,
    place: usize,
    config: &scenario::Instance,
    authority: &str,
    stop: &CancellationToken,
) -> Result<Served, StartError> {
    let people = Arc::new(People { scenario: parts.scenario.clone(), verifier: parts.tokens.verifier() });
    let instance =
        Instance::new(parts.scenario.instance_config(config), parts.world.of(place), parts.clock.clone(), people)
            .map_err(|error| StartError::Sql(config.explain(place, &error)))?;
    if let Some((file, Some(kept))) = &parts.data {
        source::Source::read_back(&*instance, &kept.instances[place]).map_err(|reason| file.not_understood(reason))?;
    }
    let former = parts.former_ports().map(|ports| ports.sql[place].clone()).unwrap_or_default();
    let listeners = Loopback::bind_again(former.first().copied()).await.map_err(StartError::Listen)?;
    let former = former.into_iter().filter(|port| *port != listeners.port);
    let ports = std::iter::once(listeners.port).chain(former).collect();
    for listener in listeners.listeners {
        let tls = TlsIdentity { chain: parts.tls.chain(), key: parts.tls.key() };
        let (journal, faults) = (parts.journal.clone(), parts.faults.clone());
        let served = tds::serve(listener, instance.clone(), tls, journal, faults, authority.to_owned(), stop.clone());
        tokio::spawn(async move {
            if let Err(error) = served.await {
                tracing::error!(%error, "TDS is not served");
            }
        });
    }
    Ok(Served { host: config.host(), source: instance, ports })
}

/// The directory, as the instance asks it.
struct People {
    scenario: Arc<Scenario>,
    verifier: Verifier,
}

impl source::Directory for People {
    fn principals(&self) -> Vec<DirectoryPrincipal> {
        let principals = self.scenario.directory.principals.iter();
        principals
            .map(|principal| DirectoryPrincipal {
                name: principal.user_principal_name.clone().unwrap_or_else(|| principal.display_name.clone()),
                object_id: principal.id,
                sid: principal.app_id.unwrap_or(principal.id),
                kind: match principal.kind {
                    entra::PrincipalKind::User => source::PrincipalKind::User,
                    entra::PrincipalKind::Group => source::PrincipalKind::Group,
                    entra::PrincipalKind::ServicePrincipal => source::PrincipalKind::Application,
                },
            })
            .collect()
    }

    fn verify(&self, token: &str) -> Option<TokenSubject> {
        let caller = self.verifier.verify(token, entra::SQL).ok()?;
        Some(self.subject(self.scenario.directory.find(caller.object_id)?))
    }

    fn application(&self, client_id: Uuid) -> Option<TokenSubject> {
        self.scenario.directory.application(client_id).map(|application| self.subject(application))
    }
}

impl People {
    fn subject(&self, principal: &entra::Principal) -> TokenSubject {
        TokenSubject {
            name: principal.user_principal_name.clone().unwrap_or_else(|| principal.display_name.clone()),
            sid: principal.app_id.unwrap_or(principal.id),
            groups: self.scenario.directory.memberships(principal.id),
        }
    }
}

/// A running emulator; stops when dropped.
pub struct Emulator {
    pub parts: Arc<Parts>,
    pub fabric: Arc<Fabric>,
    endpoints: Ports,
    keeper: Option<Arc<Keeper>>,
    stop: CancellationToken,
}

impl Emulator {
    /// Serves Entra on `entra`, and Fabric and the control interface, beside instances that listen already.
    ///
    /// # Errors
    /// No port is free, or TLS does not take the certificate.
    pub async fn start(
        mut parts: Parts,
        entra: Loopback,
        instances: Vec<Served>,
        stop: CancellationToken,
    ) -> Result<Self, StartError> {
        let former = parts.former_ports().cloned();
        let again = |port: fn(&Ports) -> u16| Loopback::bind_again(former.as_ref().map(port));
        let rest = again(|ports| ports.fabric).await.map_err(StartError::Listen)?;
        let identity = again(|ports| ports.identity).await.map_err(StartError::Listen)?;
        let control = again(|ports| ports.control).await.map_err(StartError::Listen)?;
        let endpoints = Ports {
            fabric: rest.port,
            entra: entra.port,
            identity: identity.port,
            control: control.port,
            sql: instances.iter().map(|served| served.ports.clone()).collect(),
        };
        let (file, kept) = parts.data.take().unzip();
        let kept = kept.flatten();
        let parts = Arc::new(parts);
        let tls = parts.tls.server_config(&["h2", "http/1.1"])?;

        let recorded = |router: Router, channel| {
            let recorder = Recorder {
                channel,
                journal: parts.journal.clone(),
                faults: parts.faults.clone(),
                clock: parts.clock.clone(),
                world: parts.world.clone(),
            };
            router.layer(middleware::from_fn_with_state(recorder, record))
        };
        let directory = Arc::new(parts.scenario.directory.clone());
        let authority = https(endpoints.entra);
        let tokens = parts.tokens.clone();
        let host = Host { directory: directory.clone(), tokens: tokens.clone() };
        identity.serve(recorded(managed_identity::router(host), Channel::Token), None, &stop);
        let service = endpoint::router(Entra { directory, tokens, authority });
        entra.serve(recorded(service, Channel::Token), Some(tls.clone()), &stop);

        let tenant = Arc::new(parts.scenario.tenant());
        let keys = match &kept {
            Some(kept) => GatewayKeys::resume(&kept.process.gateway_keys)?,
            None => GatewayKeys::generate(&tenant)?,
        };
        let fabric = Arc::new(Fabric::new(
            tenant,
            parts.clock.clone(),
            parts.world.clone(),
            instances,
            keys,
            parts.tokens.verifier(),
            https(endpoints.fabric),
        ));
        if let Some(kept) = kept {
            fabric.read_back(kept.fabric);
        }
        let keeper = file.map(|file| {
            Arc::new(Keeper {
                file,
                fabric: fabric.clone(),
                token_key: parts.tokens.key().clone(),
                ports: endpoints.clone(),
                written: Mutex::default(),
            })
        });
        if let Some(keeper) = &keeper {
            // A file that cannot be written is better known now than at the end.
            keeper.keep()?;
            tokio::spawn(keep(keeper.clone(), stop.clone()));
        }
        let service = Router::new()
            .fallback_service(fabric::router(fabric.clone()))
            .layer(middleware::from_fn(fabric::lower_path));
        rest.serve(recorded(service, Channel::Rest), Some(tls), &stop);

        let service =
            control::router(Control { parts: parts.clone(), fabric: fabric.clone(), snapshots: Default::default() });
        control.serve(service, None, &stop);
        tokio::spawn(tick(fabric.clone(), stop.clone()));
        Ok(Self { parts, fabric, endpoints, keeper, stop })
    }

    /// Stops, with the last state in its file.
    ///
    /// # Errors
    /// The file could not be written, and holds what was there before.
    pub async fn end(self) -> Result<(), DataError> {
        self.stop.cancel();
        let Some(keeper) = self.keeper.clone() else { return Ok(()) };
        let ended = tokio::task::spawn_blocking(move || keeper.end()).await;
        ended.unwrap_or_else(|error| Err(DataError::Content(error.to_string())))
    }

    /// What the ready-file says.
    pub fn ready(&self, ca_certificate_file: &Path) -> Ready {
        let scenario = &self.parts.scenario;
        let application = scenario.application();
        let workspace = scenario.workspaces.first();
        let first = |id: Option<Uuid>| id.unwrap_or_default();
        Ready {
            sql: ready_sql(&scenario.instance, &self.fabric.instances[0]),
            instances: scenario
                .instances()
                .zip(&self.fabric.instances)
                .map(|(it, at)| ready_instance(it, at))
                .collect(),
            fabric: ReadyFabric { endpoint: https(self.endpoints.fabric) },
            entra: ReadyEntra {
                authority_host: https(self.endpoints.entra),
                tenant_id: scenario.directory.tenant_id,
                client_id: first(application.and_then(|application| application.app_id)),
                client_secret: application.and_then(|found| found.secrets.first().cloned()).unwrap_or_default(),
                imds_endpoint: http(self.endpoints.identity) + managed_identity::IMDS_PATH,
                identity_endpoint: http(self.endpoints.identity) + managed_identity::APP_SERVICE_PATH,
                identity_header: managed_identity::IDENTITY_HEADER.to_owned(),
                github_request_url: https(self.endpoints.entra) + issuers::GITHUB_PATH,
                azure_devops_request_url: https(self.endpoints.entra) + issuers::AZURE_DEVOPS_PATH,
                azure_devops_service_connection_id: issuers::SERVICE_CONNECTION.to_owned(),
                oidc_request_token: issuers::REQUEST_TOKEN.to_owned(),
            },
            scenario: ReadyScenario {
                workspace_id: first(workspace.map(|workspace| workspace.id)),
                capacity_id: first(scenario.capacities.first().map(|capacity| capacity.id)),
                database: scenario.instance.databases.first().map(|found| found.name.clone()).unwrap_or_default(),
                instance_identity_object_id: scenario.instance.identity_object_id,
            },
            control: ReadyControl { url: http(self.endpoints.control) },
            ca_certificate_file: ca_certificate_file.to_owned(),
            pid: std::process::id(),
        }
    }

    /// Writes the CA beside the ready-file and then the ready-file, each in one piece.
    ///
    /// # Errors
    /// [`StartError::Write`].
    pub fn write_ready_file(&self, path: &Path) -> Result<Ready, StartError> {
        let path = std::path::absolute(path).map_err(|source| StartError::Write { path: path.to_owned(), source })?;
        let mut ca_name = path.file_name().unwrap_or_default().to_owned();
        ca_name.push(".ca.pem");
        let ca_path = path.with_file_name(ca_name);
        write_whole(&ca_path, self.parts.tls.ca_pem().as_bytes())?;
        let ready = self.ready(&ca_path);
        let text = serde_json::to_vec_pretty(&ready)
            .map_err(|error| StartError::Write { path: path.clone(), source: io::Error::other(error) })?;
        write_whole(&path, &text)?;
        Ok(ready)
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn http(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn https(port: u16) -> String {
    format!("https://localhost:{port}")
}

fn ready_sql(instance: &scenario::Instance, served: &Served) -> ReadySql {
    ReadySql {
        server: format!("localhost,{}", served.port()),
        host: "localhost".to_owned(),
        port: served.port(),
        username: instance.administrator.clone(),
        password: instance.administrator_password.clone(),
    }
}

fn ready_instance(instance: &scenario::Instance, served: &Served) -> ReadyInstance {
    ReadyInstance {
        name: instance.name.clone(),
        sql: ready_sql(instance, served),
        private_server: instance.private_host(),
        public_server: format!("{},3342", instance.public_host()),
        databases: instance.databases.iter().map(|database| database.name.clone()).collect(),
        identity_object_id: instance.identity_object_id,
    }
}

/// Readers see the old file, none, or all of the new one.
fn write_whole(path: &Path, content: &[u8]) -> Result<(), StartError> {
    let failed = |source| StartError::Write { path: path.to_owned(), source };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let unfinished = path.with_file_name(name);
    std::fs::write(&unfinished, content).map_err(failed)?;
    std::fs::rename(&unfinished, path).map_err(failed)
}

async fn tick(fabric: Arc<Fabric>, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(TICK)).await.is_some() {
        let fabric = fabric.clone();
        // The source may block.
        let _ = tokio::task::spawn_blocking(move || fabric.tick()).await;
    }
}

async fn keep(keeper: Arc<Keeper>, stop: CancellationToken) {
    let mut failing = false;
    while stop.run_until_cancelled(tokio::time::sleep(KEEP)).await.is_some() {
        let keeper = keeper.clone();
        let kept = tokio::task::spawn_blocking(move || keeper.keep()).await;
        let Ok(Err(error)) = kept else {
            failing = false;
            continue;
        };
        // Once: it may be tried for hours, and the end says it again.
        if !std::mem::replace(&mut failing, true) {
            let _ = writeln!(io::stderr(), "fabricmirror-emulator: {error}");
        }
    }
}

/// The ready-file (design.md §5).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ready {
    /// The first instance.
    pub sql: ReadySql,
    #[serde(default)]
    pub instances: Vec<ReadyInstance>,
    pub fabric: ReadyFabric,
    pub entra: ReadyEntra,
    pub scenario: ReadyScenario,
    pub control: ReadyControl,
    pub ca_certificate_file: PathBuf,
    pub pid: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadySql {
    pub server: String,
    pub host: String,
    pub port: u16,
    pub username: String,
    pub password: String,
}

/// One of the instances. Servers are spelled as a connection spells them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadyInstance {
    pub name: String,
    #[serde(flatten)]
    pub sql: ReadySql,
    pub private_server: String,
    pub public_server: String,
    pub databases: Vec<String>,
    pub identity_object_id: Uuid,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadyFabric {
    pub endpoint: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadyEntra {
    pub authority_host: String,
    pub tenant_id: Uuid,
    pub client_id: Uuid,
    pub client_secret: String,
    /// Where a machine's managed identity gets its tokens. Clients know no other host than 169.254.169.254 and reach this
    /// through a proxy for plain HTTP, which this port is as well.
    #[serde(default)]
    pub imds_endpoint: String,
    /// `IDENTITY_ENDPOINT` and `IDENTITY_HEADER` of an app in App Service.
    #[serde(default)]
    pub identity_endpoint: String,
    #[serde(default)]
    pub identity_header: String,
    /// Where a job of GitHub Actions and one of Azure Pipelines ask for a token that the application trusts, and with what.
    #[serde(default)]
    pub github_request_url: String,
    #[serde(default)]
    pub azure_devops_request_url: String,
    #[serde(default)]
    pub azure_devops_service_connection_id: String,
    #[serde(default)]
    pub oidc_request_token: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadyScenario {
    pub workspace_id: Uuid,
    pub capacity_id: Uuid,
    pub database: String,
    pub instance_identity_object_id: Uuid,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadyControl {
    pub url: String,
}

/// For tests only: two runs of the tutorial derive the same password.
const PASSWORD_SEED: &str = "emulator-only-seed-0123456789abcdef";

impl Ready {
    /// The provider's environment and the tutorial's variables, as lines for a shell. With a managed identity in place
    /// of the application's secret, if so.
    pub fn exports(&self, managed_identity: bool) -> String {
        let uuid = |id: Uuid| id.to_string();
        let application = if managed_identity {
            [
                ("FABRIC_USE_MSI", "true".to_owned()),
                ("IDENTITY_ENDPOINT", self.entra.identity_endpoint.clone()),
                ("IDENTITY_HEADER", self.entra.identity_header.clone()),
            ]
            .to_vec()
        } else {
            [
                ("FABRIC_CLIENT_ID", uuid(self.entra.client_id)),
                ("FABRIC_CLIENT_SECRET", self.entra.client_secret.clone()),
            ]
            .to_vec()
        };
        let variables = [
            ("FABRIC_TENANT_ID", uuid(self.entra.tenant_id)),
            ("FABRIC_ENDPOINT", self.fabric.endpoint.clone()),
            ("AZURE_AUTHORITY_HOST", self.entra.authority_host.clone()),
            ("FABRICMIRROR_SQL_SERVER", self.sql.server.clone()),
            ("FABRICMIRROR_SQL_USERNAME", self.sql.username.clone()),
            ("FABRICMIRROR_SQL_PASSWORD", self.sql.password.clone()),
            ("FABRICMIRROR_CA_CERTIFICATE_FILE", self.ca_certificate_file.display().to_string()),
            ("TF_VAR_server", self.sql.server.clone()),
            ("TF_VAR_database", self.scenario.database.clone()),
            ("TF_VAR_workspace_id", uuid(self.scenario.workspace_id)),
            ("TF_VAR_instance_identity_object_id", uuid(self.scenario.instance_identity_object_id)),
            ("TF_VAR_password_seed", PASSWORD_SEED.to_owned()),
        ];
        let variables = application.iter().chain(&variables);
        variables.map(|(name, value)| format!("export {name}={}\n", quote(value))).collect()
    }
}

/// In single quotes, where a shell leaves everything but the quote alone.
fn quote(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_survive_a_shell() {
        assert_eq!(quote("it's $HOME `x` \"y\""), r#"'it'\''s $HOME `x` "y"'"#);
    }

    #[test]
    fn files_are_written_in_one_piece() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ready.json");
        write_whole(&path, b"one").unwrap();
        write_whole(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let missing = folder.path().join("none").join("ready.json");
        assert!(matches!(write_whole(&missing, b""), Err(StartError::Write { .. })));
    }
}
