//! Partitions: every heap and index has one, for nothing here is partitioned.

use super::super::state::{IndexKind, Table};
use super::shape::{BIT, Context, DESC, INT, SMALL, TINY, View, column, int, required, text};
use emulator_ground::value::{SqlType, Value};

pub static VIEWS: &[View] = &[
    view!(
        "sys.partitions",
        [
            required("partition_id", SqlType::BigInt),
            required("object_id", INT),
            required("index_id", INT),
            required("partition_number", INT),
            required("hobt_id", SqlType::BigInt),
            column("rows", SqlType::BigInt),
            required("filestream_filegroup_id", SMALL),
            required("data_compression", TINY),
            column("data_compression_desc", DESC),
            column("xml_compression", BIT),
            column("xml_compression_desc", SqlType::VarChar(Some(3))),
        ],
        |c| {
            let rows = partitions(c).map(|(table, index, kind)| {
                let id = Value::Int(partition_id(table.id, index));
                // 3 is COLUMNSTORE; nothing else is compressed here.
                let columnstore =
                    matches!(kind, Some(IndexKind::ClusteredColumnstore | IndexKind::NonclusteredColumnstore));
                vec![
                    id.clone(),
                    int(table.id),
                    int(index),
                    int(1),
                    id,
                    Value::Int(table.rows.cast_signed()),
                    int(0),
                    int(if columnstore { 3 } else { 0 }),
                    text(if columnstore { "COLUMNSTORE" } else { "NONE" }),
                    Value::Bit(false),
                    text("OFF"),
                ]
            });
            rows.collect()
        }
    ),
    // Pages are not known here: NULL.
    view!(
        "sys.dm_db_partition_stats",
        [
            column("partition_id", SqlType::BigInt),
            required("object_id", INT),
            required("index_id", INT),
            required("partition_number", INT),
            column("in_row_data_page_count", SqlType::BigInt),
            column("in_row_used_page_count", SqlType::BigInt),
            column("in_row_reserved_page_count", SqlType::BigInt),
            column("lob_used_page_count", SqlType::BigInt),
            column("lob_reserved_page_count", SqlType::BigInt),
            column("row_overflow_used_page_count", SqlType::BigInt),
            column("row_overflow_reserved_page_count", SqlType::BigInt),
            column("used_page_count", SqlType::BigInt),
            column("reserved_page_count", SqlType::BigInt),
            column("row_count", SqlType::BigInt),
        ],
        |c| {
            let rows = partitions(c).map(|(table, index, _)| {
                let mut row = vec![Value::Int(partition_id(table.id, index)), int(table.id), int(index), int(1)];
                row.extend(std::iter::repeat_n(Value::Null, 9));
                row.push(Value::Int(table.rows.cast_signed()));
                row
            });
            rows.collect()
        },
        super::system::database_state
    ),
];

/// Table, index id and kind; 0 is the heap. UNCONFIRMED: memory-optimized tables have none, and a filtered index counts
/// every row of its table (the pages call the number approximate).
fn partitions<'a>(c: &'a Context<'_>) -> impl Iterator<Item = (&'a Table, i32, Option<IndexKind>)> {
    c.objects().filter(|t| !t.traits.memory_optimized).flat_map(|table| {
        let clustered = |kind| matches!(kind, IndexKind::Clustered | IndexKind::ClusteredColumnstore);
        let heap = !table.indexes.iter().any(|index| clustered(index.kind));
        let indexes = table.indexes.iter().map(|index| (&**table, index.id, Some(index.kind)));
        heap.then_some((&**table, 0, None)).into_iter().chain(indexes)
    })
}

/// As large as the server's, and the same in both views.
fn partition_id(table: i32, index: i32) -> i64 {
    (1 << 56) + (i64::from(table) << 16) + i64::from(index)
}
