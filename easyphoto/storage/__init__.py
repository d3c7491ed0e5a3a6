"""Files on disk: atomic writes, locks, records, the journal, and recovery after a crash."""
