"""EasyPhoto over HTTP: on a web UI's FastAPI application and on the standalone server."""
