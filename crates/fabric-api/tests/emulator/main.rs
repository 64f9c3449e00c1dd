//! The client against the emulator, which shares no code with it.

use std::path::PathBuf;
use std::time::Duration;

use fabric_api::connections::{
    ConnectionEncryption, Credentials, Login, NewConnection, PrivacyLevel, Route, SecretSource,
};
use fabric_api::definition::Definition;
use fabric_api::mirrored_databases::NewMirroredDatabase;
use fabric_api::{Client, Cloud, ConnectionId, Credential, Options, WorkspaceId};
use fabricmirror_emulator::emulator::{Emulator, Ready, serve_sql};
use fabricmirror_emulator::http::listen::Loopback;
use fabricmirror_emulator::journal::Channel;
use fabricmirror_emulator::parts::Parts;
use fabricmirror_emulator::scenario::{Rest, Scenario};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

struct World {
    emulator: Emulator,
    ready: Ready,
    folder: tempfile::TempDir,
}

impl World {
    async fn start(time_scale: u32, rest: Rest) -> Self {
        let scenario = Scenario { rest, ..Scenario::default() };
        let parts = Parts::prepare(scenario, f64::from(time_scale), &[]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), parts.tls.ca_pem()).unwrap();
        let stop = CancellationToken::new();
        let entra = Loopback::bind_again(None).await.unwrap();
        let authority = format!("https://localhost:{}/{}", entra.port, parts.scenario.directory.tenant_id);
        let instances = serve_sql(&parts, authority, &stop).await.unwrap();
        let emulator = Emulator::start(parts, entra, instances, stop).await.unwrap();
        let ready = emulator.ready(&folder.path().join("ca.pem"));
        Self { emulator, ready, folder }
    }

    fn certificates(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    fn client(&self) -> Client {
        Client::new(&Options {
            endpoint: self.ready.fabric.endpoint.clone(),
            credential: Credential::ClientSecret {
                tenant_id: self.ready.entra.tenant_id.to_string(),
                client_id: self.ready.entra.client_id.to_string(),
                client_secret: self.ready.entra.client_secret.clone().into(),
            },
            cloud: Cloud::Public,
            authority_host: Some(self.ready.entra.authority_host.clone()),
            ca_certificates: Some(std::fs::read(self.certificates()).unwrap().into()),
            user_agent: "tests".to_owned(),
            stop: CancellationToken::new(),
        })
        .unwrap()
    }

    fn workspace(&self) -> WorkspaceId {
        WorkspaceId(self.ready.scenario.workspace_id)
    }

    /// To the tutorial's database, as the administrator.
    fn new_connection(&self) -> NewConnection {
        let sql = &self.ready.sql;
        NewConnection {
            display_name: "source".into(),
            server: sql.server.clone(),
            database: "Sales".into(),
            privacy_level: PrivacyLevel::Organizational,
            route: Route::Cloud,
            login: Login {
                credentials: Credentials::Basic {
                    username: sql.username.clone(),
                    password: SecretSource::Value(sql.password.clone().into()),
                },
                encryption: ConnectionEncryption::Encrypted,
                skip_test: false,
            },
        }
    }
}

fn mirror(name: String, connection: ConnectionId) -> NewMirroredDatabase {
    let definition = Definition::new(connection, None, 7);
    NewMirroredDatabase { display_name: name, description: None, folder_id: None, sensitivity_label: None, definition }
}

/// The published quotas, with minutes of six seconds on both sides. Nothing is refused: the client stays below by itself.
#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_objects_and_a_thousand_calls_stay_below_the_quotas() {
    const HASTE: u32 = 10;
    let rest = Rest { calls_per_minute: Some(500), changes_per_minute: Some(200), ..Rest::default() };
    let world = World::start(HASTE, rest).await;
    let client = world.client().hurried(HASTE);
    let connection = client.create_connection(&world.new_connection()).await.unwrap().id;
    let (workspace, began) = (world.workspace(), std::time::Instant::now());
    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..10 {
        let client = client.clone();
        workers.spawn(async move {
            for number in 0..30 {
                let new = mirror(format!("m{worker}-{number}"), connection);
                let made = client.create_mirrored_database(workspace, &new).await.unwrap();
                for _ in 0..2 {
                    client.mirrored_database(workspace, made.id).await.unwrap();
                }
            }
        });
    }
    tokio::time::timeout(Duration::from_secs(90), workers.join_all()).await.unwrap();
    let minute = Duration::from_secs(60) / HASTE;
    assert!(began.elapsed() >= minute, "300 changes took {:?}", began.elapsed());
    assert_eq!(client.mirrored_databases(workspace).await.unwrap().len(), 300);
    let calls = world.emulator.parts.journal.entries();
    let calls: Vec<_> = calls.iter().filter(|call| call.channel == Channel::Rest).collect();
    assert!(calls.len() > 900);
    let refused = calls.iter().filter(|call| call.status == Some(429)).count();
    assert_eq!(refused, 0, "of {} calls", calls.len());
}

/// The crate alone is of use: `examples/mirrors.rs`, built beside the tests, shows what there is.
#[tokio::test(flavor = "multi_thread")]
async fn the_example_lists_mirrors_and_tables() {
    let world = World::start(600, Rest::default()).await;
    let client = world.client();
    let connection = client.create_connection(&world.new_connection()).await.unwrap().id;
    let made = client.create_mirrored_database(world.workspace(), &mirror("Sales".into(), connection)).await.unwrap();
    let example = std::env::current_exe().unwrap().parent().unwrap().with_file_name("examples").join("mirrors");
    assert!(example.is_file(), "`cargo build -p fabric-api --example mirrors` has not been run");
    let run = async || {
        let output = Command::new(&example)
            .env("FABRIC_TENANT_ID", world.ready.entra.tenant_id.to_string())
            .env("FABRIC_CLIENT_ID", world.ready.entra.client_id.to_string())
            .env("FABRIC_CLIENT_SECRET", &world.ready.entra.client_secret)
            .env("FABRIC_ENDPOINT", &world.ready.fabric.endpoint)
            .env("AZURE_AUTHORITY_HOST", &world.ready.entra.authority_host)
            .env("FABRICMIRROR_CA_CERTIFICATE_FILE", world.certificates())
            .output()
            .await
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    world.emulator.parts.clock.advance(Duration::from_secs(120));
    let workspace = format!("Mirrors ({})", world.workspace());
    assert_eq!(run().await, format!("{workspace}\n  Sales: Initialized\n"));
    client.start_mirroring(world.workspace(), made.id).await.unwrap();
    world.emulator.parts.clock.advance(Duration::from_secs(600));
    let listed = run().await;
    // The instance's identity has no role in the workspace: every table says so.
    assert!(listed.contains("  Sales: Running\n") && listed.contains("    dbo.Customers: "), "{listed}");
}
