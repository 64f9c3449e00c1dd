//! Lists the mirrored databases of every workspace that the caller sees, each with its status and its tables.
//!
//! ```sh
//! FABRIC_TENANT_ID=… FABRIC_CLIENT_ID=… FABRIC_CLIENT_SECRET=… cargo run -p fabric-api --example mirrors
//! ```
//!
//! Without `FABRIC_CLIENT_SECRET` the caller is whoever is logged in to the Azure CLI. `FABRIC_ENDPOINT`,
//! `AZURE_AUTHORITY_HOST` and `FABRICMIRROR_CA_CERTIFICATE_FILE` lead to an emulator.

use std::env::{self, VarError};
use std::io::{self, Write};

use fabric_api::mirrored_databases::MirroredDatabase;
use fabric_api::{Client, Cloud, Credential, Options, WorkspaceId};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::new(&options()?)?;
    let mut out = io::stdout().lock();
    for workspace in client.workspaces().await? {
        writeln!(out, "{} ({})", workspace.display_name, workspace.id)?;
        match client.mirrored_databases(workspace.id).await {
            Ok(mirrors) => {
                for mirror in mirrors {
                    write!(out, "{}", described(&client, workspace.id, &mirror).await?)?;
                }
            }
            // A paused capacity is no reason not to show the others.
            Err(error) => writeln!(out, "  {error}")?,
        }
    }
    Ok(())
}

/// A line for the mirror, and one for each of its tables.
async fn described(client: &Client, workspace: WorkspaceId, mirror: &MirroredDatabase) -> fabric_api::Result<String> {
    let mirroring = client.mirroring(workspace, mirror.id).await?;
    let mut text = format!("  {}: {}\n", mirror.display_name, mirroring.status);
    if let Some(error) = &mirroring.error {
        text += &format!("    {error}\n");
    }
    for table in client.mirrored_tables(workspace, mirror.id).await? {
        let name = |part: &Option<String>| part.clone().unwrap_or_default();
        let rows = table.metrics.as_ref().map_or(0, |metrics| metrics.processed_rows);
        text += &format!(
            "    {}.{}: {}, {rows} rows processed\n",
            name(&table.source_schema_name),
            name(&table.source_table_name),
            table.status
        );
    }
    Ok(text)
}

fn options() -> Result<Options, Box<dyn std::error::Error>> {
    let given = |name: &str| match env::var(name) {
        Err(VarError::NotPresent) => Ok(None),
        given => given.map(Some),
    };
    let credential = match given("FABRIC_CLIENT_SECRET")? {
        Some(secret) => Credential::ClientSecret {
            tenant_id: env::var("FABRIC_TENANT_ID")?,
            client_id: env::var("FABRIC_CLIENT_ID")?,
            client_secret: secret.into(),
        },
        None => Credential::AzureCli { tenant_id: given("FABRIC_TENANT_ID")? },
    };
    let ca_certificates = match given("FABRICMIRROR_CA_CERTIFICATE_FILE")? {
        Some(file) => Some(std::fs::read(file)?.into()),
        None => None,
    };
    Ok(Options {
        endpoint: given("FABRIC_ENDPOINT")?.unwrap_or_else(|| Cloud::Public.fabric_endpoint().to_owned()),
        credential,
        cloud: Cloud::Public,
        authority_host: None,
        ca_certificates,
        user_agent: "fabric-api example".to_owned(),
        stop: tokio_util::sync::CancellationToken::new(),
    })
}
