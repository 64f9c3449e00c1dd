//! `POST /snapshot` and `POST /restore`: instance, Fabric and world as they were at a moment, ids and SIDs included.
//!
//! The clock never goes back: what was to take a minute when the snapshot was taken takes a minute after the restore.
//! Faults and journal are not part of it. Sessions of SQL clients are ended by a restore; tokens stay valid.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::{Control, Misunderstood, read};
use crate::fabric;
use crate::world::Facts;

/// Those taken so far; the id of a snapshot is its place, from 1.
pub type Snapshots = Arc<Mutex<Vec<Arc<Snapshot>>>>;

/// No `Debug`: it holds credentials.
pub struct Snapshot {
    fabric: fabric::Snapshot,
    facts: Facts,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Id {
    id: usize,
}

pub(super) async fn take(State(control): State<Control>) -> Result<(StatusCode, Json<Id>), Misunderstood> {
    let fabric = control.fabric.snapshot();
    let fabric = fabric.map_err(|reason| Misunderstood(format!("no snapshot can be taken: {reason}")))?;
    let snapshot = Arc::new(Snapshot { fabric, facts: control.parts.world.facts() });
    let mut taken = control.snapshots.lock().unwrap_or_else(PoisonError::into_inner);
    taken.push(snapshot);
    Ok((StatusCode::CREATED, Json(Id { id: taken.len() })))
}

pub(super) async fn restore(State(control): State<Control>, body: Bytes) -> Result<StatusCode, Misunderstood> {
    let Id { id } = read(&body)?;
    let snapshot = {
        let taken = control.snapshots.lock().unwrap_or_else(PoisonError::into_inner);
        let found = id.checked_sub(1).and_then(|place| taken.get(place)).cloned();
        found.ok_or_else(|| Misunderstood(format!("there is no snapshot {id}; {} were taken", taken.len())))?
    };
    control.parts.world.change(|facts| *facts = snapshot.facts.clone());
    let restored = control.fabric.restore(&snapshot.fabric);
    restored.map_err(|reason| Misunderstood(format!("the snapshot cannot be restored: {reason}")))?;
    Ok(StatusCode::NO_CONTENT)
}
