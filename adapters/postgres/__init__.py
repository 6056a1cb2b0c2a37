"""PostgreSQL: the ledger's tables, the connections to them and the embedded server."""
