//! Whether the service makes such a connection: its own lists decide. What they say goes before what was written down when
//! this provider was made.

use fabric_api::GatewayId;
use fabric_api::connections::{ConnectionEncryption, ConnectionType, SQL_MANAGED_INSTANCE};
use fabric_api::gateways::GatewayKind;
use tfplugin::{Diagnostic, Text, Value, Word, path};

use super::login::Blocks;
use super::{Connection, route};
use crate::error::Result;
use crate::provider::FabricMirror;

/// What is asked of the service, as far as it is known.
pub struct Wish {
    pub gateway: Value<Text<GatewayId>>,
    pub blocks: Blocks,
    pub encryption: Value<Word>,
    pub test: Value<bool>,
}

impl Wish {
    /// Says beforehand what the service will not take. What cannot be asked decides nothing.
    pub async fn check(&self, provider: &FabricMirror) -> Result<()> {
        let gateway = match &self.gateway {
            Value::Known(id) => Some(*id.value()),
            Value::Null => None,
            _ => return Ok(()),
        };
        let Ok(view) = provider.view() else { return Ok(()) };
        if let Some(gateway) = gateway
            && let Ok(gateways) = view.gateways().await
        {
            let Some(found) = gateways.iter().find(|it| it.id == gateway) else {
                return Err(route::not_visible(gateway, &gateways).into());
            };
            if let Some(refusal) = route::refusal(found) {
                return Err(refusal.into());
            }
            if found.kind == GatewayKind::OnPremises {
                self.refuse_references()?;
            }
        }
        match view.connection_type(gateway).await.as_deref() {
            Ok(Some(offered)) => self.refuse_beyond(offered),
            Ok(None) => Err(Diagnostic::error(
                "Fabric offers no such connection here",
                format!(
                    "Its list of supported connection types is without `{SQL_MANAGED_INSTANCE}`{}.",
                    if gateway.is_some() { " for this gateway: it may be too old" } else { "" }
                ),
            )
            .at(path!(Connection: gateway_id))
            .into()),
            Err(_) => Ok(()),
        }
    }

    fn refuse_references(&self) -> Result<()> {
        let Some(at) = self.blocks.reference() else { return Ok(()) };
        let detail = "Credentials for an on-premises gateway are encrypted for its machines, and Fabric describes no reference to \
                      a key vault among them. Give the secret itself.";
        Err(Diagnostic::error("An on-premises gateway takes no reference", detail).at(at).into())
    }

    fn refuse_beyond(&self, offered: &ConnectionType) -> Result<()> {
        if let Some(objection) = offered.objection() {
            return Err(Diagnostic::error(
                "Fabric makes such connections in another way by now",
                format!(
                    "In its list of supported connection types, `{SQL_MANAGED_INSTANCE}` has changed: {objection}. A newer \
                     version of this provider is needed."
                ),
            )
            .into());
        }
        let kinds = &offered.supported_credential_types;
        if let Some((kind, at)) = self.blocks.kind()
            && !kinds.contains(&kind)
        {
            let kinds: Vec<_> = kinds.iter().map(|kind| format!("`{kind}`")).collect();
            return Err(Diagnostic::error(
                "Fabric does not offer this kind of credentials",
                format!(
                    "For connections of the type `{SQL_MANAGED_INSTANCE}` its list has {}, and no `{kind}`. `Basic` is \
                     `basic` here, `ServicePrincipal` is `service_principal`.",
                    kinds.join(", ")
                ),
            )
            .at(at)
            .into());
        }
        if let Value::Known(wanted) = &self.encryption
            && !offered.supported_connection_encryption_types.contains(&ConnectionEncryption::from(wanted.as_str()))
        {
            let detail = format!("Its list of supported connection types has no `{}` here.", wanted.as_str());
            return Err(Diagnostic::error("Fabric does not offer this encryption", detail)
                .at(path!(Connection: connection_encryption))
                .into());
        }
        if self.test == false.into() && !offered.can_skip_test {
            let detail =
                "Fabric can leave out the test of a connection of this type only through a gateway. Leave `test` out.";
            return Err(Diagnostic::error("The test cannot be left out", detail).at(path!(Connection: test)).into());
        }
        Ok(())
    }
}
