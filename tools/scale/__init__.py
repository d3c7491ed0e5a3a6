"""What `tools/scale_times.py` measures with, and the model that `tools/scale_simulation.py` runs."""
