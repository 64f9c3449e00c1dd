SELECT s.name AS schema_name, t.name AS table_name, t.object_id,
       t.is_memory_optimized, t.temporal_type, t.ledger_type, t.is_node, t.is_edge, t.is_external,
       cci = CASE WHEN EXISTS (SELECT 1 FROM sys.indexes i WHERE i.object_id=t.object_id AND i.type=5) THEN 1 ELSE 0 END,
       has_pk = CASE WHEN EXISTS (SELECT 1 FROM sys.indexes i WHERE i.object_id=t.object_id AND i.is_primary_key=1) THEN 1 ELSE 0 END,
       key_kind = CASE k.is_primary_key WHEN 1 THEN 'PK' WHEN 0 THEN 'CLUSTERED' END,
       c.column_id, c.name AS column_name, bt.name AS base_type, ut.name AS declared_type,
       ut.is_assembly_type, c.max_length, c.scale, c.is_computed, c.encryption_type,
       in_key = CASE WHEN ic.column_id IS NULL THEN 0 ELSE 1 END
FROM sys.tables t
JOIN sys.schemas s ON s.schema_id=t.schema_id
JOIN sys.columns c ON c.object_id=t.object_id
JOIN sys.types ut ON ut.user_type_id=c.user_type_id
LEFT JOIN sys.types bt ON bt.user_type_id=c.system_type_id          -- NULL for CLR types (240)
OUTER APPLY (SELECT TOP (1) i.index_id, i.is_primary_key FROM sys.indexes i
             WHERE i.object_id=t.object_id AND (i.is_primary_key=1 OR i.type=1)
             ORDER BY i.is_primary_key DESC) k
LEFT JOIN sys.index_columns ic ON ic.object_id=t.object_id AND ic.index_id=k.index_id
     AND ic.column_id=c.column_id AND ic.is_included_column=0
WHERE t.is_ms_shipped=0 ORDER BY s.name, t.name, c.column_id;
