//! `fabricmirror_workspace`: where mirrors live, and whether anything runs there.

use fabric_api::WorkspaceId;
use tfplugin::{Context, DataSource, Model, Text, Value};

use super::lookup::{self, Wanted};
use crate::error::Result;
use crate::provider::FabricMirror;

/// A workspace, by its id or by its name.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct Workspace {
    /// Id of the workspace. This or `display_name`.
    #[attr(optional, computed, exactly_one_of = "display_name")]
    id: Value<Text<WorkspaceId>>,

    /// Its name.
    #[attr(optional, computed)]
    display_name: Value<String>,

    /// Its description; empty when it has none.
    #[attr(computed)]
    description: Value<String>,

    /// The capacity that it runs on; null without one, and then nothing can be mirrored into it.
    #[attr(computed)]
    capacity_id: Value<String>,

    /// Region of the capacity; null where the service does not say it.
    #[attr(computed)]
    capacity_region: Value<String>,

    /// `Active`, or `Inactive` while the capacity is paused. Null without a capacity, and where the provider's identity has
    /// no role on it: a workspace's administrator may not see its capacity.
    #[attr(computed)]
    capacity_state: Value<String>,

    /// The workspace's own identity in Entra; null without one.
    #[attr(computed)]
    identity: Value<Identity>,
}

/// An identity in Entra.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct Identity {
    /// Client id.
    #[attr(computed)]
    client_id: Value<String>,

    /// Object id of its enterprise application.
    #[attr(computed)]
    object_id: Value<String>,
}

impl DataSource for Workspace {
    const NAME: &'static str = "workspace";
    type Provider = FabricMirror;

    async fn read(cx: &Context<FabricMirror>, mut config: Self) -> Result<Self> {
        let fabric = cx.provider.fabric()?;
        let id = match (config.id.known(), config.display_name.known()) {
            (Some(id), _) => *id.value(),
            (None, name) => {
                let wanted = Wanted::<WorkspaceId>::Name(name.cloned().unwrap_or_default());
                let all = fabric.workspaces().await?;
                lookup::one("workspace", all, &wanted, |it| it.id, |it| Some(&it.display_name))?.id
            }
        };
        let found = match fabric.workspace(id).await {
            Err(error) if error.may_mean_gone() || error.code() == Some("WorkspaceNotFound") => {
                let wanted = Wanted::Id(id);
                lookup::one("workspace", fabric.workspaces().await?, &wanted, |it| it.id, |it| Some(&it.display_name))?
            }
            found => found?,
        };
        let state = match found.capacity_id {
            Some(capacity) => fabric.capacity(capacity).await.ok().flatten().map(|it| it.state.to_string()),
            None => None,
        };
        config.id.default_with(|| found.id.into());
        config.display_name.default_with(|| found.display_name.clone().into());
        let identity = found
            .workspace_identity
            .map(|it| Identity { client_id: it.application_id.into(), object_id: it.service_principal_id.into() });
        Ok(Self {
            id: config.id,
            display_name: config.display_name,
            description: found.description.unwrap_or_default().into(),
            capacity_id: found.capacity_id.map(|id| id.to_string()).into(),
            capacity_region: found.capacity_region.into(),
            capacity_state: state.into(),
            identity: identity.into(),
        })
    }
}
