//! *Nothing unseen*: every difference that an apply makes in the world stood in its plan – as an action on that object and
//! that attribute – or a warning of the plan named it.

use tfplugin::Dynamic;
use tfplugin::testing::{Action, Plan};

use crate::configs::Type;
use crate::invariants::{of_kind, ours};
use crate::snapshot::{Difference, Snapshot, Thing, same};

/// A change of a plan that does something.
#[derive(Debug, Clone, Copy)]
pub struct Planned<'a> {
    pub it: Type,
    pub action: Action,
    pub before: &'a Dynamic,
    pub after: &'a Dynamic,
}

pub fn planned(plan: &Plan) -> Vec<Planned<'_>> {
    let changes = plan.changes.iter().filter(|change| change.action != Action::NoOp);
    changes
        .filter_map(|change| {
            let it = Type::of(&change.address)?;
            Some(Planned { it, action: change.action, before: &change.before, after: &change.after })
        })
        .collect()
}

/// The text of an attribute.
pub fn known<'a>(value: &'a Dynamic, attribute: &str) -> Option<&'a str> {
    match value.get(attribute) {
        Dynamic::String(text) => Some(text),
        _ => None,
    }
}

/// Whether a set of texts holds this one.
fn lists(value: &Dynamic, attribute: &str, wanted: &str) -> bool {
    match value.get(attribute) {
        Dynamic::List(elements) => elements.iter().any(|it| matches!(it, Dynamic::String(text) if same(text, wanted))),
        _ => false,
    }
}

impl Planned<'_> {
    pub fn makes(&self) -> bool {
        matches!(self.action, Action::Create | Action::Replace)
    }

    pub fn ends(&self) -> bool {
        matches!(self.action, Action::Delete | Action::Replace)
    }

    fn alters(&self) -> bool {
        self.action == Action::Update
    }

    fn differs(&self, attribute: &str) -> bool {
        self.before.get(attribute) != self.after.get(attribute)
    }

    /// One of the texts before and after.
    pub fn is(&self, attribute: &str, text: &str) -> bool {
        [self.before, self.after].iter().any(|it| known(it, attribute).is_some_and(|it| same(it, text)))
    }

    pub fn is_or_unknown(&self, attribute: &str, text: &str) -> bool {
        self.is(attribute, text) || *self.after.get(attribute) == Dynamic::Unknown
    }

    fn was(&self, attribute: &str, text: &str) -> bool {
        known(self.before, attribute).is_some_and(|it| same(it, text))
    }

    fn becomes(&self, attribute: &str, text: &str) -> bool {
        known(self.after, attribute).is_some_and(|it| same(it, text)) || *self.after.get(attribute) == Dynamic::Unknown
    }

    /// What the object was, by SID where the state holds one.
    fn was_principal(&self, name: &str, sid: &str) -> bool {
        match known(self.before, "sid") {
            Some(known) => same(known, sid),
            None => self.was("name", name),
        }
    }
}

/// An apply's plan, and the world before and after it.
pub struct Accounts<'a> {
    pub plan: &'a Plan,
    pub planned: Vec<Planned<'a>>,
    /// As the plan saw it.
    pub seen: &'a Snapshot,
    pub before: &'a Snapshot,
    pub after: &'a Snapshot,
}

impl Accounts<'_> {
    /// Whether the plan or a warning of it told.
    pub fn explain(&self, difference: &Difference) -> bool {
        self.is_planned(difference) || self.is_warned_of(difference)
    }

    fn any(&self, it: Type, fits: impl Fn(&Planned<'_>) -> bool) -> bool {
        self.planned.iter().any(|planned| planned.it == it && fits(planned))
    }

    fn is_planned(&self, difference: &Difference) -> bool {
        match difference.thing() {
            Thing::Login(_) => self.login(difference),
            Thing::ServerMember { role: _, member } => self.server_member(difference, *member),
            Thing::ServerPermission { grantee, permission, .. } => {
                self.server_permission(difference, *grantee, permission)
            }
            Thing::User { database, .. } => self.user(difference, database),
            Thing::Role { database, .. } => self.role(difference, database),
            Thing::Member { database, role, member } => self.member(difference, database, *role, *member),
            Thing::Permission { database, grantee, permission, .. } => {
                self.permission(difference, database, *grantee, permission)
            }
            Thing::Schema { database, .. } => self.schema(difference, database),
            Thing::Connection(id) => self.connection(difference, id),
            Thing::ConnectionRole { connection, .. } => self.with_connection(difference, connection),
            Thing::Assignment { workspace, principal } => self.assignment(difference, workspace, principal),
            Thing::Item(id) => self.item(difference, id),
            Thing::ObjectPermission { database, grantee, permission, .. } => {
                // What somebody held on a user or role goes with that one, too.
                let on = permission.rsplit_once(" ON ").and_then(|(_, on)| on.strip_suffix(".0")?.split_once(' '));
                let on = on.filter(|(class, _)| ["Role", "User"].contains(class)).and_then(|(_, id)| id.parse().ok());
                self.goes_with_principal(difference, database, *grantee)
                    || on.is_some_and(|id| self.goes_with_principal(difference, database, id))
            }
            Thing::ServerRole(_) | Thing::Table { .. } | Thing::Workspace(_) | Thing::Folder(_) => false,
        }
    }

    fn login(&self, difference: &Difference) -> bool {
        match difference {
            Difference::Appeared(thing) => {
                let (name, sid) = (self.after.fact(thing, "name"), self.after.fact(thing, "sid"));
                self.any(Type::Login, |it| it.makes() && it.becomes("name", name) && it.becomes("sid", sid))
            }
            Difference::Vanished(thing) => {
                let (name, sid) = (self.before.fact(thing, "name"), self.before.fact(thing, "sid"));
                self.any(Type::Login, |it| it.ends() && it.was_principal(name, sid))
            }
            Difference::Changed(thing, fact) => {
                let (name, sid) = (self.before.fact(thing, "name"), self.before.fact(thing, "sid"));
                let attribute = match *fact {
                    "password" => "password_wo_version",
                    attribute => attribute,
                };
                // A login that is dropped by force is disabled before.
                let forced = |it: &Planned<'_>| {
                    let force = *it.before.get("force_drop") == Dynamic::Bool(true);
                    it.ends() && *fact == "enabled" && force && it.was_principal(name, sid)
                };
                let altered = |it: &Planned<'_>| {
                    let differs = it.differs(attribute)
                        || (attribute == "password_wo_version" && it.differs("password_last_set"));
                    it.alters() && it.was_principal(name, sid) && differs
                };
                // Taken over with proof: it has our name, our SID and our password, so that one does not change.
                let finished = |it: &Planned<'_>| {
                    it.makes() && *fact != "password" && it.becomes("name", name) && it.becomes("sid", sid)
                };
                self.any(Type::Login, |it| altered(it) || finished(it) || forced(it))
            }
        }
    }

    /// Name and SID of a login, from the moment when it was there.
    fn login_of(&self, id: i64) -> (&str, &str, bool) {
        let thing = Thing::Login(id);
        let there = self.before.things.contains_key(&thing);
        let at = if there { self.before } else { self.after };
        (at.fact(&thing, "name"), at.fact(&thing, "sid"), there)
    }

    fn server_member(&self, difference: &Difference, member: i64) -> bool {
        let (name, sid, old) = self.login_of(member);
        let thing = difference.thing();
        match difference {
            Difference::Appeared(_) => {
                let role = self.after.fact(thing, "role");
                self.any(Type::Login, |it| {
                    let ours = if old && it.alters() { it.was_principal(name, sid) } else { it.becomes("name", name) };
                    let unseen = it.alters() && lists(it.before, "server_roles", role);
                    ours && !it.ends_only() && lists(it.after, "server_roles", role) && !unseen
                })
            }
            Difference::Vanished(_) => {
                let role = self.before.fact(thing, "role");
                self.any(Type::Login, |it| {
                    let taken =
                        it.alters() && lists(it.before, "server_roles", role) && !lists(it.after, "server_roles", role);
                    it.was_principal(name, sid) && (it.ends() || taken)
                })
            }
            Difference::Changed(..) => false,
        }
    }

    /// CONNECT SQL comes with the login, with an Entra principal's VIEW ANY DATABASE, and all of them go with it. CONNECT SQL is
    /// how a group is let in and kept out.
    fn server_permission(&self, difference: &Difference, grantee: i64, permission: &str) -> bool {
        let login = Thing::Login(grantee);
        match difference {
            Difference::Appeared(_) => {
                let is_entra = self.after.fact(&login, "kind").starts_with("External");
                (permission == "CONNECT SQL" || (is_entra && permission == "VIEW ANY DATABASE"))
                    && self.login(&Difference::Appeared(login.clone()))
                    && !self.before.things.contains_key(&login)
                    || (permission == "CONNECT SQL" && self.lets_in(grantee))
            }
            Difference::Vanished(_) => {
                // A DENY takes the place of what somebody else granted.
                !self.after.things.contains_key(&login) && self.login(&Difference::Vanished(login))
                    || (permission == "CONNECT SQL" && self.lets_in(grantee))
            }
            Difference::Changed(..) => permission == "CONNECT SQL" && self.lets_in(grantee),
        }
    }

    /// The plan lets an Entra group in, or keeps it out.
    fn lets_in(&self, id: i64) -> bool {
        let (name, sid, _) = self.login_of(id);
        self.after.fact(&Thing::Login(id), "kind") == "ExternalGroup"
            && self.any(Type::Login, |it| {
                let altered = it.alters() && it.differs("enabled") && it.was_principal(name, sid);
                altered || (it.makes() && it.becomes("name", name))
            })
    }

    fn in_database(it: &Planned<'_>, database: &str) -> bool {
        it.is_or_unknown("database", database)
    }

    fn user(&self, difference: &Difference, database: &str) -> bool {
        let thing = difference.thing();
        let any = |fits: &dyn Fn(&Planned<'_>) -> bool| {
            self.any(Type::User, |it| Self::in_database(it, database) && fits(it))
        };
        match difference {
            Difference::Appeared(_) => {
                let name = self.after.fact(thing, "name");
                any(&|it| it.makes() && it.becomes("name", name))
            }
            Difference::Vanished(_) => {
                let (name, sid) = (self.before.fact(thing, "name"), self.before.fact(thing, "sid"));
                any(&|it| it.ends() && it.was_principal(name, sid))
            }
            Difference::Changed(_, fact) => {
                let (name, sid) = (self.before.fact(thing, "name"), self.before.fact(thing, "sid"));
                any(&|it| {
                    let differs = match *fact {
                        "sid" => it.differs("login_name") || it.differs("sid"),
                        "kind" => it.differs("login_name"),
                        attribute => it.differs(attribute),
                    };
                    let it_is = it.was_principal(name, sid) || it.was("name", name);
                    it.alters() && it_is && differs
                })
            }
        }
    }

    fn role(&self, difference: &Difference, database: &str) -> bool {
        let thing = difference.thing();
        let any = |fits: &dyn Fn(&Planned<'_>) -> bool| {
            self.any(Type::Role, |it| Self::in_database(it, database) && fits(it))
        };
        let was = |it: &Planned<'_>| it.was_principal(self.before.fact(thing, "name"), self.before.fact(thing, "sid"));
        match difference {
            Difference::Appeared(_) => any(&|it| it.makes() && it.becomes("name", self.after.fact(thing, "name"))),
            Difference::Vanished(_) => any(&|it| it.ends() && was(it)),
            Difference::Changed(_, fact) => any(&|it| it.alters() && was(it) && it.differs(fact)),
        }
    }

    /// The plan ends the role, takes its members out of it, and says of whom it knows.
    fn leaves_with_role(&self, difference: &Difference, database: &str, role: i64, member: i64) -> bool {
        let role = Thing::Role { database: database.to_owned(), id: role };
        let (name, sid) = (self.before.fact(&role, "name"), self.before.fact(&role, "sid"));
        let takes_out = |it: &Planned<'_>| {
            let takes_out = *it.before.get("remove_members") == Dynamic::Bool(true);
            Self::in_database(it, database) && it.ends() && it.was_principal(name, sid) && takes_out
        };
        let is_named = |text: &str| {
            let listed = text.lines().filter_map(|line| line.strip_prefix("- "));
            let names = listed.filter_map(|it| it.rsplit_once(", ")).map(|(name, _)| name);
            names.into_iter().any(|it| self.before.was_called(database, member, it))
        };
        let mut warnings = self.plan.diagnostics.iter().filter(|it| !it.error && it.summary.ends_with(" lose it"));
        matches!(difference, Difference::Vanished(_))
            && self.any(Type::Role, takes_out)
            && warnings.any(|it| is_named(&it.detail))
    }

    fn user_of(database: &str, id: i64) -> Thing {
        Thing::User { database: database.to_owned(), id }
    }

    fn member(&self, difference: &Difference, database: &str, of: i64, member: i64) -> bool {
        let user = Self::user_of(database, member);
        let thing = difference.thing();
        if self.leaves_with_role(difference, database, of, member) {
            return true;
        }
        match difference {
            Difference::Appeared(_) => {
                let (role, name) = (self.after.fact(thing, "role"), self.after.fact(&user, "name"));
                // One that is made in this run is not known to the plan by its name.
                let is_new = !self.before.things.contains_key(&Thing::Role { database: database.to_owned(), id: of });
                let made = is_new && self.any(Type::Role, |it| it.makes() && it.becomes("name", role));
                let joins = |it: &Planned<'_>| {
                    let unknown =
                        matches!(it.after.get("roles"), Dynamic::List(roles) if roles.contains(&Dynamic::Unknown));
                    lists(it.after, "roles", role) || (made && unknown)
                };
                self.any(Type::User, |it| {
                    let unseen = it.alters() && lists(it.before, "roles", role) && !made;
                    // Whatever others call it since the plan.
                    let is_former = || {
                        it.alters()
                            && known(it.before, "name").is_some_and(|it| self.before.was_called(database, member, it))
                    };
                    Self::in_database(it, database)
                        && !it.ends_only()
                        && (it.becomes("name", name) || is_former())
                        && joins(it)
                        && !unseen
                })
            }
            Difference::Vanished(_) => {
                let role = self.before.fact(thing, "role");
                let (name, sid) = (self.before.fact(&user, "name"), self.before.fact(&user, "sid"));
                let taken = |it: &Planned<'_>| {
                    Self::in_database(it, database)
                        && it.alters()
                        && (it.was_principal(name, sid) || it.was("name", name))
                        && lists(it.before, "roles", role)
                        && !lists(it.after, "roles", role)
                };
                self.goes_with_principal(difference, database, member) || self.any(Type::User, taken)
            }
            // Its role has another name.
            Difference::Changed(..) => {
                let role = Thing::Role { database: database.to_owned(), id: of };
                self.is_planned(&Difference::Changed(role, "name"))
            }
        }
    }

    /// What a user or role held goes with it, when it was planned to go.
    fn goes_with_principal(&self, difference: &Difference, database: &str, id: i64) -> bool {
        let goes = |thing: Thing| {
            self.before.things.contains_key(&thing)
                && !self.after.things.contains_key(&thing)
                && self.is_planned(&Difference::Vanished(thing))
        };
        matches!(difference, Difference::Vanished(_)) && Snapshot::principals(database, id).into_iter().any(goes)
    }

    fn permission(&self, difference: &Difference, database: &str, grantee: i64, permission: &str) -> bool {
        let user = Self::user_of(database, grantee);
        if self.goes_with_principal(difference, database, grantee) {
            return true;
        }
        let (old_name, new_name) = (self.before.principal(database, grantee), self.after.principal(database, grantee));
        let ours = |it: &Planned<'_>| {
            // Grants know their principal, whatever others call it since the plan.
            let is_former =
                || known(it.before, "principal").is_some_and(|it| self.before.was_called(database, grantee, it));
            Self::in_database(it, database)
                && (it.was("principal", &old_name) || it.becomes("principal", &new_name) || is_former())
        };
        let state = |snapshot: &Snapshot| snapshot.fact(difference.thing(), "state").to_owned();
        let gains = |it: &Planned<'_>, set: &str| {
            !it.ends_only() && lists(it.after, set, permission) && (!it.alters() || !lists(it.before, set, permission))
        };
        let loses = |it: &Planned<'_>, set: &str| match it.action {
            Action::Delete | Action::Replace => lists(it.before, set, permission) || permission == "CONNECT",
            Action::Update => lists(it.before, set, permission) && !lists(it.after, set, permission),
            Action::Create | Action::NoOp => false,
        };
        let connects = |it: &Planned<'_>| {
            permission == "CONNECT"
                && (it.makes() || it.differs("connect"))
                && [Dynamic::Bool(true), Dynamic::Unknown].contains(it.after.get("connect"))
        };
        match difference {
            Difference::Appeared(_) => {
                let state = state(self.after);
                let with_user = permission == "CONNECT"
                    && !self.before.things.contains_key(&user)
                    && self.user(&Difference::Appeared(user.clone()), database);
                // Its user or role is replaced before its eyes, and it stays as it was.
                let comes = |thing: Thing| {
                    !self.before.things.contains_key(&thing)
                        && self.after.things.contains_key(&thing)
                        && self.is_planned(&Difference::Appeared(thing))
                };
                let with_its_user = |it: &Planned<'_>| {
                    ours(it)
                        && lists(it.after, set_of(&state), permission)
                        && Snapshot::principals(database, grantee).into_iter().any(comes)
                };
                with_user
                    || self.any(Type::Grants, with_its_user)
                    || self.any(Type::Grants, |it| ours(it) && (gains(it, set_of(&state)) || connects(it)))
            }
            Difference::Vanished(_) => {
                let state = state(self.before);
                // Of somebody who holds it twice, the state shows the stronger one.
                let shown = |it: &Planned<'_>| {
                    loses(it, set_of(&state)) || (state == "Grant" && loses(it, "permissions_with_grant_option"))
                };
                // CONNECT is not among what is held, and whoever gave it, a DENY takes its place.
                let shut_out =
                    |it: &Planned<'_>| permission == "CONNECT" && it.makes() && lists(it.after, "denied", permission);
                self.any(Type::Grants, |it| ours(it) && (shown(it) || shut_out(it)))
            }
            Difference::Changed(..) => {
                let (old, new) = (state(self.before), state(self.after));
                // A grant becomes a grantable one: nothing is taken away.
                let widened = old == "Grant" && new == "GrantWithOption";
                self.any(Type::Grants, |it| {
                    let shown = gains(it, set_of(&new)) || (new == "Grant" && connects(it));
                    let shut_out = permission == "CONNECT" && it.differs("connect");
                    ours(it) && shown && (widened || shut_out || loses(it, set_of(&old)))
                })
            }
        }
    }

    fn schema(&self, difference: &Difference, database: &str) -> bool {
        let thing = difference.thing();
        let owner = self.before.fact(thing, "owner").parse().unwrap_or_default();
        let owner = self.before.principal(database, owner);
        let given =
            |it: &Planned<'_>| it.ends() && it.was("name", &owner) && known(it.before, "transfer_schemas_to").is_some();
        matches!(difference, Difference::Changed(_, "owner")) && self.any(Type::User, given)
    }

    fn connection(&self, difference: &Difference, id: &str) -> bool {
        let thing = difference.thing();
        match difference {
            Difference::Appeared(_) => {
                let name = self.after.fact(thing, "display_name");
                self.any(Type::Connection, |it| it.makes() && it.becomes("display_name", name))
            }
            Difference::Vanished(_) => self.any(Type::Connection, |it| it.ends() && it.was("id", id)),
            Difference::Changed(_, fact) => {
                let attribute = match *fact {
                    "privacy" => "privacy_level",
                    "encryption" => "connection_encryption",
                    "credential" => "basic",
                    attribute => attribute,
                };
                self.any(Type::Connection, |it| it.alters() && it.was("id", id) && it.differs(attribute))
            }
        }
    }

    /// Whoever makes a connection owns it; roles go with it.
    fn with_connection(&self, difference: &Difference, id: &str) -> bool {
        let connection = Thing::Connection(id.to_owned());
        match difference {
            Difference::Appeared(_) => {
                !self.before.things.contains_key(&connection) && self.connection(&Difference::Appeared(connection), id)
            }
            Difference::Vanished(_) => {
                !self.after.things.contains_key(&connection) && self.connection(&Difference::Vanished(connection), id)
            }
            Difference::Changed(..) => false,
        }
    }

    fn assignment(&self, difference: &Difference, workspace: &str, principal: &str) -> bool {
        let thing = difference.thing();
        let given = |value: &Dynamic| {
            let is = |value: Option<&str>, wanted: &str| value.is_some_and(|it| same(it, wanted));
            is(known(value, "workspace_id"), workspace) && is(known(value.get("principal"), "id"), principal)
        };
        match difference {
            Difference::Appeared(_) => self.any(Type::Assignment, |it| it.makes() && given(it.after)),
            Difference::Vanished(_) => self.any(Type::Assignment, |it| it.ends() && given(it.before)),
            Difference::Changed(_, fact) => {
                // Whoever makes it anew makes it as planned, whatever became of it unseen.
                let now = self.after.fact(thing, fact);
                let anew = self.any(Type::Assignment, |it| it.ends() && given(it.before))
                    && self.any(Type::Assignment, |it| it.makes() && given(it.after) && it.becomes(fact, now));
                anew || self.any(Type::Assignment, |it| it.alters() && given(it.before) && it.differs(fact))
            }
        }
    }

    fn item(&self, difference: &Difference, id: &str) -> bool {
        let thing = difference.thing();
        match difference {
            Difference::Appeared(_) => {
                let name = self.after.fact(thing, "display_name");
                self.any(Type::Mirror, |it| it.makes() && it.becomes("display_name", name))
            }
            Difference::Vanished(_) => self.any(Type::Mirror, |it| it.ends() && it.was("id", id)),
            Difference::Changed(_, fact) => {
                let attribute = match *fact {
                    "folder" => "folder_id",
                    "connection" => "connection_id",
                    "retention" => "retention_in_days",
                    attribute => attribute,
                };
                self.any(Type::Mirror, |it| it.alters() && it.was("id", id) && it.differs(attribute))
            }
        }
    }

    /// One warning of the plan has all the words by which a reader knows the thing: as it is called now, or as it was when the
    /// plan was made.
    pub fn is_warned_of(&self, difference: &Difference) -> bool {
        let at = if matches!(difference, Difference::Appeared(_)) { self.after } else { self.before };
        [at, self.seen].into_iter().any(|names| self.is_warned_of_by(difference, at, names))
    }

    fn is_warned_of_by(&self, difference: &Difference, at: &Snapshot, names: &Snapshot) -> bool {
        let thing = difference.thing();
        let mut words = match thing {
            Thing::Permission { database, grantee, permission, .. }
            | Thing::ObjectPermission { database, grantee, permission, .. } => {
                vec![permission.clone(), names.principal(database, *grantee)]
            }
            Thing::Member { database, member, .. } => {
                vec![at.fact(thing, "role").to_owned(), names.principal(database, *member)]
            }
            Thing::ServerMember { member, .. } => {
                vec![at.fact(thing, "role").to_owned(), names.fact(&Thing::Login(*member), "name").to_owned()]
            }
            Thing::Connection(_) | Thing::Item(_) => vec![at.fact(thing, "display_name").to_owned()],
            Thing::Assignment { principal, .. } => vec![principal.clone()],
            _ => vec![at.fact(thing, "name").to_owned()],
        };
        if let Difference::Changed(_, fact) = difference {
            // A permission's state is what the whole warning is about.
            words.extend((*fact != "state").then(|| fact.replace('_', " ")));
        }
        let mut warnings = self.plan.diagnostics.iter().filter(|it| !it.error);
        words.iter().all(|word| !word.is_empty())
            && warnings.any(|it| {
                // The address says which object it is about, and the text need not.
                let object = self.plan.change(&it.address).filter(|change| self.is_object(thing, &change.before));
                let name = object.map(|_| words[0].as_str()).unwrap_or_default();
                let text = format!("{}\n{}\n{name}", it.summary, it.detail).to_lowercase();
                words.iter().all(|word| text.contains(&word.to_lowercase()))
            })
    }
}

impl Accounts<'_> {
    /// Whether a thing is what an object of the state was.
    fn is_object(&self, thing: &Thing, value: &Dynamic) -> bool {
        of_kind(thing).is_some_and(|of| ours(of.name(), value, self.before).as_ref() == Some(thing))
    }
}

impl Planned<'_> {
    fn ends_only(&self) -> bool {
        self.action == Action::Delete
    }
}

fn set_of(state: &str) -> &'static str {
    match state {
        "Deny" => "denied",
        "GrantWithOption" => "permissions_with_grant_option",
        _ => "permissions",
    }
}
