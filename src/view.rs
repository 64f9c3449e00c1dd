//! Fabric as a handler sees it. A refresh and the plan after it share one look: each list is read once, and so is what
//! stands in no list. It ends with the first change that this process sends: whoever applies a plan asks for the one thing
//! that is meant, now.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fabric_api::connections::{Connection, ConnectionType};
use fabric_api::definition::Definition;
use fabric_api::gateways::Gateway;
use fabric_api::mirrored_databases::{MirroredDatabase, MirroredTable, Mirroring};
use fabric_api::roles::{ConnectionRole, RoleAssignment, RoleScope, WorkspaceRole};
use fabric_api::workspaces::{Capacity, Workspace};
use fabric_api::{CapacityId, Client, ConnectionId, Error, GatewayId, ItemId, PrincipalId, Result, WorkspaceId};
use tfplugin::{Context, Diagnostic, path};

use crate::provider::FabricMirror;
use crate::resources::Replication;

/// A look at Fabric.
#[derive(Debug)]
pub struct View {
    fabric: Client,
    shared: bool,
    connections: Answers<(), Vec<Connection>>,
    mirrored_databases: Answers<WorkspaceId, Vec<MirroredDatabase>>,
    gateways: Answers<(), Vec<Gateway>>,
    connection_types: Answers<Option<GatewayId>, Option<ConnectionType>>,
    connection_roles: Answers<ConnectionId, Vec<RoleAssignment<ConnectionRole>>>,
    workspace_roles: Answers<WorkspaceId, Vec<RoleAssignment<WorkspaceRole>>>,
    workspaces: Answers<WorkspaceId, Workspace>,
    capacities: Answers<CapacityId, Option<Capacity>>,
    definitions: Answers<Item, Definition>,
    mirrorings: Answers<Item, Mirroring>,
    tables: Answers<Item, Vec<MirroredTable>>,
    paused: Mutex<HashMap<WorkspaceId, Error>>,
    pauses_said: Mutex<HashSet<WorkspaceId>>,
}

type Item = (WorkspaceId, ItemId);

impl View {
    /// Shared by everything that a process reads before it changes something.
    pub fn shared(fabric: Client) -> Self {
        Self { shared: true, ..Self::of_now(fabric) }
    }

    /// Whatever is asked, is asked now.
    pub fn of_now(fabric: Client) -> Self {
        Self {
            fabric,
            shared: false,
            connections: Answers::default(),
            mirrored_databases: Answers::default(),
            gateways: Answers::default(),
            connection_types: Answers::default(),
            connection_roles: Answers::default(),
            workspace_roles: Answers::default(),
            workspaces: Answers::default(),
            capacities: Answers::default(),
            definitions: Answers::default(),
            mirrorings: Answers::default(),
            tables: Answers::default(),
            paused: Mutex::default(),
            pauses_said: Mutex::default(),
        }
    }

    /// What was read once still counts.
    pub fn is_shared(&self) -> bool {
        self.shared && !self.fabric.has_changed()
    }

    /// An answer that is shared, where that still holds.
    async fn once<K: Eq + Hash, T>(
        &self,
        answers: &Answers<K, T>,
        key: K,
        ask: impl Future<Output = Result<T>>,
    ) -> Result<Arc<T>> {
        if self.is_shared() { answers.get(key, ask).await } else { ask.await.map(Arc::new) }
    }

    /// The same of something in a workspace that runs on a capacity: while that is paused it is not asked again.
    async fn once_in<K: Eq + Hash, T>(
        &self,
        workspace: WorkspaceId,
        answers: &Answers<K, T>,
        key: K,
        ask: impl Future<Output = Result<T>>,
    ) -> Result<Arc<T>> {
        let paused = lock(&self.paused).get(&workspace).cloned();
        if let Some(error) = paused.filter(|_| self.is_shared()) {
            return Err(error);
        }
        let answer = self.once(answers, key, ask).await;
        if let Err(error) = &answer
            && error.is_inactive_capacity()
        {
            lock(&self.paused).insert(workspace, error.clone());
        }
        answer
    }

    /// Every connection that the provider's identity sees.
    pub async fn connections(&self) -> Result<Arc<Vec<Connection>>> {
        self.once(&self.connections, (), self.fabric.connections()).await
    }

    /// `None`: it is gone for certain.
    pub async fn connection(&self, id: ConnectionId) -> Result<Option<Connection>> {
        if !self.is_shared() {
            return self.fabric.find_connection(id).await;
        }
        let listed = self.connections().await?.iter().find(|it| it.id == id).cloned();
        match listed {
            // A list may leave them out (fabric-api facts §4.4).
            Some(connection) if connection.credential_details.is_some() => Ok(Some(connection)),
            listed => or_listed(self.fabric.connection(id).await, listed),
        }
    }

    /// Those of a workspace.
    pub async fn mirrored_databases(&self, workspace: WorkspaceId) -> Result<Arc<Vec<MirroredDatabase>>> {
        let list = self.fabric.mirrored_databases(workspace);
        self.once_in(workspace, &self.mirrored_databases, workspace, list).await
    }

    /// `None`: it is gone for certain.
    pub async fn mirrored_database(&self, workspace: WorkspaceId, id: ItemId) -> Result<Option<MirroredDatabase>> {
        if !self.is_shared() {
            return self.fabric.find_mirrored_database(workspace, id).await;
        }
        match self.mirrored_databases(workspace).await?.iter().find(|it| it.id == id) {
            Some(item) => Ok(Some(item.clone())),
            None => or_listed(self.fabric.mirrored_database(workspace, id).await, None),
        }
    }

    pub async fn definition(&self, workspace: WorkspaceId, id: ItemId) -> Result<Arc<Definition>> {
        let ask = self.fabric.definition(workspace, id);
        self.once_in(workspace, &self.definitions, (workspace, id), ask).await
    }

    pub async fn mirroring(&self, workspace: WorkspaceId, id: ItemId) -> Result<Arc<Mirroring>> {
        let ask = self.fabric.mirroring(workspace, id);
        self.once_in(workspace, &self.mirrorings, (workspace, id), ask).await
    }

    pub async fn tables(&self, workspace: WorkspaceId, id: ItemId) -> Result<Arc<Vec<MirroredTable>>> {
        let ask = self.fabric.mirrored_tables(workspace, id);
        self.once_in(workspace, &self.tables, (workspace, id), ask).await
    }

    /// Every gateway that the provider's identity sees.
    pub async fn gateways(&self) -> Result<Arc<Vec<Gateway>>> {
        self.once(&self.gateways, (), self.fabric.gateways()).await
    }

    /// What connections to a SQL Managed Instance can be like, through the gateway or without.
    pub async fn connection_type(&self, gateway: Option<GatewayId>) -> Result<Arc<Option<ConnectionType>>> {
        self.once(&self.connection_types, gateway, self.fabric.connection_type(gateway)).await
    }

    /// Who has which role on a connection.
    pub async fn connection_roles(&self, id: ConnectionId) -> Result<Arc<Vec<RoleAssignment<ConnectionRole>>>> {
        self.once(&self.connection_roles, id, self.fabric.roles(id)).await
    }

    /// Who has which role in a workspace.
    pub async fn workspace_roles(&self, id: WorkspaceId) -> Result<Arc<Vec<RoleAssignment<WorkspaceRole>>>> {
        self.once_in(id, &self.workspace_roles, id, self.fabric.roles(id)).await
    }

    /// One of a list of roles that was shared; `None`: it is gone for certain.
    pub async fn role<S: RoleScope>(
        &self,
        scope: S,
        id: PrincipalId,
        shared: impl Future<Output = Result<Arc<Vec<RoleAssignment<S::Role>>>>>,
    ) -> Result<Option<RoleAssignment<S::Role>>> {
        if !self.is_shared() {
            return self.fabric.find_role(scope, id).await;
        }
        match shared.await?.iter().find(|it| it.id == id) {
            Some(role) => Ok(Some(role.clone())),
            None => or_listed(self.fabric.role(scope, id).await, None),
        }
    }

    pub async fn workspace(&self, id: WorkspaceId) -> Result<Arc<Workspace>> {
        self.once(&self.workspaces, id, self.fabric.workspace(id)).await
    }

    /// `None`: it is not there, or not visible.
    pub async fn capacity(&self, id: CapacityId) -> Result<Option<Capacity>> {
        let answer = self.once(&self.capacities, id, self.fabric.capacity(id)).await?;
        Ok(answer.as_ref().clone())
    }

    /// Says once of a workspace that nothing can be known of its objects now.
    pub fn warn_of_pause(&self, cx: &Context<FabricMirror>, workspace: WorkspaceId) {
        if !lock(&self.pauses_said).insert(workspace) {
            return;
        }
        cx.warn(
            Diagnostic::warning(
                "The workspace's capacity is paused",
                format!(
                    "Nothing can be read from workspace {workspace}, so what is in it is taken as it was last seen. Resume the \
                     capacity; mirroring does not continue by itself then."
                ),
            )
            .at(path!(Replication: workspace_id)),
        );
    }
}

/// What was read by itself, or what a list says of it when that is refused as if there was nothing: the list may be older
/// than the thing.
fn or_listed<T>(read: Result<T>, listed: Option<T>) -> Result<Option<T>> {
    match read {
        Err(error) if error.may_mean_gone() => Ok(listed),
        read => read.map(Some),
    }
}

/// Answers of the service by what was asked. That something failed is an answer too: the next one would fail the same way.
#[derive(Debug)]
struct Answers<K, T>(Mutex<HashMap<K, Arc<Cell<T>>>>);

type Cell<T> = tokio::sync::OnceCell<Result<Arc<T>>>;

impl<K, T> Default for Answers<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, T> Answers<K, T> {
    async fn get(&self, key: K, ask: impl Future<Output = Result<T>>) -> Result<Arc<T>> {
        let cell = lock(&self.0).entry(key).or_default().clone();
        cell.get_or_init(|| async { ask.await.map(Arc::new) }).await.clone()
    }
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}
