//! What a server and a database say of themselves: the prerequisites of mirroring that SQL can see (sql-mi facts §5, §6).

use crate::database::Database;
use crate::error::{Error, Result};
use crate::instance::Instance;
use crate::statement::Statement;

/// A server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFacts {
    /// 8 is a managed instance, and nothing else is.
    pub engine_edition: Option<i64>,
    /// `Continuous` is always up to date; `CU` follows a version of SQL Server, 2022 as well as 2025.
    pub product_update_type: Option<String>,
    /// 17 is SQL Server 2025. Many instances do not tell.
    pub product_major_version: Option<String>,
    /// `None`: the operator may not see them.
    pub identities: Option<Vec<ManagedIdentity>>,
}

/// A managed identity of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedIdentity {
    pub client_id: Option<String>,
    pub system_assigned: bool,
    pub primary: bool,
}

/// A database. `None` where the server has no such column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseFacts {
    pub change_feed_enabled: Option<bool>,
    pub data_lake_replication_enabled: Option<bool>,
}

impl DatabaseFacts {
    /// Fabric's change feed is on exactly when both flags are (sql-mi facts §12).
    pub fn is_mirrored(&self) -> bool {
        self.change_feed_enabled == Some(true) && self.data_lake_replication_enabled == Some(true)
    }
}

impl Instance {
    /// # Errors
    /// See [`Error`].
    pub async fn server_facts(&self) -> Result<ServerFacts> {
        let properties = Statement::new(
            "SELECT CONVERT(int, SERVERPROPERTY('EngineEdition')) AS engine_edition,
       CONVERT(nvarchar(128), SERVERPROPERTY('ProductUpdateType')) AS product_update_type,
       CONVERT(nvarchar(128), SERVERPROPERTY('ProductMajorVersion')) AS product_major_version;",
            &[],
        );
        let results = self.read(&properties).await?;
        let row = results.first().and_then(|rows| rows.first()).ok_or_else(|| self.unreadable("no properties"))?;
        let identities = match self.read(&Statement::new("SELECT * FROM sys.dm_server_managed_identities;", &[])).await
        {
            Ok(results) => Some(identities(&results).map_err(|cause| self.unreadable(cause))?),
            // Which right it takes is not documented: any refusal means that nothing can be said.
            Err(Error::Refused { .. }) => None,
            Err(error) => return Err(error),
        };
        let read = || -> Result<ServerFacts, String> {
            Ok(ServerFacts {
                engine_edition: row.int("engine_edition")?,
                product_update_type: row.text("product_update_type")?,
                product_major_version: row.text("product_major_version")?,
                identities,
            })
        };
        read().map_err(|cause| self.unreadable(cause))
    }
}

/// The view's columns are documented nowhere: those that tutorials name are read, and only where they are there.
fn identities(results: &crate::connection::Results) -> Result<Vec<ManagedIdentity>, String> {
    results
        .iter()
        .flatten()
        .map(|row| {
            let text = |name: &str| if row.has(name) { row.text(name) } else { Ok(None) };
            let kind = text("identity_type")?.unwrap_or_default();
            Ok(ManagedIdentity {
                client_id: text("client_id")?,
                system_assigned: kind.to_ascii_lowercase().starts_with("system"),
                primary: row.has("is_primary") && row.int("is_primary")? == Some(1),
            })
        })
        .collect()
}

impl Database {
    /// # Errors
    /// See [`Error`].
    pub async fn facts(&self) -> Result<DatabaseFacts> {
        let statement = Statement::new(
            "SELECT CAST(is_change_feed_enabled AS int) AS change_feed,
       CAST(is_data_lake_replication_enabled AS int) AS data_lake
FROM sys.databases WHERE name = DB_NAME();",
            &[],
        );
        let results = match self.read(&statement).await {
            // 207: a version without these columns, and so without this kind of mirroring.
            Err(error) if error.number() == Some(207) => {
                return Ok(DatabaseFacts { change_feed_enabled: None, data_lake_replication_enabled: None });
            }
            results => results?,
        };
        let row = results.first().and_then(|rows| rows.first());
        let row = row.ok_or_else(|| self.unreadable("the database does not see itself".to_owned()))?;
        let flag = |name: &str| Ok::<_, String>(row.int(name)?.map(|value| value == 1));
        let read = || {
            Ok(DatabaseFacts {
                change_feed_enabled: flag("change_feed")?,
                data_lake_replication_enabled: flag("data_lake")?,
            })
        };
        read().map_err(|cause| self.unreadable(cause))
    }
}
