"""What the trials by force share: kill_trial, kill_server, fuzz_trial and soak_trial."""
