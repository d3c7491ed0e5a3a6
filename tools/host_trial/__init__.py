"""The parts of `trial_host.py`: each module tries one thing in a running web UI."""
