"""What runs diffusion: diffusers here, later the web UI in this process or one elsewhere."""
