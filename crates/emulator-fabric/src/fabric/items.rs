//! The generic item routes, for the items there are: mirrored databases and their SQL endpoints. fabric-api facts
//! §6b, §11. Microsoft's Terraform provider takes this way.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::connections::ConnectionAnswer;
use super::definition::Envelope;
use super::error::ApiError;
use super::folders::Below;
use super::mirrored_databases::{CreateRequest, DefinitionRequest, ItemAnswer, LabelSettings, UpdateRequest, tagged};
use super::races::What;
use super::reply::{Body, Empty, Ids, Page, Query, optional_id};
use super::roles::WorkspaceRole;
use super::store::{MirroredDatabase, Store};
use super::{Fabric, Service};
use crate::entra::Caller;
use crate::mirroring::ENDPOINT_LISTED;

const ITEM: &str = "/v1/workspaces/{workspaceId}/items/{itemId}";

pub fn routes() -> Router<Arc<Fabric>> {
    Router::new()
        .route("/v1/workspaces/{workspaceId}/items", get(list).post(create))
        .route(ITEM, get(read).patch(update).delete(remove))
        .route(&format!("{ITEM}/getdefinition"), post(get_definition))
        .route(&format!("{ITEM}/updatedefinition"), post(update_definition))
        .route(&format!("{ITEM}/connections"), get(connections))
        .route(&format!("{ITEM}/move"), post(relocate))
}

impl Fabric {
    /// Items of the workspace that the caller sees. The SQL endpoint appears some seconds after the create, with the
    /// mirror's name.
    fn items(&self, store: &Store, workspace: Uuid, caller: &Caller) -> Vec<ItemAnswer> {
        let now = self.now();
        let own = store.mirrors.iter().filter(|item| item.workspace_id == workspace);
        let own = own.filter(|item| self.sees(store, item, caller.object_id));
        let mut items: Vec<ItemAnswer> = own.clone().map(MirroredDatabase::item_answer).collect();
        items.extend(own.filter(|item| now >= item.created + ENDPOINT_LISTED).map(|item| ItemAnswer {
            id: item.sql_endpoint_id,
            kind: "SQLEndpoint",
            description: String::new(),
            ..item.item_answer()
        }));
        items
    }
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
    let mut all = fabric.items(&store, workspace, &caller);
    if fabric.rest().mirrored_warehouse {
        // A comment in Microsoft's command line; no recording has it. That the double has the mirror's id is UNCONFIRMED.
        let doubles = all.iter().filter(|item| item.kind == "MirroredDatabase");
        let doubles = doubles.map(|item| ItemAnswer { kind: "MirroredWarehouse", ..item.clone() });
        all.extend(doubles.collect::<Vec<_>>());
    }
    all.retain(|item| below.holds(&store, item.folder_id));
    if let Some(kind) = query.get("type") {
        all.retain(|item| item.kind.eq_ignore_ascii_case(kind));
    }
    Ok(Json(query.page(&fabric.endpoint, fabric.rest().page_size, all)?))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateItem {
    #[serde(rename = "type")]
    kind: Option<String>,
    display_name: Option<String>,
    description: Option<String>,
    #[serde(default, deserialize_with = "optional_id")]
    folder_id: Option<Uuid>,
    definition: Option<Envelope>,
    creation_payload: Option<serde_json::Value>,
    sensitivity_label_settings: Option<LabelSettings>,
}

/// 201, as seen for mirrors (§11).
async fn create(
    State(fabric): Service,
    caller: Caller,
    Ids([workspace]): Ids<1>,
    Body(request): Body<CreateItem>,
) -> Result<Response, ApiError> {
    if request.kind.is_none() {
        return Err(ApiError::required("Type"));
    }
    if request.creation_payload.is_some() {
        let text = "A mirrored database has no creation payload";
        return Err(ApiError::bad_request("ItemTypeDoesNotSupportCreationPayload", text));
    }
    let request = CreateRequest {
        kind: request.kind,
        display_name: request.display_name,
        description: request.description,
        folder_id: request.folder_id,
        definition: request.definition,
        sensitivity_label_settings: request.sensitivity_label_settings,
    };
    fabric.make_mirrored_database(workspace, &caller, request).await
}

impl Fabric {
    /// Creates the item and answers as either route does: 201, no Location, no properties (§11).
    ///
    /// # Errors
    /// As documented for the create, and what [`super::definition::Definition`] and the connection are refused for.
    pub async fn make_mirrored_database(
        &self,
        workspace: Uuid,
        caller: &Caller,
        request: CreateRequest,
    ) -> Result<Response, ApiError> {
        let (item, race) = {
            let mut store = self.store();
            let item = self.create_mirrored_database(&mut store, workspace, caller, request)?;
            let race = self.race(&mut store, workspace, What::Item(item.id));
            (item, race)
        };
        if let Some(race) = race {
            race.end().await;
        }
        Ok((StatusCode::CREATED, tagged(item)).into_response())
    }
}

/// `GET /items/M` never has `properties` (§11).
async fn read(State(fabric): Service, caller: Caller, Ids([workspace, id]): Ids<2>) -> Result<Response, ApiError> {
    let store = fabric.store();
    fabric.item_workspace(&store, workspace, &caller, WorkspaceRole::Viewer)?;
    let item = fabric
        .items(&store, workspace, &caller)
        .into_iter()
        .find(|item| item.id == id)
        .ok_or_else(|| ApiError::not_found("ItemNotFound", "The requested item was not found").about(id, "Item"))?;
    Ok(tagged(item))
}

impl Fabric {
    /// The mirrored database with this id; its SQL endpoint is managed with it and by nobody else.
    pub fn changeable(&self, store: &Store, ids: [Uuid; 2], caller: &Caller) -> Result<usize, ApiError> {
        let is_endpoint =
            self.items(store, ids[0], caller).iter().any(|item| item.id == ids[1] && item.kind == "SQLEndpoint");
        if is_endpoint {
            self.item_workspace(store, ids[0], caller, WorkspaceRole::Contributor)?;
            let text = "The operation is not supported for items of the type SQLEndpoint";
            return Err(ApiError::bad_request("OperationNotSupportedForItem", text));
        }
        self.find_mirror(store, ids, caller, WorkspaceRole::Contributor)
    }
}

async fn update(
    State(fabric): Service,
    caller: Caller,
    Ids(ids): Ids<2>,
    Body(request): Body<UpdateRequest>,
) -> Result<Response, ApiError> {
    let mut store = fabric.store();
    let index = fabric.changeable(&store, ids, &caller)?;
    fabric.rename(&mut store, index, request)?;
    Ok(tagged(store.mirrors[index].item_answer()))
}

async fn remove(State(fabric): Service, caller: Caller, Ids(ids): Ids<2>, query: Query) -> Result<Empty, ApiError> {
    let mut store = fabric.store();
    let index = fabric.changeable(&store, ids, &caller)?;
    fabric.delete_item(&mut store, index, &caller, &query)
}

async fn get_definition(
    State(fabric): Service,
    caller: Caller,
    Ids(ids): Ids<2>,
    query: Query,
) -> Result<Response, ApiError> {
    let mut store = fabric.store();
    let index = fabric.changeable(&store, ids, &caller)?;
    fabric.answer_definition(&mut store, index, &caller, &query)
}

async fn update_definition(
    State(fabric): Service,
    caller: Caller,
    Ids(ids): Ids<2>,
    query: Query,
    Body(request): Body<DefinitionRequest>,
) -> Result<Response, ApiError> {
    let with_metadata = query.flag("updateMetadata")?.unwrap_or(false);
    let mut store = fabric.store();
    let index = fabric.changeable(&store, ids, &caller)?;
    fabric.change_definition(&mut store, index, &caller, request, with_metadata)
}

async fn connections(
    State(fabric): Service,
    caller: Caller,
    Ids(ids): Ids<2>,
    query: Query,
) -> Result<Json<Page<ConnectionAnswer>>, ApiError> {
    let store = fabric.store();
    let index = fabric.changeable(&store, ids, &caller)?;
    let used = store.mirrors[index].definition.as_ref().and_then(|definition| store.connection(definition.connection));
    let all = used.map(|connection| connection.item_answer()).into_iter().collect();
    Ok(Json(query.page(&fabric.endpoint, fabric.rest().page_size, all)?))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Move {
    /// Left out: the workspace's root.
    #[serde(default, deserialize_with = "optional_id")]
    target_folder_id: Option<Uuid>,
}

#[derive(Debug, Serialize)]
struct Moved {
    value: Vec<ItemAnswer>,
}

async fn relocate(
    State(fabric): Service,
    caller: Caller,
    Ids(ids): Ids<2>,
    Body(request): Body<Move>,
) -> Result<Json<Moved>, ApiError> {
    let mut store = fabric.store();
    let index = fabric.changeable(&store, ids, &caller)?;
    store.check_folder(ids[0], request.target_folder_id)?;
    store.mirrors[index].folder_id = request.target_folder_id;
    Ok(Json(Moved { value: vec![store.mirrors[index].item_answer()] }))
}
