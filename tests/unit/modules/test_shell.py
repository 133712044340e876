"""``shell``: the text is one word for a shell of its own."""

from __future__ import annotations

import pytest

from deployer.errors import ConfigError
from tests.unit.modules.tables import fixed, make


def test_the_text_is_one_word_for_its_own_shell() -> None:
    module = make("shell", cmd="echo $HOME | cat", creates="/srv/a", executable="/bin/bash", chdir="/srv")
    assert fixed(module, "needed=yes") == "cd -- /srv\nexec /bin/bash -c 'echo $HOME | cat'"


def test_a_directory_that_is_not_there_yet_makes_it_unknown() -> None:
    assert "exit 3" in make("shell", cmd="true", creates="/srv/a", chdir="/srv/b").probe().text


def test_an_empty_text_is_refused() -> None:
    with pytest.raises(ConfigError, match="empty"):
        make("shell", cmd="\n", creates="/srv/a")
