//! What role assignments have in common, whatever they are on. A principal has one role on a thing; one that somebody else
//! gave is never changed or taken over.

use std::sync::Arc;

use fabric_api::PrincipalId;
use fabric_api::roles::{self, PrincipalType, RoleAssignment, RoleScope};
use tfplugin::{AttributePath, Change, Context, Diagnostic, Draft, Model, Resource, Text, Value, Word};

use super::not_there_any_more;
use crate::error::{Error, Result};
use crate::import_id;
use crate::ledger::Key;
use crate::provider::FabricMirror;
use crate::view::View;

/// An Entra principal.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct Principal {
    /// Its object id. Of an application or managed identity it is the object id of the *enterprise application* (service
    /// principal), never the client id.
    #[attr(required, replace)]
    id: Text<PrincipalId>,

    /// What it is; a managed identity is a `ServicePrincipal`. Once the role is given, another word here changes nothing.
    #[attr(required, one_of = ["User", "Group", "ServicePrincipal", "ServicePrincipalProfile"])]
    r#type: Word,
}

impl Principal {
    pub fn of(principal: &roles::Principal) -> Self {
        Self { id: principal.id.into(), r#type: principal.kind.as_str().into() }
    }
}

/// Attributes of a role assignment, and the thing it is on.
pub struct Parts<S> {
    pub scope: S,
    pub principal: Principal,
    pub role: Word,
    pub id: Value<Text<PrincipalId>>,
    /// The principal's type as the service knows it.
    pub principal_type: Value<String>,
}

/// What a role is on the thing of an assignment.
pub type RoleOn<A> = <<A as Assignment>::Scope as RoleScope>::Role;

/// A resource that is a role assignment.
pub trait Assignment: Resource<Provider = FabricMirror> {
    type Scope: RoleScope<Role: for<'a> From<&'a str> + std::fmt::Display> + std::fmt::Display;

    /// Where the role is: "in the workspace".
    const PLACE: &'static str;

    fn parts(&self) -> Parts<Self::Scope>;
    fn from_parts(parts: Parts<Self::Scope>) -> Self;
    fn principal_of(draft: &mut Self::Draft) -> &mut Value<Principal>;
    fn at() -> AttributePath;

    /// All of them there, as a refresh shares them.
    fn shared(
        view: &View,
        scope: Self::Scope,
    ) -> impl Future<Output = fabric_api::Result<Arc<Vec<RoleAssignment<RoleOn<Self>>>>>> + Send;

    /// Holds up what must not happen at the same time.
    fn turn(
        _provider: &FabricMirror,
        _scope: Self::Scope,
    ) -> impl Future<Output = Option<tokio::sync::OwnedMutexGuard<()>>> + Send {
        std::future::ready(None)
    }

    /// Says that nothing can be known now.
    fn warn_of_pause(_cx: &Context<FabricMirror>, _view: &View, _scope: Self::Scope) {}

    /// Whether the thing itself is gone for certain, and its roles with it.
    fn is_scope_gone(_provider: &FabricMirror, _scope: Self::Scope) -> impl Future<Output = Result<bool>> + Send {
        std::future::ready(Ok(false))
    }
}

pub fn key<A: Assignment>(of: &A) -> Key {
    let parts = of.parts();
    Key::new(A::NAME, &[&parts.scope.to_string(), &parts.principal.id.value().to_string()])
}

fn second_owner<A: Assignment>(of: &A) -> Error {
    super::second_owner("role of", of.parts().principal.id.value()).at(A::at())
}

fn already_there<A: Assignment>(scope: A::Scope, existing: &RoleAssignment<RoleOn<A>>) -> String {
    let id = import_id::join(&[&scope.to_string(), &existing.id.to_string()]);
    format!("It is {}. {}", existing.role, super::import_text(A::NAME, &id))
}

/// This object with what the service holds. What was asked of the principal's type is kept apart from what the service
/// says.
fn matching<A: Assignment>(of: &A, assignment: &RoleAssignment<RoleOn<A>>) -> A {
    let mut parts = of.parts();
    parts.principal.id = assignment.principal.id.into();
    parts.role = assignment.role.to_string().as_str().into();
    parts.id = assignment.id.into();
    parts.principal_type = assignment.principal.kind.as_str().into();
    A::from_parts(parts)
}

fn wanted<A: Assignment>(of: &A) -> RoleOn<A> {
    of.parts().role.as_str().into()
}

pub async fn plan<A: Assignment>(cx: &Context<FabricMirror>, change: &mut Change<A>) -> Result<()> {
    let plan = change.planned.whole();
    if let Some(plan) = &plan
        && !cx.provider.ledger().claim(key(plan), change)
    {
        return Err(second_owner(plan));
    }
    match (&change.prior, plan) {
        (None, Some(plan)) => refuse_existing(cx, &plan).await,
        (Some(prior), Some(plan)) if plan.parts().principal.id == prior.parts().principal.id => {
            // The type serves to find a new principal. Of one that has its role, another word for it changes nothing.
            *A::principal_of(&mut change.planned) = prior.parts().principal.into();
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Says at plan time, when it can be seen, that the principal has a role.
async fn refuse_existing<A: Assignment>(cx: &Context<FabricMirror>, plan: &A) -> Result<()> {
    if cx.provider.ledger().has(&key(plan)) {
        return Ok(());
    }
    let parts = plan.parts();
    let Some(view) = cx.provider.view_at_plan() else { return Ok(()) };
    let Ok(roles) = A::shared(&view, parts.scope).await else { return Ok(()) };
    match roles.iter().find(|it| it.principal.id == *parts.principal.id) {
        Some(existing) => {
            let summary = format!("The principal has a role {}", A::PLACE);
            Err(Diagnostic::error(summary, already_there::<A>(parts.scope, existing)).at(A::at()).into())
        }
        None => Ok(()),
    }
}

pub async fn create<A: Assignment>(cx: &Context<FabricMirror>, plan: A) -> Result<A> {
    let fabric = cx.provider.fabric()?;
    if cx.provider.ledger().has(&key(&plan)) {
        return Err(second_owner(&plan));
    }
    let parts = plan.parts();
    let principal = roles::Principal {
        id: *parts.principal.id.value(),
        kind: PrincipalType::from(parts.principal.r#type.as_str()),
        service_principal_details: None,
    };
    let added = {
        let _turn = A::turn(&cx.provider, parts.scope).await;
        fabric.add_role(parts.scope, &principal, &wanted(&plan)).await
    };
    let assignment = match added {
        Ok(assignment) => assignment,
        Err(error) => {
            // Lost on the way back, or given by somebody else: nobody can tell. It is shown, and not taken over.
            let there = fabric.find_role(parts.scope, principal.id).await;
            let error = Error::from(error).at(A::at());
            return Err(match there {
                Ok(Some(existing)) => error.hint(already_there::<A>(parts.scope, &existing)),
                _ => error,
            });
        }
    };
    cx.provider.ledger().note(key(&plan));
    Ok(matching(&plan, &assignment))
}

pub async fn read<A: Assignment>(cx: &Context<FabricMirror>, state: A) -> Result<Option<A>> {
    let view = cx.provider.view()?;
    let parts = state.parts();
    let shared = A::shared(&view, parts.scope);
    let assignment = match view.role(parts.scope, *parts.id.held().value(), shared).await {
        Err(error) if error.is_inactive_capacity() => {
            A::warn_of_pause(cx, &view, parts.scope);
            return Ok(Some(state));
        }
        Err(error) if error.may_mean_gone() && A::is_scope_gone(&cx.provider, parts.scope).await? => None,
        found => found?,
    };
    if assignment.is_none() {
        cx.provider.ledger().forget(&key(&state));
    }
    Ok(assignment.map(|assignment| matching(&state, &assignment)))
}

pub async fn update<A: Assignment>(cx: &Context<FabricMirror>, prior: A, plan: A) -> Result<A> {
    let fabric = cx.provider.fabric()?;
    let parts = prior.parts();
    let id = *parts.id.held().value();
    let _turn = A::turn(&cx.provider, parts.scope).await;
    match fabric.change_role(parts.scope, id, &wanted(&plan)).await {
        Ok(assignment) => Ok(matching(&plan, &assignment)),
        Err(error) if error.may_mean_gone() => match fabric.find_role(parts.scope, id).await? {
            None => Err(not_there_any_more("role of", id)),
            Some(_) => Err(error.into()),
        },
        Err(error) => Err(error.into()),
    }
}

pub async fn delete<A: Assignment>(cx: &Context<FabricMirror>, state: A) -> Result<()> {
    let fabric = cx.provider.fabric()?;
    let parts = state.parts();
    let _turn = A::turn(&cx.provider, parts.scope).await;
    match fabric.remove_role(parts.scope, *parts.id.held().value()).await {
        Err(error) if error.may_mean_gone() && A::is_scope_gone(&cx.provider, parts.scope).await? => {}
        removed => removed?,
    }
    cx.provider.ledger().forget(&key(&state));
    Ok(())
}

/// The assignment of that id on the thing, read for an import.
pub async fn import<A: Assignment>(cx: &Context<FabricMirror>, scope: A::Scope, id: PrincipalId) -> Result<A> {
    let view = cx.provider.view()?;
    let found = view.role(scope, id, A::shared(&view, scope)).await?;
    let assignment = found.ok_or_else(|| super::nothing_to_import("role assignment", id))?;
    let found = A::from_parts(Parts {
        scope,
        principal: Principal::of(&assignment.principal),
        role: Word::from(assignment.role.to_string().as_str()),
        id: Value::Null,
        principal_type: Value::Null,
    });
    Ok(matching(&found, &assignment))
}
