"""EasyPhoto inside a Stable Diffusion web UI: the only package that imports the host. See webui/host.py."""
