//! The Fabric REST API, as far as mirroring a Managed Instance needs it: workspaces, folders and roles, capacities,
//! gateways, connections, mirrored databases, items, the recycle bin, operations, quotas.
//!
//! Follows `fabric-api facts`; what was observed on real tenants (its §11) outranks the documentation, and what no
//! source describes is refused. A handler reads top to bottom: who may, what is asked, what happens, the answer.
//!
//! Choices that no source confirms, each marked UNCONFIRMED where it is made:
//!
//! | choice | where |
//! |---|---|
//! | 403 `InsufficientPrivileges` without a role, `InsufficientWorkspaceRole` with too low a one, 404 `WorkspaceNotFound` | [`Fabric::workspace`] |
//! | last admin and last owner protected with `InvalidWorkspacePrincipalRole` and `BadRequest`; unknown assignments are `EntityNotFound` | [`workspaces`], [`connections`] |
//! | changing and deleting a connection needs Owner; `IncorrectCredentials` is 400; another credential type is `CannotUpdateCredentialType` | [`connections`] |
//! | from the cloud the private host name is unreachable (`CreateGatewayConnectionFailed`) | [`crate::mirroring::conditions`] |
//! | generic SQL connection refused with 400 `InvalidConnectionInformation` at create and updateDefinition; so is another database than the connection's | [`mirrored_databases`] |
//! | `mountedTables: []` refused; format `Default` accepted | [`definition`] |
//! | start outside Initialized and Stopped, stop outside Running and Paused: 400 `OperationNotAllowedInCurrentStatus` | [`crate::mirroring`] |
//! | updateDefinition while Initializing is always 400 `MirroredDatabaseNotReady` (seen: sometimes) | [`mirrored_databases`] |
//! | names taken: 409 | [`mirrored_databases`] |

pub mod assignments;
pub mod connection_kinds;
pub mod connection_requests;
pub mod connections;
pub mod data_access_roles;
pub mod definition;
pub mod error;
pub mod folders;
pub mod gateway_keys;
pub mod gateways;
pub mod items;
pub mod mirrored_databases;
pub mod operations;
pub mod quotas;
pub mod races;
pub mod recoverable_items;
pub mod reply;
pub mod roles;
pub mod server;
pub mod store;
pub mod tenant;
pub mod workspace_changes;
pub mod workspace_roles;
pub mod workspaces;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::entra::{Caller, FABRIC, POWER_BI, TokenError, Verifier};
use crate::mirroring::conditions::{Link, Setup};
use crate::rest::PausedCapacity;
use crate::rest::Rest;
use crate::tenant::{Host, Tenant};
use emulator_ground::clock::{Clock, Position};
use emulator_ground::source::{Restore, Source, Writing};
use emulator_ground::world::{CapacityState, Standing, World};
use error::ApiError;
use gateway_keys::GatewayKeys;
use quotas::Quotas;
use races::Races;
use roles::{ConnectionRole, WorkspaceRole, effective};
use server::Endpoint;
use store::{Connection, Store, Workspace};

/// The service. Shared by its handlers, the control interface and the ticker.
pub struct Fabric {
    pub tenant: Arc<Tenant>,
    pub clock: Arc<Clock>,
    pub world: World,
    /// The first of the instances.
    pub source: Arc<dyn Source>,
    pub instances: Vec<Served>,
    pub gateway_keys: GatewayKeys,
    pub verifier: Verifier,
    /// `https://localhost:PORT`, where Location and continuationUri point.
    pub endpoint: String,
    store: Mutex<Store>,
    rest: Mutex<Rest>,
    quotas: Quotas,
    races: Races,
    /// For how long its time stood still: it goes on from the moment of a snapshot when that is restored.
    lag: Mutex<Duration>,
}

/// An instance that is served.
#[derive(Clone)]
pub struct Served {
    pub host: Host,
    pub source: Arc<dyn Source>,
    /// On loopback. After the first, those it had in other processes: connections may still name them.
    pub ports: Vec<u16>,
}

impl Served {
    pub fn port(&self) -> u16 {
        self.ports[0]
    }
}

/// What [`Fabric::restore`] brings back.
/// No `Debug`: it holds credentials.
pub struct Snapshot {
    sql: Vec<Restore>,
    store: Store,
    rest: Rest,
    world: Standing,
    taken: Duration,
}

/// What is written to a file of the service, and how the world stood. Times are those of [`Fabric::now`].
/// No `Debug`: it holds credentials.
#[derive(Serialize, Deserialize)]
pub struct Kept {
    store: Store,
    rest: Rest,
    lag: Duration,
    world: Standing,
}

/// What a handler gets.
type Service = State<Arc<Fabric>>;

impl Fabric {
    pub fn new(
        tenant: Arc<Tenant>,
        clock: Arc<Clock>,
        world: World,
        instances: Vec<Served>,
        gateway_keys: GatewayKeys,
        verifier: Verifier,
        endpoint: String,
    ) -> Self {
        let store = Mutex::new(Store::new(&tenant));
        let rest = Mutex::new(tenant.rest.clone());
        let source = instances[0].source.clone();
        Self {
            tenant,
            clock,
            world,
            source,
            instances,
            gateway_keys,
            verifier,
            endpoint,
            store,
            rest,
            quotas: Quotas::default(),
            races: Races::default(),
            lag: Mutex::default(),
        }
    }

    /// The store, brought up to the present.
    pub fn store(&self) -> MutexGuard<'_, Store> {
        let mut store = lock(&self.store);
        self.settle(&mut store);
        store
    }

    /// Back to the beginning, with the instances and the world: nobody sees, and no file keeps, half of it.
    pub fn reset(&self, beginning: &Standing) {
        let mut store = lock(&self.store);
        *store = Store::new(&self.tenant);
        *lock(&self.rest) = self.tenant.rest.clone();
        self.quotas.clear();
        self.world.set(beginning.clone());
        self.sources().for_each(|source| source.reset());
    }

    /// The instances.
    pub fn sources(&self) -> impl Iterator<Item = &Arc<dyn Source>> {
        self.instances.iter().map(|served| &served.source)
    }

    /// All that the service and its instances know now.
    ///
    /// # Errors
    /// See [`Source::snapshot`].
    pub fn snapshot(&self) -> Result<Snapshot, String> {
        let store = self.store();
        let sql = self.sources().map(|source| source.snapshot()).collect::<Result<_, _>>()?;
        Ok(Snapshot { sql, store: store.clone(), rest: self.rest(), world: self.world.standing(), taken: self.now() })
    }

    /// Back to a snapshot. The clock does not go back: what was to take a minute then takes a minute from now on.
    ///
    /// # Errors
    /// An instance failed to make its rows anew.
    pub fn restore(&self, snapshot: &Snapshot) -> Result<(), String> {
        let mut store = lock(&self.store);
        self.world.set(snapshot.world.clone());
        snapshot.sql.iter().try_for_each(|restore| restore())?;
        *store = snapshot.store.clone();
        *lock(&self.rest) = snapshot.rest.clone();
        *lock(&self.lag) = self.clock.elapsed().saturating_sub(snapshot.taken);
        Ok(())
    }

    /// All that the service and its instances know now, and where the clock stands.
    ///
    /// # Errors
    /// See [`Source::write_down`].
    pub fn write_down(&self) -> Result<(Kept, Vec<Writing>, Position), String> {
        let store = self.store();
        let sql = self.sources().map(|source| source.write_down()).collect::<Result<_, _>>()?;
        let kept = Kept { store: store.clone(), rest: self.rest(), lag: self.lag(), world: self.world.standing() };
        Ok((kept, sql, self.clock.position()))
    }

    /// Goes on where another process ended; its instances do already.
    pub fn read_back(&self, kept: Kept) {
        *lock(&self.store) = kept.store;
        *lock(&self.rest) = kept.rest;
        *lock(&self.lag) = kept.lag;
        self.world.set(kept.world);
    }

    /// How it behaves where real tenants differ.
    pub fn rest(&self) -> Rest {
        lock(&self.rest).clone()
    }

    pub fn set_rest(&self, rest: Rest) {
        *lock(&self.rest) = rest;
    }

    /// Time since the service began.
    pub fn now(&self) -> Duration {
        self.clock.elapsed().saturating_sub(self.lag())
    }

    /// The virtual moment of such a time.
    pub fn at(&self, time: Duration) -> jiff::Timestamp {
        self.clock.at(time + self.lag())
    }

    /// How far [`Self::now`] is behind the clock.
    pub fn lag(&self) -> Duration {
        *lock(&self.lag)
    }

    /// Lets every mirror do what was due until now.
    pub fn tick(&self) {
        drop(self.store());
    }

    fn settle(&self, store: &mut Store) {
        let now = self.now();
        store.reserved.retain(|name| name.until > now);
        self.settle_bins(store, now);
        for workspace in &mut store.workspaces {
            let is_gone = workspace.identity.and_then(|identity| identity.gone).is_some_and(|gone| now >= gone);
            if is_gone {
                workspace.identity = None;
            }
        }
        for index in 0..store.mirrors.len() {
            self.place(store, index);
            let setup = self.setup(store, index);
            store.mirrors[index].mirror.settle(now, &setup);
        }
    }

    /// Which instance a mirror feeds from: that of its connection, and once that is deleted still the same.
    fn place(&self, store: &mut Store, index: usize) {
        let definition = store.mirrors[index].definition.as_ref();
        let connection = definition.and_then(|definition| store.connection(definition.connection));
        if let Some((instance, _)) = connection.and_then(|connection| server::find(&connection.server, &self.instances))
        {
            store.mirrors[index].instance = instance;
        }
    }

    fn setup(&self, store: &Store, index: usize) -> Setup<'_> {
        let mirrored = &store.mirrors[index];
        let definition = mirrored.definition.as_ref();
        let served = &self.instances[mirrored.instance];
        let identity = served.host.identity;
        Setup {
            source: &*served.source,
            facts: self.world.of(mirrored.instance).facts(),
            rest: self.rest(),
            unfit: definition
                .and_then(|definition| mirrored_databases::unfit(definition, store.connection(definition.connection)?)),
            connection: definition
                .and_then(|definition| store.connection(definition.connection))
                .and_then(|connection| Some(self.link(store, connection, connection.database.clone()?))),
            listed: definition.and_then(|definition| definition.tables.clone()),
            identity_role: self.role_on(store, mirrored, identity),
        }
    }

    /// How a mirror or a test of the connection gets to a database.
    fn link(&self, store: &Store, connection: &Connection, database: String) -> Link {
        let gateway = connection.connectivity.gateway();
        Link {
            endpoint: self.reach(store, connection).map_or(Endpoint::Elsewhere, |found| found.1),
            through_gateway: connection.connectivity.through_gateway(),
            gateway_is_off: store.gateways.iter().any(|known| known.id == gateway && known.is_off),
            database,
            login: connection.credential.login.clone(),
        }
    }

    /// The instance a connection leads to, and how; nowhere when its gateway is gone.
    fn reach(&self, store: &Store, connection: &Connection) -> Option<(usize, Endpoint)> {
        let gateway = connection.connectivity.gateway();
        let is_there = store.gateways.iter().any(|known| known.id == gateway);
        if connection.connectivity.through_gateway() && !is_there {
            return None;
        }
        server::find(&connection.server, &self.instances)
    }

    /// The workspace, if the caller holds at least `role` there.
    ///
    /// # Errors
    /// 404 `WorkspaceNotFound`, 403 `InsufficientPrivileges` without a role and `InsufficientWorkspaceRole` with too
    /// low a one. UNCONFIRMED which of the codes the service uses where.
    pub fn workspace<'s>(
        &self,
        store: &'s Store,
        id: Uuid,
        caller: &Caller,
        role: WorkspaceRole,
    ) -> Result<&'s Workspace, ApiError> {
        let workspace = store
            .workspace(id)
            .ok_or_else(|| ApiError::not_found("WorkspaceNotFound", "The requested workspace was not found"))?;
        match effective(&workspace.roles, caller.object_id, &self.tenant.directory) {
            None => Err(ApiError::no_access().about(id, "Workspace")),
            Some(held) if held < role => {
                let text = format!("The caller needs at least the role {role:?} in the workspace and has {held:?}");
                Err(ApiError::forbidden("InsufficientWorkspaceRole", text).about(id, "Workspace"))
            }
            Some(_) => Ok(workspace),
        }
    }

    /// The workspace as [`Self::workspace`], for a call that touches its items.
    ///
    /// # Errors
    /// Also `CapacityNotActive` while its capacity is paused ([`PausedCapacity`]).
    pub fn item_workspace<'s>(
        &self,
        store: &'s Store,
        id: Uuid,
        caller: &Caller,
        role: WorkspaceRole,
    ) -> Result<&'s Workspace, ApiError> {
        let workspace = self.workspace(store, id, caller, role)?;
        if workspace.capacity_id.is_none() {
            let text = "The workspace has no capacity assigned";
            return Err(ApiError::bad_request("WorkspaceHasNoCapacityAssigned", text));
        }
        if self.world.facts().capacity_state == CapacityState::Inactive {
            let paused = ApiError::not_found("CapacityNotActive", "The capacity is not active");
            return Err(match self.rest().paused_capacity {
                PausedCapacity::NotFound => paused,
                PausedCapacity::NotFoundWithoutBody => paused.without_body(),
                PausedCapacity::Unavailable => paused.with_status(StatusCode::SERVICE_UNAVAILABLE),
            });
        }
        Ok(workspace)
    }

    /// The caller's role on a connection.
    pub fn connection_role(&self, connection: &Connection, caller: &Caller) -> Option<ConnectionRole> {
        effective(&connection.roles, caller.object_id, &self.tenant.directory)
    }
}

/// A panic in a handler is answered 500 by nobody and must not take the service down with it.
fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The service's routes. Paths are matched without case (facts §11) by lowering them first; ids do not mind.
pub fn router(fabric: Arc<Fabric>) -> Router {
    Router::new()
        .merge(workspaces::routes())
        .merge(workspace_changes::routes())
        .merge(workspace_roles::routes())
        .merge(tenant::routes())
        .merge(gateways::routes())
        .merge(connections::routes())
        .merge(mirrored_databases::routes())
        .merge(items::routes())
        .merge(recoverable_items::routes())
        .merge(data_access_roles::routes())
        .merge(folders::routes())
        .merge(operations::routes())
        .fallback(unknown_endpoint)
        .method_not_allowed_fallback(unknown_endpoint)
        .layer(middleware::from_fn_with_state(fabric.clone(), authenticate))
        .layer(middleware::from_fn(reply::finish))
        .with_state(fabric)
}

/// To be layered around a router that has [`router`] as its fallback: a router's layers run after its own routing.
pub async fn lower_path(mut request: Request, next: Next) -> Response {
    if request.uri().path().bytes().any(|byte| byte.is_ascii_uppercase()) {
        let path = request.uri().path().to_ascii_lowercase();
        let path_and_query = match request.uri().query() {
            Some(query) => format!("{path}?{query}"),
            None => path,
        };
        if let Ok(uri) = Uri::try_from(path_and_query) {
            let original = reply::OriginalPath(request.uri().path().to_owned());
            request.extensions_mut().insert(original);
            *request.uri_mut() = uri;
        }
    }
    next.run(request).await
}

async fn unknown_endpoint() -> ApiError {
    ApiError::not_found("EndpointNotFound", "The requested resource could not be found")
}

/// Every call needs a token for this API, or for Power BI's, which is the same service. facts §8.2, §8.4; UNCONFIRMED the
/// text for another audience.
async fn authenticate(State(fabric): Service, mut request: Request, next: Next) -> Response {
    let unauthorized = |code, text: &str| ApiError::new(StatusCode::UNAUTHORIZED, code, text).into_response();
    let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(header) = header else { return unauthorized("TokenIsMissing", "The access token is missing") };
    let token = match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer") => token.trim(),
        _ => return unauthorized("InvalidToken", "The authorization header is not a bearer token"),
    };
    match fabric.verifier.verify_for(token, &[FABRIC, POWER_BI]) {
        Ok(caller) => {
            if let Err(blocked) = fabric.quotas.count(&fabric.rest(), &fabric.clock, caller.object_id, &request) {
                return *blocked;
            }
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(TokenError::Expired) => {
            unauthorized("TokenExpired", "Access token has expired, resubmit with a new access token")
        }
        Err(error) => unauthorized("InvalidToken", &format!("Access token is not valid: {error}")),
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let missing = || ApiError::new(StatusCode::UNAUTHORIZED, "TokenIsMissing", "The access token is missing");
        parts.extensions.get::<Self>().cloned().ok_or_else(missing)
    }
}
