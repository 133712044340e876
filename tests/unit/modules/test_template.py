"""``template``: a rendered text is a file, and for root only when a secret is in it."""

from __future__ import annotations

import pytest

from deployer.errors import ConfigError
from deployer.model import Blob, Secret
from tests.unit.modules.tables import answer, differing, make, sha


def test_a_rendered_template_is_a_file_with_that_content() -> None:
    module = make("template", src=Blob.of("limit 1\n"), dest="/etc/shop.conf", mode="0640")
    out = answer(type="file", at="root:0:root:0:644", sha=sha("limit 1\n"))
    assert differing(module, out) == {"mode": ("0644", "0640")}
    assert module.touches() == ("/etc/shop.conf",)


def test_a_template_with_a_secret_is_for_root_only() -> None:
    module = make("template", src=Blob.of(Secret("password=x")), dest="/etc/shop.conf")
    assert differing(module, "")["mode"] == (None, "0600")


def test_a_template_needs_its_source() -> None:
    with pytest.raises(ConfigError, match="src is missing"):
        make("template", dest="/etc/shop.conf")
