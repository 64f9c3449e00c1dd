//! Mirrored databases: the item, its definition, start, stop and status. fabric-api facts §1, §2, §11.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::connection_kinds::ConnectionKind;
use super::data_access_roles::DataAccessRole;
use super::definition::{Definition, Envelope, Given, Part, check_format};
use super::error::{ApiError, ErrorBody};
use super::folders::Below;
use super::reply::{Body, Empty, Ids, Page, Query, optional_id};
use super::roles::WorkspaceRole;
use super::store::{Connection, MirroredDatabase, ReservedName, Store};
use super::{Fabric, Service};
use crate::entra::Caller;
use crate::mirroring::{Mirror, Status};
use crate::rest::{ConnectionChecked, RepeatedOrders};

/// Enforced by clients for every item; the service's own limit is UNCONFIRMED (§8.5).
const LONGEST_NAME: usize = 123;
const LONGEST_DESCRIPTION: usize = 256;
const ITEM: &str = "/v1/workspaces/{workspaceId}/mirroreddatabases/{mirroredDatabaseId}";

pub fn routes() -> Router<Arc<Fabric>> {
    Router::new()
        .route("/v1/workspaces/{workspaceId}/mirroreddatabases", get(list).post(create))
        .route(ITEM, get(read).patch(update).delete(remove))
        .route(&format!("{ITEM}/getdefinition"), post(get_definition))
        .route(&format!("{ITEM}/updatedefinition"), post(update_definition))
        .route(&format!("{ITEM}/startmirroring"), post(start))
        .route(&format!("{ITEM}/stopmirroring"), post(stop))
        .route(&format!("{ITEM}/getmirroringstatus"), post(status))
        .route(&format!("{ITEM}/gettablesmirroringstatus"), post(table_status))
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemAnswer {
    pub id: Uuid,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub display_name: String,
    /// `""` when unset, since April 2026 (§11).
    pub description: String,
    pub workspace_id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder_id: Option<Uuid>,
    /// Missing from every answer to a create, and there at the first look (§11).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sensitivity_label: Option<LabelAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub properties: Option<PropertiesAnswer>,
}

/// Its key was `sensitivityLabelId` until April 2026 (§11).
#[derive(Debug, Clone, Serialize)]
pub struct LabelAnswer {
    id: Uuid,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PropertiesAnswer {
    one_lake_tables_path: Option<String>,
    sql_endpoint_properties: SqlEndpointAnswer,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_schema: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct SqlEndpointAnswer {
    connection_string: Option<String>,
    id: Option<Uuid>,
    provisioning_status: &'static str,
}

impl MirroredDatabase {
    /// Without `properties`: what a create and the generic items routes answer.
    pub fn item_answer(&self) -> ItemAnswer {
        ItemAnswer {
            id: self.id,
            kind: "MirroredDatabase",
            display_name: self.display_name.clone(),
            description: self.description.clone(),
            workspace_id: self.workspace_id,
            folder_id: self.folder_id,
            sensitivity_label: None,
            properties: None,
        }
    }

    fn answer(&self) -> ItemAnswer {
        let ready = self.mirror.status() != Status::Initializing;
        let properties = PropertiesAnswer {
            one_lake_tables_path: ready
                .then(|| format!("https://onelake.dfs.fabric.microsoft.com/{}/{}/Tables", self.workspace_id, self.id)),
            sql_endpoint_properties: SqlEndpointAnswer {
                connection_string: ready.then(|| {
                    let id = self.sql_endpoint_id.simple();
                    format!("{id}-{}.datawarehouse.fabric.microsoft.com", self.workspace_id.simple())
                }),
                id: ready.then_some(self.sql_endpoint_id),
                provisioning_status: if ready { "Success" } else { "InProgress" },
            },
            default_schema: self.definition.as_ref().and_then(|definition| definition.default_schema.clone()),
        };
        let sensitivity_label = self.sensitivity_label.map(|id| LabelAnswer { id });
        ItemAnswer { sensitivity_label, properties: Some(properties), ..self.item_answer() }
    }
}

/// An item with the empty tag that items carry (§11).
pub fn tagged(answer: impl Serialize) -> Response {
    ([("etag", "")], Json(answer)).into_response()
}

async fn list(
    State(fabric): Service,
    caller: Caller,
    Ids([workspace]): Ids<1>,
    query: Query,
) -> Result<Json<Page<ItemAnswer>>, ApiError> {
    let store = fabric.store();
    fabric.item_workspace(&store, workspace, &caller, WorkspaceRole::Viewer)?;
    let below = Below::read(&query, &store, workspace)?;
    let own = store.mirrors.iter().filter(|item| item.workspace_id == workspace);
    let own = own.filter(|item| fabric.sees(&store, item, caller.object_id));
    let all = own.filter(|item| below.holds(&store, item.folder_id)).map(MirroredDatabase::answer);
    Ok(Json(query.page(&fabric.endpoint, fabric.rest().page_size, all.collect())?))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateRequest {
    /// Nothing describes it here, and Microsoft's own command line sends it (recorded in 41 of 41, §11).
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub display_name: Option<String>,
    pub description: Option<String>,
    #[serde(default, deserialize_with = "optional_id")]
    pub folder_id: Option<Uuid>,
    pub definition: Option<Envelope>,
    pub sensitivity_label_settings: Option<LabelSettings>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LabelSettings {
    label_id: Uuid,
    #[serde(default, rename = "sensitivityLabelApplyStrategy")]
    _strategy: Option<String>,
}

async fn create(
    State(fabric): Service,
    caller: Caller,
    Ids([workspace]): Ids<1>,
    Body(request): Body<CreateRequest>,
) -> Result<Response, ApiError> {
    fabric.make_mirrored_database(workspace, &caller, request).await
}

impl Fabric {
    /// Mirroring does not start by itself (§11).
    ///
    /// # Errors
    /// As documented for the create, and what [`Definition`] and the connection are refused for.
    pub fn create_mirrored_database(
        &self,
        store: &mut Store,
        workspace: Uuid,
        caller: &Caller,
        request: CreateRequest,
    ) -> Result<ItemAnswer, ApiError> {
        self.item_workspace(store, workspace, caller, WorkspaceRole::Contributor)?;
        if let Some(other) = request.kind.filter(|kind| kind != "MirroredDatabase") {
            // Only that type was recorded here; that another one is refused, and with this code, is UNCONFIRMED.
            let text = format!("Items of the type '{other}' cannot be created here");
            return Err(ApiError::bad_request("InvalidItemType", text));
        }
        let display_name = request.display_name.ok_or_else(|| ApiError::required("DisplayName"))?;
        check_name(&display_name)?;
        let description = request.description.unwrap_or_default();
        check_description(&description)?;
        store.check_folder(workspace, request.folder_id)?;
        let rest = self.rest();
        let sensitivity_label = match request.sensitivity_label_settings {
            Some(settings) if rest.sensitivity_labels.contains(&settings.label_id) => Some(settings.label_id),
            // The code is UNCONFIRMED.
            Some(_) => return Err(ApiError::invalid_parameter("The sensitivity label was not found in the tenant")),
            None => rest.default_sensitivity_label,
        };
        // A bare create succeeds, although the specification requires a definition (§11).
        let definition = request.definition.map(Envelope::read).transpose()?.map(|given| given.definition);
        if let Some(definition) = &definition {
            self.check_connection(store, definition, caller)?;
        }
        self.check_free(store, workspace, &display_name, None)?;
        let now = self.now();
        let id = Uuid::new_v4();
        let item = MirroredDatabase {
            id,
            workspace_id: workspace,
            display_name,
            description,
            created: now,
            sql_endpoint_id: Uuid::new_v4(),
            folder_id: request.folder_id,
            sensitivity_label,
            instance: 0,
            definition,
            mirror: Mirror::new(now),
            data_access_roles: vec![DataAccessRole::default_reader(workspace, id)],
            hidden_from: Vec::new(),
        };
        let answer = item.item_answer();
        store.bind(item.definition.as_ref(), caller.object_id, now);
        store.mirrors.push(item);
        Ok(answer)
    }

    /// The connection must exist, be visible to the caller, and be of the kind for Managed Instances (§4.1: stated
    /// for the portal; that the API refuses it too, with this code, is UNCONFIRMED). Which database wins when the
    /// definition names another than the connection is UNCONFIRMED, so that is refused.
    fn check_connection(&self, store: &Store, definition: &Definition, caller: &Caller) -> Result<(), ApiError> {
        let invalid = |text: String| ApiError::bad_request("InvalidConnectionInformation", text);
        let connection = store
            .connection(definition.connection)
            .filter(|connection| self.connection_role(connection, caller).is_some())
            .ok_or_else(|| {
                invalid(format!(
                    "The connection {} does not exist, or the caller may not use it",
                    definition.connection
                ))
            })?;
        match unfit(definition, connection) {
            Some(text) if self.rest().connection_checked == ConnectionChecked::WhenGiven => Err(invalid(text)),
            _ => Ok(()),
        }
    }

    /// A name is taken per workspace and item type, and for a while after a delete (§8.6, §11).
    pub fn check_free(&self, store: &Store, workspace: Uuid, name: &str, own: Option<Uuid>) -> Result<(), ApiError> {
        let same = |other: &str| other.to_lowercase() == name.to_lowercase();
        let taken = |item: &MirroredDatabase| {
            item.workspace_id == workspace && Some(item.id) != own && same(&item.display_name)
        };
        let returning = store.recoverable.iter().filter(|binned| binned.back.is_some()).map(|binned| &binned.item);
        if store.mirrors.iter().chain(returning).any(taken) {
            let text = format!("Requested '{name}' is already in use");
            return Err(ApiError::conflict("ItemDisplayNameAlreadyInUse", text));
        }
        let reserved =
            |name: &ReservedName| name.workspace_id == workspace && Some(name.item) != own && same(&name.display_name);
        if store.reserved.iter().any(reserved) {
            let text = format!(
                "Requested '{name}' is not available yet and is expected to become available in the upcoming minutes"
            );
            let status = StatusCode::from_u16(self.rest().name_reserved_status).unwrap_or(StatusCode::CONFLICT);
            return Err(ApiError::new(status, "ItemDisplayNameNotAvailableYet", text).retriable(true));
        }
        Ok(())
    }

    /// Position of the item, if the caller may do this to it.
    ///
    /// # Errors
    /// As [`Fabric::item_workspace`], and 404 `ItemNotFound`.
    pub fn find_mirror(
        &self,
        store: &Store,
        [workspace, item]: [Uuid; 2],
        caller: &Caller,
        role: WorkspaceRole,
    ) -> Result<usize, ApiError> {
        self.item_workspace(store, workspace, caller, role)?;
        store
            .mirrors
            .iter()
            .position(|mirror| mirror.workspace_id == workspace && mirror.id == item)
            .filter(|place| self.sees(store, &store.mirrors[*place], caller.object_id))
            .ok_or_else(|| ApiError::not_found("ItemNotFound", "The requested item was not found").about(item, "Item"))
    }
}

fn check_name(name: &str) -> Result<(), ApiError> {
    if name.trim().is_empty() {
        return Err(ApiError::required("DisplayName"));
    }
    if name.chars().count() > LONGEST_NAME {
        return Err(ApiError::invalid_parameter(format!("DisplayName must have at most {LONGEST_NAME} characters.")));
    }
    Ok(())
}

fn check_description(description: &str) -> Result<(), ApiError> {
    if description.chars().count() > LONGEST_DESCRIPTION {
        let text = format!("Description must have at most {LONGEST_DESCRIPTION} characters.");
        return Err(ApiError::invalid_parameter(text));
    }
    Ok(())
}

async fn read(State(fabric): Service, caller: Caller, Ids(ids): Ids<2>) -> Result<Response, ApiError> {
    let store = fabric.store();
    let index = fabric.find_mirror(&store, ids, &caller, WorkspaceRole::Viewer)?;
    Ok(tagged(store.mirrors[index].answer()))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateRequest {
    pub display_name: Option<String>,
    pub description: Option<String>,
}

async fn update(
    State(fabric): Service,
    caller: Caller,
    Ids(ids): Ids<2>,
    Body(request): Body<UpdateRequest>,
) -> Result<Response, ApiError> {
    let mut store = fabric.store();
    let index = fabric.find_mirror(&store, ids, &caller, WorkspaceRole::Contributor)?;
    fabric.rename(&mut store, index, request)?;
    Ok(tagged(store.mirrors[index].answer()))
}

impl Fabric {
    /// # Errors
    /// 400 `InvalidRequest` when nothing is asked for; names and descriptions as in a create.
    pub fn rename(&self, store: &mut Store, index: usize, request: UpdateRequest) -> Result<(), ApiError> {
        if request.display_name.is_none() && request.description.is_none() {
            return Err(ApiError::bad_request("InvalidRequest", "Nothing to update was given"));
        }
        if let Some(name) = &request.display_name {
            check_name(name)?;
            let (workspace, id) = (store.mirrors[index].workspace_id, store.mirrors[index].id);
            self.check_free(store, workspace, name, Some(id))?;
        }
        request.description.as_deref().map_or(Ok(()), check_description)?;
        let item = &mut store.mirrors[index];
        item.display_name = request.display_name.unwrap_or_else(|| item.display_name.clone());
        item.description = request.description.unwrap_or_else(|| item.description.clone());
        Ok(())
    }
}

async fn remove(State(fabric): Service, caller: Caller, Ids(ids): Ids<2>, query: Query) -> Result<Empty, ApiError> {
    let mut store = fabric.store();
    let index = fabric.find_mirror(&store, ids, &caller, WorkspaceRole::Contributor)?;
    fabric.delete_item(&mut store, index, &caller, &query)
}

#[derive(Debug, Serialize)]
struct DefinitionAnswer {
    definition: DefinitionParts,
}

#[derive(Debug, Serialize)]
struct DefinitionParts {
    parts: Vec<Part>,
}

async fn get_definition(
    State(fabric): Service,
    caller: Caller,
    Ids(ids): Ids<2>,
    query: Query,
) -> Result<Response, ApiError> {
    let mut store = fabric.store();
    let index = fabric.find_mirror(&store, ids, &caller, WorkspaceRole::Contributor)?;
    fabric.answer_definition(&mut store, index, &caller, &query)
}

impl Fabric {
    /// # Errors
    /// 400 for a format that does not exist; 400 `MissingDefinition` after a bare create (UNCONFIRMED).
    pub fn answer_definition(
        &self,
        store: &mut Store,
        index: usize,
        caller: &Caller,
        query: &Query,
    ) -> Result<Response, ApiError> {
        check_format(query.get("format"))?;
        let item = &store.mirrors[index];
        let definition = item
            .definition
            .as_ref()
            .ok_or_else(|| ApiError::bad_request("MissingDefinition", "The mirrored database has no definition"))?;
        let parts = definition.parts(&item.display_name, &item.description);
        let answer = DefinitionAnswer { definition: DefinitionParts { parts } };
        if self.rest().long_running_definitions {
            let result = serde_json::to_value(answer).unwrap_or_default();
            return Ok(self.accept(store, caller, Some(result), super::operations::RETRY_AFTER));
        }
        Ok(Json(answer).into_response())
    }
}

/// Type, name and folder come along when Microsoft's command line sends the body of a create again; the service took
/// it, and changed the definition alone (recorded in 3 of 22, of notebooks).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DefinitionRequest {
    pub definition: Envelope,
    #[serde(rename = "type")]
    _kind: Option<String>,
    #[serde(rename = "displayName")]
    _display_name: Option<String>,
    #[serde(default, rename = "folderId", deserialize_with = "optional_id")]
    _folder_id: Option<Uuid>,
}

async fn update_definition(
    State(fabric): Service,
    caller: Caller,
    Ids(ids): Ids<2>,
    Body(request): Body<DefinitionRequest>,
) -> Result<Response, ApiError> {
    let mut store = fabric.store();
    let index = fabric.find_mirror(&store, ids, &caller, WorkspaceRole::Contributor)?;
    fabric.change_definition(&mut store, index, &caller, request, false)
}

impl Fabric {
    /// Replaces the definition. With `with_metadata` also name and description, from `.platform` (§6b).
    ///
    /// # Errors
    /// 400 for what is wrong with it; `MirroredDatabaseNotReady` while initializing (§11: seen "seconds after a
    /// create"); `OperationNotAllowedInCurrentStatus` when it moves the mirror in another status than Initialized or
    /// Stopped (§1.6; the code is UNCONFIRMED here).
    pub fn change_definition(
        &self,
        store: &mut Store,
        index: usize,
        caller: &Caller,
        request: DefinitionRequest,
        with_metadata: bool,
    ) -> Result<Response, ApiError> {
        let Given { definition, platform } = request.definition.read()?;
        let item = &store.mirrors[index];
        if item.mirror.status() == Status::Initializing && !self.rest().definition_while_initializing {
            let text = "The mirrored database is not ready";
            return Err(ApiError::bad_request("MirroredDatabaseNotReady", text).retriable(true));
        }
        self.check_connection(store, &definition, caller)?;
        let moves = item.definition.as_ref().is_none_or(|old| old.moves(&definition));
        if moves && !item.mirror.is_at_rest() {
            let text = format!(
                "Connection, database and default schema cannot be changed while the status is {}",
                item.mirror.status().name()
            );
            return Err(ApiError::bad_request("OperationNotAllowedInCurrentStatus", text));
        }
        if with_metadata {
            let metadata = platform.ok_or_else(|| {
                ApiError::bad_request("InvalidPlatformFile", "updateMetadata needs the part '.platform'")
            })?;
            let description = Some(metadata.description.unwrap_or_default());
            self.rename(store, index, UpdateRequest { display_name: Some(metadata.display_name), description })?;
        }
        store.bind(Some(&definition), caller.object_id, self.now());
        store.mirrors[index].definition = Some(definition);
        if self.rest().long_running_definitions {
            // It has a result: the item (§11, against §3).
            let result = serde_json::to_value(store.mirrors[index].item_answer()).unwrap_or_default();
            return Ok(self.accept(store, caller, Some(result), super::operations::RETRY_AFTER));
        }
        Ok(Empty(StatusCode::OK).into_response())
    }
}

async fn start(State(fabric): Service, caller: Caller, Ids(ids): Ids<2>) -> Result<Empty, ApiError> {
    let mut store = fabric.store();
    let index = fabric.find_mirror(&store, ids, &caller, WorkspaceRole::Contributor)?;
    let item = &mut store.mirrors[index];
    if item.definition.is_none() && item.mirror.is_at_rest() {
        let text = "The mirrored database has no definition of what to mirror";
        return Err(ApiError::bad_request("MirroringDefinitionMissing", text));
    }
    let rest = fabric.rest();
    if let Err(status) = item.mirror.start(fabric.now()) {
        let repeated = matches!(status, Status::Starting | Status::Running);
        not_allowed("started", status, repeated.then_some(rest.repeated_orders))?;
    }
    Ok(Empty(StatusCode::from_u16(rest.start_status).unwrap_or(StatusCode::OK)))
}

async fn stop(State(fabric): Service, caller: Caller, Ids(ids): Ids<2>) -> Result<Empty, ApiError> {
    let mut store = fabric.store();
    let index = fabric.find_mirror(&store, ids, &caller, WorkspaceRole::Contributor)?;
    let item = &mut store.mirrors[index];
    if let Err(status) = item.mirror.stop(fabric.now()) {
        let repeated = matches!(status, Status::Stopping | Status::Stopped);
        not_allowed("stopped", status, repeated.then(|| fabric.rest().repeated_orders))?;
    }
    Ok(Empty(StatusCode::OK))
}

/// Why a connection is none for the definition, if so.
pub fn unfit(definition: &Definition, connection: &Connection) -> Option<String> {
    if connection.kind != ConnectionKind::AzureSqlMI {
        return Some(format!(
            "The connection '{}' is of the type {}; the source AzureSqlMI needs a connection of the type AzureSqlMI",
            connection.display_name,
            connection.kind.name()
        ));
    }
    let (named, connected) = definition.database.as_ref().zip(connection.database.as_ref())?;
    (named.to_lowercase() != connected.to_lowercase())
        .then(|| format!("The definition names the database '{named}' and the connection leads to '{connected}'"))
}

/// The message names the status (§11).
fn not_allowed(what: &str, status: Status, repeated: Option<RepeatedOrders>) -> Result<(), ApiError> {
    let text = format!("Mirroring cannot be {what} while its status is {}", status.name());
    let refused = ApiError::bad_request("OperationNotAllowedInCurrentStatus", text);
    match repeated {
        None | Some(RepeatedOrders::Refused) => Err(refused),
        Some(RepeatedOrders::Conflict) => Err(refused.with_status(StatusCode::CONFLICT)),
        Some(RepeatedOrders::Accepted) => Ok(()),
    }
}

#[derive(Debug, Serialize)]
struct StatusAnswer {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorBody>,
}

async fn status(State(fabric): Service, caller: Caller, Ids(ids): Ids<2>) -> Result<Json<StatusAnswer>, ApiError> {
    let store = fabric.store();
    let index = fabric.find_mirror(&store, ids, &caller, WorkspaceRole::Viewer)?;
    let mirror = &store.mirrors[index].mirror;
    Ok(Json(StatusAnswer { status: mirror.status().name(), error: mirror.error().cloned() }))
}

/// Pages in `data`; the continuation keys are written as null on the last page (§1.7, §11).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TablesAnswer {
    continuation_token: Option<String>,
    continuation_uri: Option<String>,
    data: Vec<TableAnswer>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TableAnswer {
    source_object_type: &'static str,
    source_schema_name: String,
    source_table_name: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<MetricsAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorBody>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct MetricsAnswer {
    processed_bytes: u64,
    processed_rows: u64,
    last_sync_date_time: String,
    last_sync_latency_in_seconds: u32,
}

/// From the commit at the source to the commit in OneLake; the source's log is read every few seconds.
const LATENCY_SECONDS: u32 = 4;

async fn table_status(
    State(fabric): Service,
    caller: Caller,
    Ids(ids): Ids<2>,
    query: Query,
) -> Result<Json<TablesAnswer>, ApiError> {
    let store = fabric.store();
    let index = fabric.find_mirror(&store, ids, &caller, WorkspaceRole::Viewer)?;
    let tables = store.mirrors[index].mirror.tables().iter().map(|(name, table)| TableAnswer {
        source_object_type: "Table",
        source_schema_name: name.schema.clone(),
        source_table_name: name.name.clone(),
        status: table.status().name(),
        metrics: table.metrics().map(|metrics| MetricsAnswer {
            processed_bytes: metrics.bytes,
            processed_rows: metrics.rows,
            last_sync_date_time: fabric.at(metrics.last_sync).strftime("%Y-%m-%dT%H:%M:%S%.7fZ").to_string(),
            last_sync_latency_in_seconds: LATENCY_SECONDS,
        }),
        error: table.error().cloned(),
    });
    let page = query.page(&fabric.endpoint, fabric.rest().page_size, tables.collect())?;
    Ok(Json(TablesAnswer {
        continuation_token: page.continuation_token,
        continuation_uri: page.continuation_uri,
        data: page.value,
    }))
}
