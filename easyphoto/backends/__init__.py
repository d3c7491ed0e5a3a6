"""Backends that run diffusion: with diffusers on this machine, or through a remote web UI."""
