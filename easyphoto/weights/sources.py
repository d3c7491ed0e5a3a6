"""A source's URL and headers. The environment is read at each call, because a host may set it late."""

from __future__ import annotations

import os
from urllib.parse import quote

from easyphoto import __version__
from easyphoto.weights.entries import HubFile, ModelScopeFile, Source
from easyphoto.weights.proxies import without_secret

_HUB = "https://huggingface.co"
_MODELSCOPE = "https://modelscope.cn"


def url_of(source: Source) -> str:
    """The source's URL; HF_ENDPOINT and MODELSCOPE_ENDPOINT may name mirrors of the two hubs."""
    match source:
        case HubFile(repository, file, revision):
            return f"{hub_endpoint()}/{repository}/resolve/{quote(revision, safe='')}/{quote(file)}"
        case ModelScopeFile(repository, file, revision):
            endpoint = _endpoint("MODELSCOPE_ENDPOINT", _MODELSCOPE)
            return f"{endpoint}/models/{repository}/resolve/{quote(revision, safe='')}/{quote(file)}"
        case _:
            return source


def shown_url(source: Source) -> str:
    """The source's URL for people to see: an endpoint may hold a name and a password."""
    return without_secret(url_of(source))


def hub_endpoint() -> str:
    return _endpoint("HF_ENDPOINT", _HUB)


def secret_headers(source: Source) -> dict[str, str]:
    """Headers for the first server only: the hub redirects to another one, which must not get the token."""
    token = os.environ.get("HF_TOKEN", "").strip()
    return {"Authorization": f"Bearer {token}"} if token and isinstance(source, HubFile) else {}


def common_headers() -> dict[str, str]:
    # With a compressed transfer, lengths and ranges would not be those of the file.
    return {"User-Agent": f"easyphoto/{__version__}", "Accept-Encoding": "identity"}


def _endpoint(variable: str, default: str) -> str:
    return (os.environ.get(variable, "").strip() or default).rstrip("/")
