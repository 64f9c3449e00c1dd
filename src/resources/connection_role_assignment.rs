//! `fabricmirror_connection_role_assignment`: who may use a connection, see it, and give it on.

use std::sync::Arc;

use fabric_api::roles::RoleAssignment;
use fabric_api::{ConnectionId, PrincipalId};
use tfplugin::{AttributePath, Change, Context, Model, Resource, Text, Value, Word, path};

use super::role_assignment::{self, Assignment, Parts, Principal, RoleOn};
use crate::error::Result;
use crate::import_id;
use crate::provider::FabricMirror;
use crate::view::View;

/// A principal's role on a connection.
///
/// A connection is seen by whoever has a role on it, and by nobody else: one that an application makes is invisible to the
/// people of its team until they are given one, in the portal too. Whoever makes a connection is its `Owner`.
///
/// A principal has one role on a connection. One that somebody else gave is never changed or taken over: it is imported.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct ConnectionRoleAssignment {
    /// The connection.
    #[attr(required, replace)]
    connection_id: Text<ConnectionId>,

    /// Who gets the role.
    #[attr(required)]
    principal: Principal,

    /// The role: `User` uses the connection, `UserWithReshare` lets others use it too, `Owner` may do everything.
    #[attr(required, one_of = ["User", "UserWithReshare", "Owner"])]
    role: Word,

    /// Id of the assignment.
    #[attr(computed)]
    id: Value<Text<PrincipalId>>,

    /// The principal's type as the service gives it back.
    #[attr(computed)]
    principal_type: Value<String>,
}

impl Assignment for ConnectionRoleAssignment {
    type Scope = ConnectionId;
    const PLACE: &'static str = "on the connection";

    fn parts(&self) -> Parts<ConnectionId> {
        Parts {
            scope: *self.connection_id.value(),
            principal: self.principal.clone(),
            role: self.role.clone(),
            id: self.id.clone(),
            principal_type: self.principal_type.clone(),
        }
    }

    fn from_parts(parts: Parts<ConnectionId>) -> Self {
        Self {
            connection_id: parts.scope.into(),
            principal: parts.principal,
            role: parts.role,
            id: parts.id,
            principal_type: parts.principal_type,
        }
    }

    fn principal_of(draft: &mut ConnectionRoleAssignmentDraft) -> &mut Value<Principal> {
        &mut draft.principal
    }

    fn at() -> AttributePath {
        path!(ConnectionRoleAssignment: principal)
    }

    async fn shared(view: &View, scope: ConnectionId) -> fabric_api::Result<Arc<Vec<RoleAssignment<RoleOn<Self>>>>> {
        view.connection_roles(scope).await
    }

    /// A connection that is deleted takes its roles along, and then no list of them is left to prove it.
    async fn is_scope_gone(provider: &FabricMirror, scope: ConnectionId) -> Result<bool> {
        Ok(provider.fabric()?.find_connection(scope).await?.is_none())
    }
}

impl Resource for ConnectionRoleAssignment {
    const NAME: &'static str = "connection_role_assignment";
    type Provider = FabricMirror;

    fn in_state(provider: &FabricMirror, state: &Self) {
        provider.ledger().note(role_assignment::key(state));
    }

    async fn plan(cx: &Context<FabricMirror>, change: &mut Change<Self>) -> Result<()> {
        role_assignment::plan(cx, change).await
    }

    async fn create(cx: &Context<FabricMirror>, plan: Self) -> Result<Self> {
        role_assignment::create(cx, plan).await
    }

    async fn read(cx: &Context<FabricMirror>, state: Self) -> Result<Option<Self>> {
        role_assignment::read(cx, state).await
    }

    async fn update(cx: &Context<FabricMirror>, prior: Self, plan: Self) -> Result<Self> {
        role_assignment::update(cx, prior, plan).await
    }

    async fn delete(cx: &Context<FabricMirror>, state: Self) -> Result<()> {
        role_assignment::delete(cx, state).await
    }

    async fn import(cx: &Context<FabricMirror>, id: &str) -> Result<Self> {
        let [connection, assignment] = import_id::split(id, import_id::CONNECTION_ROLE_ASSIGNMENT)?;
        let (connection, id) = (import_id::parse(&connection)?, import_id::parse(&assignment)?);
        role_assignment::import(cx, connection, id).await
    }
}
