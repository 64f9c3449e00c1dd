//! What comes after what.

use std::collections::{BTreeMap, BTreeSet};

use super::{Action, Block, Change, Configuration, Expression, State};

type Edges<N> = BTreeMap<N, BTreeSet<N>>;

/// The addresses that a block refers to or names in `depends_on`.
fn named(block: &Block) -> BTreeSet<String> {
    fn collect(expression: &Expression, found: &mut BTreeSet<String>) {
        match expression {
            Expression::Value(_) => {}
            Expression::Reference { address, .. } => {
                found.insert(address.clone());
            }
            Expression::Object(members) => members.values().for_each(|member| collect(member, found)),
            Expression::List(elements) => elements.iter().for_each(|element| collect(element, found)),
        }
    }
    let mut found: BTreeSet<String> = block.depends_on.iter().cloned().collect();
    block.attributes.values().for_each(|expression| collect(expression, &mut found));
    found
}

/// What each block depends on, directly or not. What is no block is not in it.
pub(super) fn dependencies(configuration: &Configuration) -> Edges<String> {
    let direct: Edges<String> =
        configuration.blocks.iter().map(|block| (block.address.clone(), named(block))).collect();
    let all = |address: &String| {
        let (mut found, mut open) = (BTreeSet::new(), vec![address]);
        while let Some(next) = open.pop() {
            for dependency in direct.get(next).into_iter().flatten() {
                if direct.contains_key(dependency) && found.insert(dependency.clone()) {
                    open.push(dependency);
                }
            }
        }
        found
    };
    direct.keys().map(|address| (address.clone(), all(address))).collect()
}

/// The nodes, each after those that it waits for, and otherwise in their own order. An error is what waits for itself.
pub(super) fn order<N: Ord + Clone>(waits_for: &Edges<N>) -> Result<Vec<N>, Vec<N>> {
    let (mut left, mut ordered) = (waits_for.clone(), Vec::new());
    while !left.is_empty() {
        let ready = left.iter().find(|(_, before)| before.iter().all(|it| !left.contains_key(it)));
        let Some(ready) = ready.map(|(node, _)| node.clone()) else { return Err(left.into_keys().collect()) };
        left.remove(&ready);
        ordered.push(ready);
    }
    Ok(ordered)
}

/// One call of ApplyResourceChange.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Node {
    pub address: String,
    /// The object is created or updated, not deleted.
    pub makes: bool,
}

/// What waits for what at apply (`transform_destroy_edge.go`). `dependencies` are those of the configuration, `state` has
/// those that the objects had when they were last applied.
///
/// * What is created or updated waits for what it depends on now, and for the deletion of what it depended on. (So an
///   object whose block is gone is deleted *before* those that used it are updated.)
/// * A deletion waits for the deletion of what depended on the object.
/// * A replaced object is deleted before it is created, and what its old self depended on is updated after that deletion.
pub(super) fn of_apply(changes: &[Change], dependencies: &Edges<String>, state: &State) -> Edges<Node> {
    let node = |address: &str, makes| Node { address: address.to_owned(), makes };
    let mut edges: Edges<Node> = BTreeMap::new();
    for change in changes {
        if matches!(change.action, Action::Delete | Action::Replace) {
            edges.insert(node(&change.address, false), BTreeSet::new());
        }
        if matches!(change.action, Action::Create | Action::Update | Action::Replace) {
            edges.insert(node(&change.address, true), BTreeSet::new());
        }
    }
    let nodes: BTreeSet<Node> = edges.keys().cloned().collect();
    let mut wait = |node: &Node, before: Node| {
        if nodes.contains(&before)
            && *node != before
            && let Some(waits_for) = edges.get_mut(node)
        {
            waits_for.insert(before);
        }
    };
    for it in &nodes {
        let stored = state.objects.get(&it.address).map(|object| object.dependencies.as_slice()).unwrap_or_default();
        if it.makes {
            wait(it, node(&it.address, false));
            for dependency in dependencies.get(&it.address).into_iter().flatten() {
                wait(it, node(dependency, true));
            }
            for dependency in stored {
                wait(it, node(dependency, false));
            }
        } else {
            for dependency in stored {
                wait(&node(dependency, false), it.clone());
                wait(&node(dependency, true), it.clone());
            }
        }
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::super::Object;
    use super::*;
    use crate::Dynamic;

    fn state(objects: &[(&str, &[&str])]) -> State {
        let object = |dependencies: &[&str]| Object {
            type_name: "test_thing".into(),
            value: Dynamic::Null,
            private: Vec::new(),
            tainted: false,
            dependencies: dependencies.iter().map(|it| (*it).to_owned()).collect(),
        };
        State { objects: objects.iter().map(|(address, before)| ((*address).to_owned(), object(before))).collect() }
    }

    fn walked(changes: &[(&str, Action)], now: &[(&str, &[&str])], before: &State) -> String {
        let change = |(address, action): &(&str, Action)| Change {
            address: (*address).to_owned(),
            action: *action,
            before: Dynamic::Null,
            after: Dynamic::Null,
        };
        let changes: Vec<Change> = changes.iter().map(change).collect();
        let blocks = now.iter().map(|(address, depends_on)| Block {
            address: (*address).to_owned(),
            type_name: "test_thing".into(),
            attributes: BTreeMap::new(),
            depends_on: depends_on.iter().map(|it| (*it).to_owned()).collect(),
        });
        let dependencies = dependencies(&Configuration { blocks: blocks.collect() });
        let ordered = order(&of_apply(&changes, &dependencies, before)).unwrap();
        let sign = |node: &Node| format!("{}{}", if node.makes { '+' } else { '-' }, node.address);
        ordered.iter().map(sign).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn deletions_go_backwards_and_creations_forwards() {
        let [delete, create, replace] = [Action::Delete, Action::Create, Action::Replace];
        let chain: &[(&str, &[&str])] = &[("a", &[]), ("b", &["a"]), ("c", &["b"])];
        let stored = state(&[("a", &[]), ("b", &["a"]), ("c", &["a", "b"])]);
        assert_eq!(walked(&[("a", create), ("b", create), ("c", create)], chain, &state(&[])), "+a +b +c");
        assert_eq!(walked(&[("a", delete), ("b", delete), ("c", delete)], &[], &stored), "-c -b -a");
        assert_eq!(walked(&[("a", replace), ("b", replace), ("c", replace)], chain, &stored), "-c -b -a +a +b +c");
        // What did not change in between hides no dependency.
        assert_eq!(walked(&[("a", replace), ("b", Action::NoOp), ("c", replace)], chain, &stored), "-c -a +a +c");
    }

    #[test]
    fn what_is_no_longer_used_is_deleted_before_its_user_is_updated() {
        let stored = state(&[("old", &[]), ("user", &["old"])]);
        let changes = [("old", Action::Delete), ("user", Action::Update)];
        assert_eq!(walked(&changes, &[("user", &[])], &stored), "-old +user");
    }

    #[test]
    fn what_a_deleted_object_used_is_updated_after_it() {
        let stored = state(&[("base", &[]), ("user", &["base"])]);
        let changes = [("base", Action::Update), ("user", Action::Replace)];
        assert_eq!(walked(&changes, &[("base", &[]), ("user", &["base"])], &stored), "-user +base +user");
    }

    #[test]
    fn a_circle_is_refused() {
        let edges = |pairs: &[(&str, &str)]| -> Edges<String> {
            pairs.iter().map(|(node, before)| ((*node).to_owned(), BTreeSet::from([(*before).to_owned()]))).collect()
        };
        assert_eq!(order(&edges(&[("a", "b"), ("b", "a"), ("c", "d")])), Err(vec!["a".to_owned(), "b".to_owned()]));
    }
}
