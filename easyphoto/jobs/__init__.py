"""What takes long, one at a time: asked for, watched, cancelled, and remembered across restarts."""
