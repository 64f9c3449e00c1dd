//! Folders of a workspace, which items can lie in. From the published description (preview); the rules for names and
//! depth are those of Microsoft's page "Create folders in workspaces".
//!
//! UNCONFIRMED: statuses other than 404, and that an answer to a move holds the moved item alone.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::ApiError;
use super::reply::{Body, Empty, Ids, Page, Query, created, optional_id};
use super::roles::WorkspaceRole;
use super::store::{Folder, Store};
use super::{Fabric, Service};
use crate::entra::Caller;

const LONGEST_NAME: usize = 255;
const NOT_IN_NAMES: &str = "~\"#.&*:<>?/\\{|}";
const RESERVED: [&str; 3] = ["$recycle.bin", "recycled", "recycler"];
/// UNCONFIRMED: that the outermost counts.
const DEEPEST: usize = 10;

pub fn routes() -> Router<Arc<Fabric>> {
    Router::new()
        .route("/v1/workspaces/{workspaceId}/folders", get(list).post(create))
        .route("/v1/workspaces/{workspaceId}/folders/{folderId}", get(read).patch(update).delete(remove))
        .route("/v1/workspaces/{workspaceId}/folders/{folderId}/move", post(relocate))
}

impl Store {
    fn folder(&self, workspace: Uuid, id: Uuid) -> Result<&Folder, ApiError> {
        let found = self.folders.iter().find(|folder| folder.id == id && folder.workspace_id == workspace);
        found.ok_or_else(|| ApiError::not_found("FolderNotFound", format!("The folder {id} was not found")))
    }

    /// That there is such a folder, or that none is asked for.
    ///
    /// # Errors
    /// 404 `FolderNotFound`.
    pub fn check_folder(&self, workspace: Uuid, id: Option<Uuid>) -> Result<(), ApiError> {
        id.map_or(Ok(()), |id| self.folder(workspace, id).map(|_| ()))
    }

    /// The folder itself and those it lies in, the root not counted.
    fn way_up(&self, from: Option<Uuid>) -> Vec<Uuid> {
        let mut way = Vec::new();
        let mut next = from;
        while let Some(id) = next {
            way.push(id);
            next = self.folders.iter().find(|folder| folder.id == id).and_then(|folder| folder.parent);
        }
        way
    }

    /// Levels of folders from this one down, itself counted.
    fn height(&self, folder: Uuid) -> usize {
        let below = self.folders.iter().filter(|child| child.parent == Some(folder)).map(|child| self.height(child.id));
        1 + below.max().unwrap_or(0)
    }

    fn check_free_name(
        &self,
        workspace: Uuid,
        parent: Option<Uuid>,
        name: &str,
        own: Option<Uuid>,
    ) -> Result<(), ApiError> {
        let taken = self.folders.iter().any(|folder| {
            folder.workspace_id == workspace
                && folder.parent == parent
                && Some(folder.id) != own
                && folder.display_name.to_lowercase() == name.to_lowercase()
        });
        if taken {
            let text = format!("A folder named '{name}' is there already");
            return Err(ApiError::conflict("FolderDisplayNameAlreadyInUse", text));
        }
        Ok(())
    }
}

/// `rootFolderId` and `recursive` of a list.
pub struct Below {
    root: Option<Uuid>,
    recursive: bool,
}

impl Below {
    /// # Errors
    /// 404 `FolderNotFound`, 400 for what is no flag or id.
    pub fn read(query: &Query, store: &Store, workspace: Uuid) -> Result<Self, ApiError> {
        let recursive = query.flag("recursive")?.unwrap_or(true);
        let root = query.id("rootFolderId")?;
        store.check_folder(workspace, root)?;
        Ok(Self { root, recursive })
    }

    /// Whether what lies in `folder` is asked for.
    pub fn holds(&self, store: &Store, folder: Option<Uuid>) -> bool {
        folder == self.root || (self.recursive && self.root.is_none_or(|root| store.way_up(folder).contains(&root)))
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FolderAnswer {
    id: Uuid,
    display_name: String,
    workspace_id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_folder_id: Option<Uuid>,
}

impl Folder {
    fn answer(&self) -> FolderAnswer {
        FolderAnswer {
            id: self.id,
            display_name: self.display_name.clone(),
            workspace_id: self.workspace_id,
            parent_folder_id: self.parent,
        }
    }
}

fn name(given: Option<String>) -> Result<String, ApiError> {
    let name = given.ok_or_else(|| ApiError::required("DisplayName"))?;
    let wrong = name.is_empty()
        || name.trim() != name
        || name.chars().count() > LONGEST_NAME
        || name.chars().any(|sign| sign.is_control() || NOT_IN_NAMES.contains(sign))
        || RESERVED.contains(&name.to_lowercase().as_str());
    if wrong {
        let text = "The provided folder display name is invalid";
        return Err(ApiError::bad_request("InvalidFolderDisplayName", text));
    }
    Ok(name)
}

fn too_deep() -> ApiError {
    let text = "The parent folder has achieved max depth, can't create a new subfolder";
    ApiError::bad_request("FolderDepthOutOfRange", text)
}

async fn list(
    State(fabric): Service,
    caller: Caller,
    Ids([workspace]): Ids<1>,
    query: Query,
) -> Result<Json<Page<FolderAnswer>>, ApiError> {
    let store = fabric.store();
    fabric.workspace(&store, workspace, &caller, WorkspaceRole::Viewer)?;
    let below = Below::read(&query, &store, workspace)?;
    let own = store.folders.iter().filter(|folder| folder.workspace_id == workspace);
    let all = own.filter(|folder| below.holds(&store, folder.parent)).map(Folder::answer).collect();
    Ok(Json(query.page(&fabric.endpoint, fabric.rest().page_size, all)?))
}

async fn read(State(fabric): Service, caller: Caller, Ids([workspace, id]): Ids<2>) -> Result<Response, ApiError> {
    let store = fabric.store();
    fabric.workspace(&store, workspace, &caller, WorkspaceRole::Viewer)?;
    Ok(Json(store.folder(workspace, id)?.answer()).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateFolder {
    display_name: Option<String>,
    #[serde(default, deserialize_with = "optional_id")]
    parent_folder_id: Option<Uuid>,
}

async fn create(
    State(fabric): Service,
    caller: Caller,
    Ids([workspace]): Ids<1>,
    Body(request): Body<CreateFolder>,
) -> Result<Response, ApiError> {
    let mut store = fabric.store();
    fabric.workspace(&store, workspace, &caller, WorkspaceRole::Contributor)?;
    let display_name = name(request.display_name)?;
    let parent = request.parent_folder_id;
    store.check_folder(workspace, parent)?;
    if store.way_up(parent).len() >= DEEPEST {
        return Err(too_deep());
    }
    store.check_free_name(workspace, parent, &display_name, None)?;
    let folder = Folder { id: Uuid::new_v4(), workspace_id: workspace, display_name, parent };
    // Recorded with a Location in 131 of 131, which the description has not.
    let location = format!("{}/v1/workspaces/{workspace}/folders/{}", fabric.endpoint, folder.id);
    let answer = created(location, &folder.answer());
    store.folders.push(folder);
    Ok(answer)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UpdateFolder {
    display_name: Option<String>,
}

async fn update(
    State(fabric): Service,
    caller: Caller,
    Ids([workspace, id]): Ids<2>,
    Body(request): Body<UpdateFolder>,
) -> Result<Json<FolderAnswer>, ApiError> {
    let mut store = fabric.store();
    fabric.workspace(&store, workspace, &caller, WorkspaceRole::Contributor)?;
    let mut folder = store.folder(workspace, id)?.clone();
    folder.display_name = name(request.display_name)?;
    store.check_free_name(workspace, folder.parent, &folder.display_name, Some(id))?;
    Ok(Json(replace(&mut store, folder)))
}

fn replace(store: &mut Store, folder: Folder) -> FolderAnswer {
    let answer = folder.answer();
    store.folders.iter_mut().filter(|old| old.id == folder.id).for_each(|old| *old = folder.clone());
    answer
}

async fn remove(State(fabric): Service, caller: Caller, Ids([workspace, id]): Ids<2>) -> Result<Empty, ApiError> {
    let mut store = fabric.store();
    fabric.workspace(&store, workspace, &caller, WorkspaceRole::Contributor)?;
    store.folder(workspace, id)?;
    let has_folders = store.folders.iter().any(|folder| folder.parent == Some(id));
    // What was deleted softly blocks it too (facts §1.5).
    let deleted = store.recoverable.iter().map(|binned| &binned.item);
    if has_folders || store.mirrors.iter().chain(deleted).any(|item| item.folder_id == Some(id)) {
        return Err(ApiError::bad_request("FolderNotEmpty", "The requested folder was not empty").about(id, "Folder"));
    }
    store.folders.retain(|folder| folder.id != id);
    Ok(Empty(StatusCode::OK))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Move {
    /// Left out: the workspace's root.
    #[serde(default, deserialize_with = "optional_id")]
    target_folder_id: Option<Uuid>,
}

async fn relocate(
    State(fabric): Service,
    caller: Caller,
    Ids([workspace, id]): Ids<2>,
    Body(request): Body<Move>,
) -> Result<Json<FolderAnswer>, ApiError> {
    let mut store = fabric.store();
    fabric.workspace(&store, workspace, &caller, WorkspaceRole::Contributor)?;
    let mut folder = store.folder(workspace, id)?.clone();
    store.check_folder(workspace, request.target_folder_id)?;
    let way = store.way_up(request.target_folder_id);
    if way.contains(&id) {
        let text = "The folder can't be moved into any of its descents";
        return Err(ApiError::bad_request("InfiniteFolderHierarchyLoop", text));
    }
    if way.len() + store.height(id) > DEEPEST {
        return Err(too_deep());
    }
    store.check_free_name(workspace, request.target_folder_id, &folder.display_name, Some(id))?;
    folder.parent = request.target_folder_id;
    Ok(Json(replace(&mut store, folder)))
}
