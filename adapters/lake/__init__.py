"""The log for other engines: Parquet files, and DuckDB over them or over the ledger. It knows no rule."""
