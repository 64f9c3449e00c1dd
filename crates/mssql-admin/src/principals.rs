//! The principals of a database, their roles and permissions at one moment (sql-mi facts §2, §3).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::effective::Covering;
use crate::error::{Error, Result};
use crate::permission::{Permission, PermissionName, PermissionState};
use crate::statement::{Identifier, named};

/// A principal as the catalog shows it: a user, a role, or something else that can own and be granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    pub id: i64,
    pub name: String,
    pub kind: PrincipalKind,
    /// Hexadecimal, of whatever length; empty where there is none.
    pub sid: String,
    pub default_schema: Option<String>,
    /// The database roles it is a member of itself, not by another role.
    pub roles: BTreeSet<Identifier>,
    /// A role of the server's own.
    pub is_fixed_role: bool,
    /// Of a role: the number of its owner.
    pub(crate) owner: Option<i64>,
    /// When it was made, as the server says it.
    pub(crate) created: String,
    pub(crate) login: Option<LoginRef>,
}

impl Principal {
    /// What it has in common with no other: its number, which a later one may get again, and when it was made. Neither
    /// another name nor another login changes it.
    pub fn identity(&self) -> String {
        format!("{}@{}", self.id, self.created)
    }
}

impl Known<'_> {
    /// The number in the identity.
    pub fn id(&self) -> Option<i64> {
        self.identity?.split('@').next()?.parse().ok()
    }
}

/// What is known of a principal, from the certain to the vague. Made from a text, its name.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// [`Principal::identity`].
    pub identity: Option<&'a str>,
    /// A principal that was mapped to another login has another one, and one that was made again may have the same.
    pub sid: Option<&'a str>,
    pub name: &'a str,
}

impl<'a> From<&'a str> for Known<'a> {
    fn from(name: &'a str) -> Self {
        Self { identity: None, sid: None, name }
    }
}

/// The login of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginRef {
    pub name: String,
    /// Hexadecimal; the user's own.
    pub sid: String,
}

/// What a principal is: `sys.database_principals.type`, and of SQL users the authentication type (sql-mi facts §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrincipalKind {
    /// Of a SQL login, also of one that is gone.
    SqlUser,
    UserWithoutLogin,
    /// With a password in the database.
    ContainedUser,
    WindowsUser,
    WindowsGroup,
    /// Of an Entra user or application; whether it has a login or is contained, the catalog does not tell for certain.
    ExternalUser,
    ExternalGroup,
    Role,
    ApplicationRole,
    Certificate,
    AsymmetricKey,
}

impl PrincipalKind {
    /// `authentication_type`: 0 none, 1 instance, 2 database.
    pub(crate) fn of(kind: &str, authentication: Option<i64>) -> Option<Self> {
        Some(match (kind, authentication) {
            ("S", Some(0)) => Self::UserWithoutLogin,
            ("S", Some(2)) => Self::ContainedUser,
            ("S", _) => Self::SqlUser,
            ("U", _) => Self::WindowsUser,
            ("G", _) => Self::WindowsGroup,
            ("E", _) => Self::ExternalUser,
            ("X", _) => Self::ExternalGroup,
            ("R", _) => Self::Role,
            ("A", _) => Self::ApplicationRole,
            ("C", _) => Self::Certificate,
            ("K", _) => Self::AsymmetricKey,
            _ => return None,
        })
    }

    pub fn describe(self) -> &'static str {
        match self {
            Self::SqlUser => "a user of a SQL login",
            Self::UserWithoutLogin => "a user without login",
            Self::ContainedUser => "a user with a password in the database",
            Self::WindowsUser => "a Windows user",
            Self::WindowsGroup => "a Windows group",
            Self::ExternalUser => "an Entra user or application",
            Self::ExternalGroup => "an Entra group",
            Self::Role => "a database role",
            Self::ApplicationRole => "an application role",
            Self::Certificate => "a user of a certificate",
            Self::AsymmetricKey => "a user of an asymmetric key",
        }
    }

    /// Everything but the two kinds of roles.
    pub fn is_user(self) -> bool {
        !matches!(self, Self::Role | Self::ApplicationRole)
    }

    /// Whether a login of the server may stand behind it.
    pub fn may_have_login(self) -> bool {
        self.is_user() && !matches!(self, Self::UserWithoutLogin | Self::ContainedUser)
    }
}

/// All of them, with the database-level permissions.
#[derive(Clone, Debug)]
pub struct DatabasePrincipals {
    pub(crate) database: String,
    pub(crate) operator: String,
    pub(crate) principals: Vec<Principal>,
    /// The roles of each member, by id.
    pub(crate) memberships: BTreeMap<i64, BTreeSet<i64>>,
    pub(crate) permissions: Vec<Permission>,
    /// Schemas that are not the server's own, with the number of their owner.
    pub(crate) schemas: Vec<(i64, String)>,
    pub(crate) covering: Arc<Covering>,
    pub(crate) sees_users: bool,
    pub(crate) sees_roles: bool,
    pub(crate) sees_permissions: bool,
    pub(crate) sees_logins: bool,
}

/// What a REVOKE … CASCADE takes along: a row that the principal, or somebody after it, gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    pub grantee: String,
    pub name: PermissionName,
    pub state: PermissionState,
    pub grantor: String,
}

impl DatabasePrincipals {
    /// The database's name, as the server spells it.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// From whom the operator's own statements are recorded: `dbo` for members of db_owner, dbo itself and sysadmin, else
    /// its user. Empty when the server does not say.
    pub fn operator(&self) -> &str {
        &self.operator
    }

    pub fn principals(&self) -> impl Iterator<Item = &Principal> {
        self.principals.iter()
    }

    pub fn users(&self) -> impl Iterator<Item = &Principal> {
        self.principals.iter().filter(|it| it.kind.is_user())
    }

    /// A principal of any kind: the exact name first, then as the usual collation compares.
    pub fn named(&self, name: &str) -> Option<&Principal> {
        named(name, &self.principals, |it| &it.name, |_| true)
    }

    /// The principal of this SID.
    pub fn by_sid(&self, sid: &str) -> Option<&Principal> {
        self.principals.iter().find(|it| !sid.is_empty() && it.sid.eq_ignore_ascii_case(sid))
    }

    /// By its number, which stays the same when it is renamed or mapped to another login.
    pub fn by_id(&self, id: i64) -> Option<&Principal> {
        self.principals.iter().find(|it| it.id == id)
    }

    /// By what it has in common with no other.
    fn by_identity(&self, identity: &str) -> Option<&Principal> {
        self.principals.iter().find(|it| it.identity() == identity)
    }

    /// A user of any kind: by its identity, else by SID, else by name.
    ///
    /// # Errors
    /// [`Error::Invisible`]: there is no such row, and the reader would not see it if there were.
    pub fn user<'k>(&self, known: impl Into<Known<'k>>) -> Result<Option<&Principal>> {
        self.find(known.into(), is_user)
    }

    /// Whom database permissions can be granted to: a user or a database role, found as a user is.
    ///
    /// # Errors
    /// [`Error::Invisible`], as of [`DatabasePrincipals::user`].
    pub fn grantee<'k>(&self, known: impl Into<Known<'k>>) -> Result<Option<&Principal>> {
        self.find(known.into(), is_grantee)
    }

    fn find(&self, known: Known<'_>, fits: impl Fn(&Principal) -> bool) -> Result<Option<&Principal>> {
        let found = known.identity.and_then(|identity| self.by_identity(identity)).filter(|it| fits(it));
        let found = found.or_else(|| known.sid.and_then(|sid| self.by_sid(sid)).filter(|it| fits(it)));
        self.proven(found.or_else(|| named(known.name, &self.principals, |it| &it.name, fits)), known.name)
    }

    /// The user whom a change means: by the first of its identity, SID and name that is known, and by nothing else.
    ///
    /// # Errors
    /// [`Error::Invisible`], as of [`DatabasePrincipals::user`].
    pub fn meant(&self, known: Known<'_>) -> Result<Option<&Principal>> {
        self.meant_among(known, is_user)
    }

    /// The same of a user or a database role.
    ///
    /// # Errors
    /// [`Error::Invisible`], as of [`DatabasePrincipals::user`].
    pub fn meant_grantee(&self, known: Known<'_>) -> Result<Option<&Principal>> {
        self.meant_among(known, is_grantee)
    }

    fn meant_among(&self, known: Known<'_>, fits: impl Fn(&Principal) -> bool) -> Result<Option<&Principal>> {
        self.proven(self.among(known, fits), known.name)
    }

    /// By the first of what is known, and by nothing else.
    pub(crate) fn among(&self, known: Known<'_>, fits: impl Fn(&Principal) -> bool) -> Option<&Principal> {
        match known {
            Known { identity: Some(identity), .. } => self.by_identity(identity).filter(|it| fits(it)),
            Known { sid: Some(sid), .. } => self.by_sid(sid).filter(|it| fits(it)),
            Known { name, .. } => named(name, &self.principals, |it| &it.name, fits),
        }
    }

    fn proven<'a>(&self, found: Option<&'a Principal>, name: &str) -> Result<Option<&'a Principal>> {
        match found {
            None if !self.sees_users => Err(Error::Invisible {
                what: format!("user `{name}` of database `{}`", self.database),
                right: "ALTER ANY USER",
            }),
            found => Ok(found),
        }
    }

    /// The login of the same SID. `None`: the user is an orphan, or has no login.
    ///
    /// # Errors
    /// [`Error::Invisible`]: there is no such row, and the reader would not see it if there were.
    pub fn login_of<'a>(&self, user: &'a Principal) -> Result<Option<&'a LoginRef>> {
        match &user.login {
            None if user.kind.may_have_login() && !self.sees_logins => Err(Error::Invisible {
                what: format!("the login of user `{}`", user.name),
                right: "VIEW ANY DEFINITION",
            }),
            login => Ok(login.as_ref()),
        }
    }

    /// The permissions of a principal on the database itself, from whomever; not those of its roles.
    ///
    /// # Errors
    /// [`Error::Invisible`]: the reader does not see the permissions of others.
    pub fn permissions_of(&self, principal: &Principal) -> Result<Vec<&Permission>> {
        if !self.sees_permissions {
            return Err(Error::Invisible {
                what: format!("the permissions of `{}` in database `{}`", principal.name, self.database),
                right: "VIEW DEFINITION",
            });
        }
        Ok(self.permissions.iter().filter(|permission| permission.grantee_id == principal.id).collect())
    }

    /// What revoking the principal's permission with CASCADE takes along: what it granted and denied to others, and what
    /// those passed on whose grant option is taken (sql-mi facts §3.3).
    pub fn taken_along(&self, principal: &Principal, permission: &PermissionName) -> Vec<Taken> {
        let mut taken = Vec::new();
        let mut seen = BTreeSet::from([principal.id]);
        let mut open = vec![principal.id];
        while let Some(grantor) = open.pop() {
            let given =
                |it: &&Permission| it.grantor_id == grantor && it.grantee_id != grantor && it.name == *permission;
            for row in self.permissions.iter().filter(given) {
                taken.push(self.taken(row));
                if row.state == PermissionState::GrantedWithGrantOption && seen.insert(row.grantee_id) {
                    open.push(row.grantee_id);
                }
            }
        }
        taken
    }

    /// The schemas that a principal owns, besides the server's own.
    pub fn schemas_of(&self, principal: &Principal) -> impl Iterator<Item = &str> {
        self.schemas.iter().filter(|(owner, _)| *owner == principal.id).map(|(_, name)| name.as_str())
    }

    /// What a principal has granted and denied to others on the database itself.
    pub fn granted_by(&self, principal: &Principal) -> Vec<Taken> {
        let given = |it: &&Permission| it.grantor_id == principal.id && it.grantee_id != principal.id;
        self.permissions.iter().filter(given).map(|row| self.taken(row)).collect()
    }

    fn taken(&self, row: &Permission) -> Taken {
        let grantee = self.by_id(row.grantee_id);
        Taken {
            grantee: grantee.map_or_else(|| "somebody invisible".to_owned(), |it| it.name.clone()),
            name: row.name.clone(),
            state: row.state,
            grantor: row.grantor.clone(),
        }
    }

    /// The server's own spelling of a permission.
    ///
    /// # Errors
    /// [`Error::UnknownPermission`], with the name that is nearest.
    pub fn check_permission(&self, name: &PermissionName) -> Result<()> {
        if self.covering.database.contains_key(name) {
            return Ok(());
        }
        let known = self.covering.database.keys().map(PermissionName::as_str);
        Err(Error::UnknownPermission { name: name.to_string(), nearest: nearest(name.as_str(), known) })
    }
}

fn is_user(principal: &Principal) -> bool {
    principal.kind.is_user()
}

/// An application role is granted to by nobody here.
fn is_grantee(principal: &Principal) -> bool {
    principal.kind != PrincipalKind::ApplicationRole
}

/// The candidate that fewest changes turn into `name`, if it is near at all.
fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    candidates
        .map(|candidate| (strsim::levenshtein(name, candidate), candidate))
        .min()
        .filter(|(distance, candidate)| *distance * 3 <= candidate.len())
        .map(|(_, candidate)| candidate.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effective::tests::{principal, row, world};
    use crate::permission::PermissionState::{Denied as D, Granted as G, GrantedWithGrantOption as W};

    #[test]
    fn by_sid_first_then_by_the_exact_name_then_by_the_folded_one() {
        let mut world = world();
        world.principals = vec![
            principal(5, "USER", PrincipalKind::SqlUser, "0x05"),
            principal(6, "user", PrincipalKind::SqlUser, "0x06"),
            principal(7, "Readers", PrincipalKind::Role, "0x07"),
            principal(8, "App", PrincipalKind::ApplicationRole, "0x08"),
            principal(9, "Cert", PrincipalKind::Certificate, ""),
        ];
        let known = |sid, name| Known { identity: None, sid, name };
        let user = |sid, name| world.user(known(sid, name)).unwrap().map(|it| it.id);
        assert_eq!(user(None, "user"), Some(6));
        assert_eq!(user(None, "User"), Some(5));
        assert_eq!(user(Some("0X05"), "user"), Some(5), "the SID has the word");
        assert_eq!(user(Some("0x99"), "user"), Some(6), "nobody has the SID");
        assert_eq!(user(Some(""), "nobody"), None, "no SID is nobody's");
        assert_eq!((user(None, "readers"), user(None, "cert")), (None, Some(9)));
        let grantee = |name: &str| world.grantee(name).unwrap().map(|it| it.kind);
        assert_eq!((grantee("READERS"), grantee("app")), (Some(PrincipalKind::Role), None));
        assert_eq!(world.named("app").unwrap().kind.describe(), "an application role");
        // A change means the SID and nothing else.
        assert_eq!(world.meant(known(Some("0x99"), "user")).unwrap(), None);
        assert_eq!(world.meant(known(None, "user")).unwrap().map(|it| it.id), Some(6));
    }

    #[test]
    fn a_principal_stays_itself_under_another_name_and_login() {
        let mut world = world();
        let mut moved = principal(5, "moved", PrincipalKind::SqlUser, "0x0B");
        moved.created = "2026-11-30T13:00:00".into();
        let known = Known { identity: Some("5@2026-11-30T13:00:00"), sid: Some("0x0A"), name: "user" };
        // Somebody else has its former SID and its former name.
        world.principals = vec![moved, principal(6, "user", PrincipalKind::SqlUser, "0x0A")];
        let ids = |world: &DatabasePrincipals| {
            let found = [world.user(known), world.grantee(known), world.meant(known), world.meant_grantee(known)];
            found.map(|found| found.unwrap().map(|it| it.id))
        };
        assert_eq!(ids(&world), [Some(5); 4]);
        // One that has its number and was made later is another: a look adopts what has the SID, a change does not.
        world.principals[0].created = "2026-11-30T14:00:00".into();
        assert_eq!(ids(&world), [Some(6), Some(6), None, None]);
    }

    #[test]
    fn what_cannot_be_seen_is_not_gone() {
        let mut world = world();
        world.sees_users = false;
        world.sees_permissions = false;
        world.sees_logins = false;
        world.principals = vec![
            principal(5, "u", PrincipalKind::SqlUser, "0x05"),
            principal(6, "alone", PrincipalKind::UserWithoutLogin, "0x06"),
        ];
        assert!(world.user("u").unwrap().is_some());
        assert!(matches!(world.user("other"), Err(Error::Invisible { right: "ALTER ANY USER", .. })));
        assert!(matches!(
            world.meant(Known { identity: None, sid: Some("0x99"), name: "u" }),
            Err(Error::Invisible { .. })
        ));
        let user = world.named("u").unwrap();
        assert!(matches!(world.permissions_of(user), Err(Error::Invisible { right: "VIEW DEFINITION", .. })));
        assert!(matches!(world.login_of(user), Err(Error::Invisible { .. })));
        assert_eq!(world.login_of(world.named("alone").unwrap()).unwrap(), None, "it can have none");
    }

    #[test]
    fn a_cascade_takes_what_was_passed_on_and_on() {
        let mut world = world();
        world.principals = [(5, "u"), (6, "friend"), (7, "other"), (8, "last")]
            .map(|(id, name)| principal(id, name, PrincipalKind::SqlUser, ""))
            .into();
        world.permissions = vec![
            row(1, 5, W, "INSERT"),
            row(5, 6, W, "INSERT"),
            row(6, 7, G, "INSERT"),
            row(6, 5, G, "INSERT"), // a circle
            row(5, 8, D, "INSERT"),
            row(7, 8, G, "INSERT"), // of somebody whose option is not taken
            row(5, 8, G, "SELECT"), // another permission
        ];
        let taken = world.taken_along(world.named("u").unwrap(), &"INSERT".parse().unwrap());
        let said: Vec<_> =
            taken.iter().map(|it| format!("{} {:?} from {}", it.grantee, it.state, it.grantor)).collect();
        assert_eq!(
            said,
            ["friend GrantedWithGrantOption from 5", "last Denied from 5", "other Granted from 6", "u Granted from 6"]
        );
    }

    #[test]
    fn a_kind_follows_from_type_and_authentication() {
        use PrincipalKind as K;
        for (kind, authentication, expected) in [
            ("S", 0, Some(K::UserWithoutLogin)),
            ("S", 1, Some(K::SqlUser)),
            ("S", 2, Some(K::ContainedUser)),
            ("E", 4, Some(K::ExternalUser)),
            ("X", 4, Some(K::ExternalGroup)),
            ("U", 3, Some(K::WindowsUser)),
            ("G", 3, Some(K::WindowsGroup)),
            ("R", 0, Some(K::Role)),
            ("A", 0, Some(K::ApplicationRole)),
            ("C", 0, Some(K::Certificate)),
            ("K", 0, Some(K::AsymmetricKey)),
            ("Z", 0, None),
        ] {
            assert_eq!(K::of(kind, Some(authentication)), expected, "{kind} {authentication}");
        }
    }
}
