"""The job queue: long commands are queued, run one at a time, watched, cancelled, and kept across restarts."""
