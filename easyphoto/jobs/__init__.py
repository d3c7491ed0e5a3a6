"""The job queue: long commands are queued, run in turn, watched, cancelled, and remembered across restarts."""
