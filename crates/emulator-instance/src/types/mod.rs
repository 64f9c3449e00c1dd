//! T-SQL types. The modules: which there are ([`kinds`]), how they are declared, how values become other values.

mod convert;
mod decimal;
mod declared;
mod kinds;
mod numbers;
mod styles;

pub use convert::{assigned, check_implicit, convert, convert_from, narrow};
pub use decimal::{Operation, calculate, exact, from_sortable, is_exact, parse_decimal, round_to, sortable};
pub use declared::{cast_target, declared};
pub use kinds::{
    ColumnType, TYPES, bigint, column_type, common, is_binary, is_integer, is_moment, is_national, is_number, is_text,
    name_of, text_length, whole_digits,
};
pub use styles::{check_style, written};
