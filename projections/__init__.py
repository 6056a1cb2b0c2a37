"""What can be read: each question's answer, kept as tables that follow the ledger."""
