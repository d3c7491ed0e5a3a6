"""A web UI in miniature, written from what is known of real ones: the parts of `modules.*` and of ControlNet's and
Lora's interfaces that EasyPhoto touches, with the traps that make a request vanish without a word.

`FakeHost.install` puts the modules into `sys.modules`; tests use the fixture `host` of tests/webui/conftest.py.
"""

from tests.webui.fake_host.host import FLAVOURS, FakeHost

__all__ = ["FLAVOURS", "FakeHost"]
