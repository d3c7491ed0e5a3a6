"""`easyphoto ui`: who may come in."""

import pytest

from easyphoto.cli.ui import accounts_of
from easyphoto.errors import InputError


def test_accounts_come_from_options_and_from_the_variable():
    assert accounts_of(["anna:a:b"], "ben:c, cleo:d") == {"anna": "a:b", "ben": "c", "cleo": "d"}
    assert accounts_of([], "") is None


@pytest.mark.parametrize("text", ["anna", "anna:", ":secret", ":"])
def test_an_account_without_a_name_or_a_password_is_refused(text):
    with pytest.raises(InputError, match="USER:PASSWORD"):
        accounts_of([text], "")
