"""The tabs, for every host: one source for gradio 3.41, 4.40 and 6. They use the service, never a web UI."""
