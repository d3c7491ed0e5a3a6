"""The tabs, for every host: one source on gradio 3.41, 4.40 and 6. They talk to the service, never to a web UI."""
