//! `fabricmirror_server_identity`: who an instance is in Entra, and what it says of itself that mirroring depends on.

use std::collections::BTreeMap;

use mssql_admin::{ManagedIdentity, ServerName, advice};
use tfplugin::{Context, DataSource, Model, Text, Value};

use crate::error::{Error, Result};
use crate::provider::FabricMirror;

/// The managed identities of a SQL Managed Instance, and the facts of its engine that mirroring depends on.
///
/// A mirror is written with the instance's system-assigned identity, which has to be the primary one and needs a role in
/// the workspace. Reading it takes `VIEW SERVER SECURITY STATE` or `VIEW SERVER STATE` on the instance; which of them,
/// Microsoft does not say. Without it the data source fails: it never shows an instance without identities for one whose
/// identities cannot be seen.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct ServerIdentity {
    /// The instance; left out, the provider's `sql.server`.
    #[attr(optional, computed)]
    server: Value<Text<ServerName>>,

    /// Whether the instance has a system-assigned identity; null where the server does not tell the two kinds apart.
    #[attr(computed)]
    system_assigned: Value<bool>,

    /// Whether it is the primary one, as mirroring needs it. A user-assigned identity takes that place when it is added.
    #[attr(computed)]
    primary: Value<bool>,

    /// Its client id; null without one.
    #[attr(computed)]
    client_id: Value<String>,

    /// Its object id, that of its enterprise application: the `id` of a `fabricmirror_workspace_role_assignment`. Null
    /// without one, and where the server does not say it.
    #[attr(computed)]
    object_id: Value<String>,

    /// Its tenant; null without one.
    #[attr(computed)]
    tenant_id: Value<String>,

    /// All identities, the system-assigned one first.
    #[attr(computed)]
    identities: Value<Vec<Identity>>,

    /// 8 is a SQL Managed Instance, and nothing else is.
    #[attr(computed)]
    engine_edition: Value<i64>,

    /// `SQLServer2022`, the default, which does not include mirroring, `SQLServer2025` or `AlwaysUpToDate`; null when it
    /// cannot be told.
    #[attr(computed)]
    update_policy: Value<String>,

    /// Whether SQL logins cannot log in: then a `fabricmirror_login` with a password is of no use. Null where the server
    /// does not say.
    #[attr(computed)]
    entra_only: Value<bool>,

    /// Collation of the instance, by which names of logins are compared.
    #[attr(computed)]
    collation: Value<String>,
}

/// A managed identity.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct Identity {
    /// As the server says it: `System-assigned` or `User-assigned`.
    #[attr(computed)]
    r#type: Value<String>,

    /// Whether the instance shows itself as this one.
    #[attr(computed)]
    primary: Value<bool>,

    /// Client id.
    #[attr(computed)]
    client_id: Value<String>,

    /// Object id; null where the server does not say it.
    #[attr(computed)]
    object_id: Value<String>,

    /// Tenant.
    #[attr(computed)]
    tenant_id: Value<String>,

    /// The row of `sys.dm_server_managed_identities` as it is, by column: no page lists its columns.
    #[attr(computed)]
    columns: Value<BTreeMap<String, String>>,
}

impl DataSource for ServerIdentity {
    const NAME: &'static str = "server_identity";
    type Provider = FabricMirror;

    async fn read(cx: &Context<FabricMirror>, config: Self) -> Result<Self> {
        let server = cx.provider.sql(&config.server)?;
        let mut facts = server.instance().server_facts().await?;
        let identities = match facts.identities.take() {
            Some(identities) => identities,
            // Asked again for the reason why.
            None => server.instance().identities().await.map_err(unseen)?,
        };
        let system = identities.iter().find(|it| it.is_system_assigned() == Some(true));
        let is_told = identities.iter().all(|it| it.kind.is_some());
        let text = |pick: fn(&ManagedIdentity) -> &Option<String>| Value::from(system.and_then(|it| pick(it).clone()));
        let mut read = Self {
            system_assigned: Some(system.is_some()).filter(|found| *found || is_told).into(),
            primary: system.and_then(|it| it.primary).into(),
            client_id: text(|it| &it.client_id),
            object_id: text(|it| &it.object_id),
            tenant_id: text(|it| &it.tenant_id),
            identities: identities.iter().map(identity).collect::<Vec<_>>().into(),
            engine_edition: facts.engine_edition.into(),
            update_policy: facts.update_policy().map(|policy| policy.as_str().to_owned()).into(),
            entra_only: facts.entra_only.into(),
            collation: facts.collation.into(),
            ..config
        };
        read.server.default_with(|| server.canonical());
        Ok(read)
    }
}

fn identity(it: &ManagedIdentity) -> Identity {
    Identity {
        r#type: it.kind.clone().into(),
        primary: it.primary.into(),
        client_id: it.client_id.clone().into(),
        object_id: it.object_id.clone().into(),
        tenant_id: it.tenant_id.clone().into(),
        columns: it.columns.clone().into(),
    }
}

/// Names the right where a right is missing.
fn unseen(error: mssql_admin::Error) -> Error {
    let is_right = error.number().is_none_or(|number| [229, 262, 297, 300].contains(&number));
    let lacks = is_right && matches!(error, mssql_admin::Error::Refused { .. } | mssql_admin::Error::Invisible { .. });
    let error = Error::from(error);
    if !lacks {
        return error;
    }
    error.hint(format!(
        "sys.dm_server_managed_identities takes VIEW SERVER SECURITY STATE, or the wider VIEW SERVER STATE; which of them, \
         Microsoft does not say (unconfirmed). Let a DBA grant it to the operator's login: {}",
        advice::SEE_IDENTITIES
    ))
}

#[cfg(test)]
mod tests {
    use mssql_admin::{Error as Sql, Fault, Refusal};
    use tfplugin::HandlerError;

    use super::*;

    #[test]
    fn the_right_is_named_where_it_is_one() {
        let refused = |number| {
            let refusal = Refusal { number, class: 14, state: 1, text: "No.".into(), database: None, needs: None };
            Sql::Refused { refusal, fault: Fault::Other }
        };
        let invisible = Sql::Invisible { what: "it".into(), right: "VIEW SERVER SECURITY STATE" };
        let timeout = Sql::Timeout { server: "mi".into(), seconds: 1 };
        for (error, names) in [(refused(300), true), (invisible, true), (refused(208), false), (timeout, false)] {
            let said = unseen(error).diagnose(&ServerIdentity::attributes());
            let detail = &said.0[0].detail;
            assert_eq!(detail.contains("VIEW SERVER STATE") && detail.contains("unconfirmed"), names, "{detail}");
        }
    }
}
