"""What an auditor sees: words, tables, transcripts and pictures of what the audit API answers."""
