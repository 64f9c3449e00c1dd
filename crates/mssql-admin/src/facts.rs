//! What a server and a database say of themselves: the prerequisites of mirroring that SQL can see (sql-mi facts §5, §6).

use std::collections::BTreeMap;

use crate::database::Database;
use crate::error::{Error, Result};
use crate::instance::Instance;
use crate::row::{ResultSets, Row};
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
    /// The engine knows the permission to mirror, which came with SQL Server 2025 (sql-mi facts §5.1 I2).
    pub knows_mirroring: bool,
    /// SQL logins cannot log in (the property is UNCONFIRMED). `None`: the server does not say.
    pub entra_only: Option<bool>,
    /// By which the names of logins are compared.
    pub collation: Option<String>,
    /// `None`: the operator may not see them.
    pub identities: Option<Vec<ManagedIdentity>>,
}

/// Which version of SQL Server an instance follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdatePolicy {
    SqlServer2022,
    SqlServer2025,
    AlwaysUpToDate,
}

impl UpdatePolicy {
    /// As Azure's property `databaseFormat` spells it (sql-mi facts §5.1 I2).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SqlServer2022 => "SQLServer2022",
            Self::SqlServer2025 => "SQLServer2025",
            Self::AlwaysUpToDate => "AlwaysUpToDate",
        }
    }
}

impl ServerFacts {
    /// `None`: it cannot be told, or the server is no managed instance. No property says it outright: `CU` is 2022 as well
    /// as 2025, and the version is often that of Azure SQL, 12 (sql-mi facts §5.1 I2).
    pub fn update_policy(&self) -> Option<UpdatePolicy> {
        if self.engine_edition != Some(8) {
            return None;
        }
        let major = self.product_major_version.as_deref().and_then(|version| version.parse::<u32>().ok());
        match (self.product_update_type.as_deref()?, major) {
            ("Continuous", _) => Some(UpdatePolicy::AlwaysUpToDate),
            ("CU", Some(17..)) => Some(UpdatePolicy::SqlServer2025),
            ("CU", Some(16)) => Some(UpdatePolicy::SqlServer2022),
            ("CU", _) if self.knows_mirroring => Some(UpdatePolicy::SqlServer2025),
            ("CU", _) => Some(UpdatePolicy::SqlServer2022),
            _ => None,
        }
    }
}

/// A managed identity of an instance: a row of `sys.dm_server_managed_identities`, whose columns are documented nowhere
/// (sql-mi facts §6.1, §12). What no column says is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedIdentity {
    /// As the server says it: `System-assigned` or `User-assigned`.
    pub kind: Option<String>,
    pub primary: Option<bool>,
    pub client_id: Option<String>,
    pub object_id: Option<String>,
    pub tenant_id: Option<String>,
    /// Every column that can be shown, by its name, in lower case.
    pub columns: BTreeMap<String, String>,
}

impl ManagedIdentity {
    pub fn is_system_assigned(&self) -> Option<bool> {
        self.kind.as_deref().map(|kind| kind.to_ascii_lowercase().starts_with("system"))
    }
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
       CONVERT(nvarchar(128), SERVERPROPERTY('ProductMajorVersion')) AS product_major_version,
       CONVERT(int, SERVERPROPERTY('IsExternalAuthenticationOnly')) AS entra_only,
       CONVERT(nvarchar(128), SERVERPROPERTY('Collation')) AS collation,
       HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'ALTER ANY EXTERNAL MIRROR') AS may_mirror;",
            &[],
        );
        let results = self.read(&properties).await?;
        let row = results.first().and_then(|rows| rows.first()).ok_or_else(|| self.unreadable("no properties"))?;
        let identities = match self.identities().await {
            Ok(identities) => Some(identities),
            // Which right it takes is not documented: any refusal means that nothing can be said.
            Err(Error::Refused { .. } | Error::Invisible { .. }) => None,
            Err(error) => return Err(error),
        };
        let read = || -> Result<ServerFacts, String> {
            Ok(ServerFacts {
                engine_edition: row.int("engine_edition")?,
                product_update_type: row.text("product_update_type")?,
                product_major_version: row.text("product_major_version")?,
                // NULL: there is no such permission.
                knows_mirroring: row.int("may_mirror")?.is_some(),
                entra_only: row.int("entra_only")?.map(|value| value == 1),
                collation: row.text("collation")?,
                identities,
            })
        };
        read().map_err(|cause| self.unreadable(cause))
    }

    /// The instance's managed identities, the system-assigned one first.
    ///
    /// # Errors
    /// [`Error::Refused`], or [`Error::Invisible`] where the view is empty for somebody who may not see it. Which right
    /// it takes is documented nowhere (sql-mi facts §3.4).
    pub async fn identities(&self) -> Result<Vec<ManagedIdentity>> {
        let statement = Statement::new(
            "SELECT HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER SECURITY STATE') AS security_state,
       HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER STATE') AS server_state;
SELECT * FROM sys.dm_server_managed_identities;",
            &[],
        );
        let results = self.read(&statement).await?;
        let read = || -> Result<_, String> {
            let mut results = ResultSets::new(&results);
            let rights = results.row()?;
            let sees = rights.flag("security_state")? || rights.flag("server_state")?;
            Ok((sees, results.next()?.iter().map(identity).collect::<Result<Vec<_>, _>>()?))
        };
        let (sees, mut identities) = read().map_err(|cause| self.unreadable(cause))?;
        if identities.is_empty() && !sees {
            let what = "the managed identities of the instance".to_owned();
            return Err(Error::Invisible { what, right: "VIEW SERVER SECURITY STATE" });
        }
        identities.sort_by_key(|it| (it.is_system_assigned() != Some(true), it.client_id.clone()));
        Ok(identities)
    }
}

/// Names that tutorials use come first; the others are those that the same things have elsewhere.
fn identity(row: &Row) -> Result<ManagedIdentity, String> {
    let first = |names: &[&'static str]| names.iter().copied().find(|name| row.has(name));
    let text = |names: &[&'static str]| first(names).map_or(Ok(None), |name| row.text(name));
    Ok(ManagedIdentity {
        kind: text(&["identity_type", "type_desc", "type"])?,
        primary: first(&["is_primary"]).map_or(Ok(None), |name| row.int(name))?.map(|value| value == 1),
        client_id: text(&["client_id", "application_id"])?,
        object_id: text(&["object_id", "principal_id"])?,
        tenant_id: text(&["tenant_id"])?,
        columns: row.shown(),
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::{Answer, Script, rows};

    fn facts(edition: i64, update_type: Option<&str>, major: Option<&str>, knows_mirroring: bool) -> ServerFacts {
        ServerFacts {
            engine_edition: Some(edition),
            product_update_type: update_type.map(str::to_owned),
            product_major_version: major.map(str::to_owned),
            knows_mirroring,
            entra_only: None,
            collation: None,
            identities: None,
        }
    }

    #[test]
    fn the_update_policy_is_told_by_more_than_one_property() {
        use UpdatePolicy::{AlwaysUpToDate, SqlServer2022, SqlServer2025};
        for (edition, update_type, major, knows_mirroring, expected) in [
            (8, Some("Continuous"), None, true, Some(AlwaysUpToDate)),
            (8, Some("CU"), Some("17"), true, Some(SqlServer2025)),
            (8, Some("CU"), Some("16"), false, Some(SqlServer2022)),
            // The version of Azure SQL: the permission decides.
            (8, Some("CU"), Some("12"), true, Some(SqlServer2025)),
            (8, Some("CU"), Some("12"), false, Some(SqlServer2022)),
            (8, Some("CU"), None, true, Some(SqlServer2025)),
            (8, Some("CU"), None, false, Some(SqlServer2022)),
            (8, Some("Other"), Some("18"), true, None),
            (8, None, Some("17"), true, None),
            (5, Some("Continuous"), None, true, None),
        ] {
            let facts = facts(edition, update_type, major, knows_mirroring);
            assert_eq!(facts.update_policy(), expected, "{facts:?}");
        }
    }

    #[tokio::test]
    async fn identities_are_read_by_whatever_names_the_columns_have() {
        const USER: &str = "User-assigned|1|c2|o2|t";
        const SYSTEM: &str = "System-assigned|0|c1|o1|t";
        let rights = |flags: &str| rows("security_state|server_state", &[flags]);
        let ids = |columns: &str, identities: &[&str]| rows(columns, identities);
        for columns in [
            "identity_type|is_primary|client_id|object_id|tenant_id",
            "type|IS_PRIMARY|application_id|principal_id|tenant_id",
        ] {
            let script = Script::new([Answer::Rows(vec![rights("1|0"), ids(columns, &[USER, SYSTEM])])]);
            let [system, user] = script.instance().identities().await.unwrap().try_into().unwrap();
            assert_eq!((system.is_system_assigned(), user.is_system_assigned()), (Some(true), Some(false)));
            assert_eq!((system.primary, user.primary), (Some(false), Some(true)), "{columns}");
            let texts = [system.client_id, system.object_id, system.tenant_id].map(Option::unwrap);
            assert_eq!(texts, ["c1", "o1", "t"], "{columns}");
            assert_eq!(system.columns.len(), 5, "{:?}", system.columns);
        }
        // What the server does not say is not made up.
        let script = Script::new([Answer::Rows(vec![rights("0|1"), ids("client_id|other", &["c1|7"])])]);
        let [identity] = script.instance().identities().await.unwrap().try_into().unwrap();
        assert_eq!((identity.is_system_assigned(), identity.primary, identity.object_id), (None, None, None));
        assert_eq!(identity.columns.get("other").map(String::as_str), Some("7"));
    }

    #[tokio::test]
    async fn an_empty_view_proves_something_to_whom_may_see_it() {
        for (rights, expected) in [("1|1", true), ("1|0", true), ("0|1", true), ("0|0", false)] {
            let empty = vec![rows("security_state|server_state", &[rights]), Vec::new()];
            let script = Script::new([Answer::Rows(empty.clone())]);
            let came = script.instance().identities().await;
            match came {
                Ok(identities) => assert!(identities.is_empty() && expected, "{rights}"),
                Err(Error::Invisible { right, .. }) => assert!(right.starts_with("VIEW SERVER") && !expected),
                Err(other) => panic!("{rights}: {other:?}"),
            }
            let properties = rows(
                "engine_edition|product_update_type|product_major_version|entra_only|collation|may_mirror",
                &["8|Continuous|NULL|0|Latin1_General_BIN2|0"],
            );
            let script = Script::new([Answer::Rows(vec![properties]), Answer::Rows(empty)]);
            let facts = script.instance().server_facts().await.unwrap();
            assert_eq!(facts.identities.is_some(), expected, "{rights}");
            assert_eq!((facts.knows_mirroring, facts.entra_only), (true, Some(false)), "0 is no NULL");
        }
    }
}
