use super::*;

fn set(names: &[&str]) -> BTreeSet<PermissionName> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn grants(granted: &[&str], with_grant_option: &[&str], denied: &[&str]) -> Grants {
    Grants { granted: set(granted), with_grant_option: set(with_grant_option), denied: set(denied) }
}

fn row(grantor: &str, state: PermissionState, name: &str) -> Permission {
    let grantor_id = if grantor == "dbo" { 1 } else { 7 };
    Permission { name: name.parse().unwrap(), state, grantor: grantor.into(), grantor_id, grantee_id: 5 }
}

use PermissionState::{Denied as D, Granted as G, GrantedWithGrantOption as W};

/// A change in few letters, as T-SQL would say it.
fn said(change: &Change) -> String {
    let of = |words: &str, row: &Revocation| match &row.grantor {
        Some(grantor) => format!("{words} {} AS {grantor}", row.name),
        None => format!("{words} {}", row.name),
    };
    match change {
        Change::Grant(name) => format!("GRANT {name}"),
        Change::GrantWithGrantOption(name) => format!("GRANT+ {name}"),
        Change::Deny(name) => format!("DENY {name}"),
        Change::Revoke(row) => of("REVOKE", row),
        Change::RevokeCascade(row) => of("CASCADE", row),
        Change::RevokeGrantOption(row) => of("OPTION", row),
    }
}

fn changes(held: &[Permission], wanted: &Grants, may_revoke: impl Fn(&Permission) -> bool) -> String {
    let held: Vec<&Permission> = held.iter().collect();
    let changes = wanted.changes_from(&held, "dbo", may_revoke);
    changes.iter().map(said).collect::<Vec<_>>().join("; ")
}

#[test]
fn only_what_differs_is_changed() {
    for (held, wanted, expected) in [
        (vec![row("dbo", G, "SELECT")], grants(&["SELECT"], &[], &[]), ""),
        (vec![], grants(&["SELECT"], &[], &[]), "GRANT SELECT"),
        (vec![row("dbo", G, "INSERT"), row("dbo", G, "SELECT")], grants(&["SELECT"], &[], &[]), "REVOKE INSERT"),
        (vec![row("dbo", W, "SELECT")], grants(&["SELECT"], &[], &[]), "OPTION SELECT"),
        (vec![row("dbo", W, "SELECT")], grants(&[], &[], &[]), "CASCADE SELECT"),
        (vec![row("dbo", G, "SELECT")], grants(&[], &["SELECT"], &[]), "GRANT+ SELECT"),
        (vec![row("dbo", D, "SELECT")], grants(&["SELECT"], &[], &[]), "REVOKE SELECT; GRANT SELECT"),
        (vec![row("dbo", G, "SELECT")], grants(&[], &[], &["SELECT"]), "DENY SELECT"),
        (vec![row("dbo", D, "SELECT")], grants(&[], &[], &["SELECT"]), ""),
        // Rows of another grantor are revoked as it, and count as what they are.
        (vec![row("boss", G, "SELECT")], grants(&["SELECT"], &[], &[]), ""),
        (vec![row("boss", G, "INSERT")], grants(&["SELECT"], &[], &[]), "REVOKE INSERT AS boss; GRANT SELECT"),
        (
            vec![row("boss", G, "SELECT"), row("dbo", G, "SELECT")],
            grants(&[], &[], &[]),
            "REVOKE SELECT AS boss; REVOKE SELECT",
        ),
        (vec![row("boss", W, "SELECT")], grants(&["SELECT"], &[], &[]), "OPTION SELECT AS boss"),
        (vec![row("boss", W, "SELECT"), row("dbo", G, "SELECT")], grants(&[], &["SELECT"], &[]), ""),
        (vec![row("boss", G, "SELECT")], grants(&[], &["SELECT"], &[]), "GRANT+ SELECT"),
        (vec![row("boss", D, "SELECT")], grants(&["SELECT"], &[], &[]), "REVOKE SELECT AS boss; GRANT SELECT"),
        (vec![row("boss", G, "SELECT")], grants(&[], &[], &["SELECT"]), "REVOKE SELECT AS boss; DENY SELECT"),
        // The same name in another spelling is the operator.
        (vec![row("DBO ", G, "SELECT")], grants(&[], &[], &[]), "REVOKE SELECT"),
    ] {
        assert_eq!(changes(&held, &wanted, |_| true), expected, "{held:?} -> {wanted:?}");
    }
}

#[test]
fn what_may_not_be_revoked_stays_and_no_deny_is_lifted_unsaid() {
    for (held, wanted, expected) in [
        (vec![row("boss", G, "INSERT")], grants(&["SELECT"], &[], &[]), "GRANT SELECT"),
        (vec![row("boss", W, "SELECT")], grants(&["SELECT"], &[], &[]), ""),
        (vec![row("boss", G, "SELECT")], grants(&["SELECT"], &[], &[]), ""),
        // A GRANT would lift it.
        (vec![row("boss", D, "SELECT")], grants(&["SELECT"], &[], &[]), ""),
        (vec![row("boss", D, "SELECT")], grants(&[], &["SELECT"], &[]), ""),
        (vec![row("boss", G, "SELECT")], grants(&[], &[], &["SELECT"]), "DENY SELECT"),
    ] {
        assert_eq!(changes(&held, &wanted, |_| false), expected, "{held:?} -> {wanted:?}");
    }
}

#[test]
fn with_grant_option_outranks_without_and_a_deny_stands_apart() {
    let rows = [row("dbo", G, "SELECT"), row("boss", W, "SELECT"), row("dbo", G, "INSERT"), row("boss", D, "INSERT")];
    assert_eq!(Permission::sets(&rows), grants(&["INSERT"], &["SELECT"], &["INSERT"]));
}

/// What the server does with a statement (sql-mi facts §3.3), to rows of one permission that each have their own grantor;
/// the operator is dbo. `None`: it refuses.
fn apply(held: &mut Vec<Permission>, change: &Change) -> Option<()> {
    let of = |row: &Revocation| row.grantor.as_ref().map_or("dbo", Identifier::as_str).to_owned();
    let find = |held: &[Permission], name: &PermissionName, grantor: &str| {
        held.iter().position(|it| it.name == *name && it.grantor == grantor)
    };
    match change {
        // A GRANT lifts a DENY unsaid, and takes no grant option away.
        Change::Grant(name) | Change::GrantWithGrantOption(name) => {
            held.retain(|it| it.name != *name || it.state != D);
            let state = if matches!(change, Change::Grant(_)) { G } else { W };
            match find(held, name, "dbo") {
                Some(place) => held[place].state = held[place].state.max(state),
                None => held.push(row("dbo", state, name.as_str())),
            }
        }
        Change::Deny(name) => {
            held.retain(|it| it.name != *name || it.grantor != "dbo");
            held.push(row("dbo", D, name.as_str()));
        }
        Change::Revoke(it) | Change::RevokeCascade(it) => {
            // What is not there is revoked without a word, so here it counts as a mistake.
            let place = find(held, &it.name, &of(it))?;
            // 4611: one with grant option needs CASCADE.
            if held[place].state == W && matches!(change, Change::Revoke(_)) {
                return None;
            }
            held.remove(place);
        }
        // Of a permission without the option this revokes the permission itself.
        Change::RevokeGrantOption(it) => {
            let place = find(held, &it.name, &of(it))?;
            if held[place].state == W {
                held[place].state = G;
            } else {
                held.remove(place);
            }
        }
    }
    Some(())
}

/// Every way in which two permissions can be held from two grantors, or not.
fn every_held() -> Vec<Vec<Permission>> {
    let places = [("dbo", "INSERT"), ("dbo", "SELECT"), ("boss", "INSERT"), ("boss", "SELECT")];
    (0..4_usize.pow(4))
        .map(|code| {
            let state = |place: usize| match code / 4_usize.pow(place as u32) % 4 {
                1 => Some(G),
                2 => Some(W),
                3 => Some(D),
                _ => None,
            };
            let rows = places.iter().enumerate();
            rows.filter_map(|(place, (grantor, name))| Some(row(grantor, state(place)?, name))).collect()
        })
        .collect()
}

fn every_wanted() -> Vec<Grants> {
    (0..4_usize.pow(2))
        .map(|code| {
            let mut grants = Grants::default();
            for (place, name) in ["INSERT", "SELECT"].into_iter().enumerate() {
                let set = match code / 4_usize.pow(place as u32) % 4 {
                    1 => &mut grants.granted,
                    2 => &mut grants.with_grant_option,
                    3 => &mut grants.denied,
                    _ => continue,
                };
                set.insert(name.parse().unwrap());
            }
            grants
        })
        .collect()
}

/// Runs the changes, and sees that no GRANT lifts a DENY.
fn run(held: &[Permission], changes: &[Change], context: &str) -> Vec<Permission> {
    let mut then = held.to_vec();
    for change in changes {
        if let Change::Grant(name) | Change::GrantWithGrantOption(name) = change {
            assert!(!then.iter().any(|it| it.name == *name && it.state == D), "{context}");
        }
        apply(&mut then, change).unwrap_or_else(|| panic!("{context}: {changes:?}"));
    }
    then
}

#[test]
fn the_changes_lead_from_what_is_held_to_what_is_wanted() {
    for held in every_held() {
        for wanted in every_wanted() {
            let context = format!("{held:?} -> {wanted:?}");
            let rows: Vec<&Permission> = held.iter().collect();
            let changes = wanted.changes_from(&rows, "dbo", |_| true);
            let then = run(&held, &changes, &context);
            assert_eq!(Permission::sets(&then), wanted, "{context}: {changes:?}");
            assert_eq!(changes.is_empty(), Permission::sets(&held) == wanted, "{context}: {changes:?}");
            let rows: Vec<&Permission> = then.iter().collect();
            assert!(wanted.changes_from(&rows, "dbo", |_| true).is_empty(), "{context}");
        }
    }
}

#[test]
fn rows_that_may_not_be_revoked_are_there_afterwards() {
    for held in every_held() {
        for wanted in every_wanted() {
            let context = format!("{held:?} -> {wanted:?}");
            let rows: Vec<&Permission> = held.iter().collect();
            let changes = wanted.changes_from(&rows, "dbo", |it| it.grantor == "dbo");
            let then = run(&held, &changes, &context);
            for kept in held.iter().filter(|it| it.grantor == "boss") {
                assert!(then.contains(kept), "{context}: {changes:?}");
            }
            let rows: Vec<&Permission> = then.iter().collect();
            let more = wanted.changes_from(&rows, "dbo", |it| it.grantor == "dbo");
            assert!(more.is_empty(), "{context}: {changes:?}, then {more:?}");
        }
    }
}

#[test]
fn a_permission_is_words_in_any_spelling() {
    for spelled in ["VIEW DATABASE STATE", "view database state", " VIEW  DATABASE   State "] {
        assert_eq!(spelled.parse::<PermissionName>().unwrap().as_str(), "VIEW DATABASE STATE", "{spelled}");
    }
    for wrong in
        ["", " ", "SELECT; DROP", "SELECT--", "SELECT, INSERT", "[SELECT]", "SELECT\n", "SELECT\u{A0}", "\u{17F}ELECT"]
    {
        assert!(wrong.parse::<PermissionName>().is_err(), "{wrong:?}");
    }
}
