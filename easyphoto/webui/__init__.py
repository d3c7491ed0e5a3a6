"""EasyPhoto inside a Stable Diffusion web UI: the only part that imports the host. See webui/host.py."""
