//! The catalog procedures, through which drivers learn what there is: ODBC's catalog functions and JDBC's
//! `DatabaseMetaData` call these, and no views.
//!
//! They read the catalog views as the caller sees them, so whatever may not be seen there is not here. Columns and their
//! types are those of the pages of the procedures; those ending in `_100` are the same with what later types need.

use super::answer::Procedure;

mod columns;
mod data_types;
mod keys;
mod privileges;
mod roles;
mod routines;
mod server;
mod shared;
mod tables;

pub use routines::routines;

const TABLE: &[&str] = &["@table_name", "@table_owner", "@table_qualifier"];
const SPECIAL: &[&str] = &["@table_name", "@table_owner", "@qualifier", "@col_type", "@scope", "@nullable", "@ODBCVer"];
const STATISTICS: &[&str] =
    &["@table_name", "@table_owner", "@table_qualifier", "@index_name", "@is_unique", "@accuracy"];
const ROUTINE_COLUMNS: &[&str] =
    &["@procedure_name", "@procedure_owner", "@procedure_qualifier", "@column_name", "@ODBCVer", "@fUsePattern"];
/// Of `sp_stored_procedures`.
pub const ROUTINES: &[&str] = &["@sp_name", "@sp_owner", "@sp_qualifier", "@fUsePattern"];

pub(super) const ALL: &[Procedure] = &[
    Procedure {
        name: "sp_tables",
        parameters: &["@table_name", "@table_owner", "@table_qualifier", "@table_type", "@fUsePattern"],
        needed: 0,
        run: |w, v| tables::tables(w, v),
    },
    Procedure {
        name: "sp_columns",
        parameters: &["@table_name", "@table_owner", "@table_qualifier", "@column_name", "@ODBCVer"],
        needed: 1,
        run: |w, v| columns::columns(w, v, false),
    },
    Procedure {
        name: "sp_columns_100",
        parameters: &[
            "@table_name",
            "@table_owner",
            "@table_qualifier",
            "@column_name",
            "@NameScope",
            "@ODBCVer",
            "@fUsePattern",
        ],
        needed: 1,
        run: |w, v| columns::columns(w, v, true),
    },
    Procedure {
        name: "sp_special_columns",
        parameters: SPECIAL,
        needed: 1,
        run: |w, v| columns::special_columns(w, v, false),
    },
    Procedure {
        name: "sp_special_columns_100",
        parameters: SPECIAL,
        needed: 1,
        run: |w, v| columns::special_columns(w, v, true),
    },
    Procedure { name: "sp_pkeys", parameters: TABLE, needed: 1, run: |w, v| keys::primary_keys(w, v) },
    Procedure {
        name: "sp_fkeys",
        parameters: &[
            "@pktable_name",
            "@pktable_owner",
            "@pktable_qualifier",
            "@fktable_name",
            "@fktable_owner",
            "@fktable_qualifier",
        ],
        needed: 0,
        run: |w, v| keys::foreign_keys(w, v),
    },
    Procedure { name: "sp_statistics", parameters: STATISTICS, needed: 1, run: |w, v| keys::statistics(w, v) },
    Procedure { name: "sp_statistics_100", parameters: STATISTICS, needed: 1, run: |w, v| keys::statistics(w, v) },
    Procedure {
        name: "sp_table_privileges",
        parameters: &["@table_name", "@table_owner", "@table_qualifier", "@fUsePattern"],
        needed: 1,
        run: |w, v| privileges::of_tables(w, v),
    },
    Procedure {
        name: "sp_column_privileges",
        parameters: &["@table_name", "@table_owner", "@table_qualifier", "@column_name"],
        needed: 1,
        run: |w, v| privileges::of_columns(w, v),
    },
    Procedure {
        name: "sp_sproc_columns",
        parameters: ROUTINE_COLUMNS,
        needed: 0,
        run: |w, v| routines::routine_columns(w, v, false),
    },
    Procedure {
        name: "sp_sproc_columns_100",
        parameters: ROUTINE_COLUMNS,
        needed: 0,
        run: |w, v| routines::routine_columns(w, v, true),
    },
    Procedure {
        name: "sp_datatype_info",
        parameters: &["@data_type", "@ODBCVer"],
        needed: 0,
        run: |_, v| Ok(data_types::data_types(v, false)),
    },
    Procedure {
        name: "sp_datatype_info_100",
        parameters: &["@data_type", "@ODBCVer"],
        needed: 0,
        run: |_, v| Ok(data_types::data_types(v, true)),
    },
    Procedure {
        name: "sp_helprole",
        parameters: &["@rolename"],
        needed: 0,
        run: |w, v| roles::roles_of_database(w, v),
    },
    Procedure {
        name: "sp_helprolemember",
        parameters: &["@rolename"],
        needed: 0,
        run: |w, v| roles::members(w, v, false),
    },
    Procedure {
        name: "sp_helpsrvrolemember",
        parameters: &["@srvrolename"],
        needed: 0,
        run: |w, v| roles::members(w, v, true),
    },
    Procedure { name: "sp_databases", parameters: &[], needed: 0, run: |w, _| server::databases(w) },
    Procedure {
        name: "sp_server_info",
        parameters: &["@attribute_id"],
        needed: 0,
        run: |_, v| Ok(server::server_info(v)),
    },
];
