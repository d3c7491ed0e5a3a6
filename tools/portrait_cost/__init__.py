"""What `tools/portrait_seconds.py` measures with."""
