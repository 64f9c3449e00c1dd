//! Logins, users, roles, permissions.

use super::super::moments;
use super::super::state::{Authentication, PermissionRow, PermissionState, PrincipalType, ServerPrincipal};
use super::shape::{
    BIT, Context, DESC, GUID, INT, NAME, SID, TINY, View, WHEN, bit, column, int, or_null, required, text,
};
use emulator_ground::value::{SqlType, Value};

pub static VIEWS: &[View] = &[
    view!(
        "sys.server_principals",
        [
            required("name", NAME),
            required("principal_id", INT),
            column("sid", SID),
            required("type", SqlType::Char(1)),
            column("type_desc", DESC),
            column("is_disabled", INT),
            required("create_date", WHEN),
            required("modify_date", WHEN),
            column("default_database_name", NAME),
            column("default_language_name", NAME),
            column("credential_id", INT),
            column("owning_principal_id", INT),
            required("is_fixed_role", BIT),
            column("tenant_id", GUID),
        ],
        |c| server_principals(c)
            .map(|p| {
                let role = p.kind == PrincipalType::Role;
                let tenant = matches!(p.kind, PrincipalType::External | PrincipalType::ExternalGroup);
                vec![
                    text(&p.name),
                    int(p.id),
                    Value::Bytes(p.sid.clone()),
                    text(p.kind.letter()),
                    text(server_type(p.kind)),
                    int(i32::from(p.disabled)),
                    moments::datetime(p.created),
                    moments::datetime(p.modified),
                    if role { Value::Null } else { text(&p.default_database) },
                    if role { Value::Null } else { text(&p.default_language) },
                    Value::Null,
                    or_null(p.owner.map(int)),
                    bit(p.fixed),
                    if tenant { Value::Guid(c.ambient.instance.tenant) } else { Value::Null },
                ]
            })
            .collect()
    ),
    view!(
        "sys.sql_logins",
        [
            required("name", NAME),
            required("principal_id", INT),
            column("sid", SID),
            required("type", SqlType::Char(1)),
            column("type_desc", DESC),
            column("is_disabled", INT),
            required("create_date", WHEN),
            required("modify_date", WHEN),
            column("default_database_name", NAME),
            column("default_language_name", NAME),
            column("credential_id", INT),
            column("is_policy_checked", BIT),
            column("is_expiration_checked", BIT),
            column("password_hash", SqlType::VarBinary(Some(256))),
        ],
        |c| {
            let hashes = c.may_server("CONTROL SERVER");
            server_principals(c)
                .filter(|p| p.kind == PrincipalType::Sql)
                .map(|p| {
                    vec![
                        text(&p.name),
                        int(p.id),
                        Value::Bytes(p.sid.clone()),
                        text("S"),
                        text("SQL_LOGIN"),
                        int(i32::from(p.disabled)),
                        moments::datetime(p.created),
                        moments::datetime(p.modified),
                        text(&p.default_database),
                        text(&p.default_language),
                        Value::Null,
                        bit(p.check_policy),
                        bit(p.check_expiration),
                        or_null(p.password.as_ref().filter(|_| hashes).map(|p| Value::Bytes(p.hash.clone()))),
                    ]
                })
                .collect()
        }
    ),
    view!("sys.server_role_members", [required("role_principal_id", INT), required("member_principal_id", INT)], |c| {
        c.state
            .server_members
            .iter()
            .filter(|(role, member)| c.state.sees_login(&c.token, *member) && c.state.sees_login(&c.token, *role))
            .map(|(role, member)| vec![int(*role), int(*member)])
            .collect()
    }),
    view!(
        "sys.server_permissions",
        [
            required("class", TINY),
            column("class_desc", DESC),
            required("major_id", INT),
            required("minor_id", INT),
            required("grantee_principal_id", INT),
            required("grantor_principal_id", INT),
            required("type", SqlType::Char(4)),
            column("permission_name", NAME),
            required("state", SqlType::Char(1)),
            column("state_desc", DESC),
        ],
        |c| c
            .state
            .server_permissions
            .iter()
            .filter(|row| c.state.sees_login(&c.token, row.grantee))
            .map(permission_row)
            .collect()
    ),
    view!(
        "sys.database_principals",
        [
            required("name", NAME),
            required("principal_id", INT),
            required("type", SqlType::Char(1)),
            column("type_desc", DESC),
            column("default_schema_name", NAME),
            required("create_date", WHEN),
            required("modify_date", WHEN),
            column("owning_principal_id", INT),
            column("sid", SID),
            required("is_fixed_role", BIT),
            required("authentication_type", INT),
            column("authentication_type_desc", DESC),
            column("default_language_name", NAME),
            column("default_language_lcid", INT),
            required("allow_encrypted_value_modifications", BIT),
            column("tenant_id", GUID),
        ],
        |c| c
            .database
            .principals
            .values()
            .filter(|p| c.state.sees_principal(&c.token, c.database, p.id))
            .map(|p| {
                let (code, desc) = match p.authentication {
                    Authentication::None => (0, "NONE"),
                    Authentication::Instance => (1, "INSTANCE"),
                    Authentication::External => (4, "EXTERNAL"),
                };
                vec![
                    text(&p.name),
                    int(p.id),
                    text(p.kind.letter()),
                    text(user_type(p.kind)),
                    or_null(p.default_schema.as_deref().map(text)),
                    moments::datetime(p.created),
                    moments::datetime(p.modified),
                    or_null(p.owner.map(int)),
                    or_null(p.sid.clone().map(Value::Bytes)),
                    bit(p.fixed),
                    int(code),
                    text(desc),
                    Value::Null,
                    Value::Null,
                    bit(false),
                    Value::Null,
                ]
            })
            .collect()
    ),
    view!(
        "sys.database_role_members",
        [required("role_principal_id", INT), required("member_principal_id", INT)],
        |c| {
            c.database
                .members
                .iter()
                .filter(|(_, member)| c.state.sees_principal(&c.token, c.database, *member))
                .map(|(role, member)| vec![int(*role), int(*member)])
                .collect()
        }
    ),
    view!(
        "sys.database_permissions",
        [
            required("class", TINY),
            column("class_desc", DESC),
            required("major_id", INT),
            required("minor_id", INT),
            required("grantee_principal_id", INT),
            required("grantor_principal_id", INT),
            required("type", SqlType::Char(4)),
            column("permission_name", NAME),
            required("state", SqlType::Char(1)),
            column("state_desc", DESC),
        ],
        |c| c
            .database
            .permissions
            .iter()
            .filter(|row| c.state.sees_principal(&c.token, c.database, row.grantee))
            .map(permission_row)
            .collect()
    ),
];

fn server_principals<'a>(c: &'a Context<'_>) -> impl Iterator<Item = &'a ServerPrincipal> {
    c.state.server_principals.values().filter(|p| c.state.sees_login(&c.token, p.id))
}

fn server_type(kind: PrincipalType) -> &'static str {
    match kind {
        PrincipalType::Sql => "SQL_LOGIN",
        PrincipalType::External => "EXTERNAL_LOGIN",
        PrincipalType::ExternalGroup => "EXTERNAL_GROUP",
        PrincipalType::Role => "SERVER_ROLE",
    }
}

fn user_type(kind: PrincipalType) -> &'static str {
    match kind {
        PrincipalType::Sql => "SQL_USER",
        PrincipalType::External => "EXTERNAL_USER",
        PrincipalType::ExternalGroup => "EXTERNAL_GROUP",
        PrincipalType::Role => "DATABASE_ROLE",
    }
}

pub fn state_letter(state: PermissionState) -> (&'static str, &'static str) {
    match state {
        PermissionState::Grant => ("G", "GRANT"),
        PermissionState::GrantWithOption => ("W", "GRANT_WITH_GRANT_OPTION"),
        PermissionState::Deny => ("D", "DENY"),
    }
}

fn permission_row(row: &PermissionRow) -> Vec<Value> {
    let (class, class_desc) = row.permission.class.code();
    let (state, state_desc) = state_letter(row.state);
    vec![
        int(class),
        text(class_desc),
        int(row.major),
        int(row.minor),
        int(row.grantee),
        int(row.grantor),
        text(format!("{:<4}", row.permission.code)),
        text(row.permission.name),
        text(state),
        text(state_desc),
    ]
}
