"""What is removed of a node: no file is named at one place alone."""

from __future__ import annotations

from dataclasses import replace

from deployer.engine.retire import removal
from deployer.fleet import declare


def test_every_file_that_a_node_reads_is_removed_with_it() -> None:
    words = {"release": {"name": "shop", "version": "1", "tarball": "x.tar.gz"}, "cluster": {"name": "shop"}}
    own = declare(words, host="a", address="10.0.0.2", where=None, need_tarball=False)
    assert own
    node = replace(own.nodes[0], maker="rebar3", tls=True)
    text = removal(own, [node], purge=True).text
    files = [file.replace(f"{node.etc}/", "").replace(node.name, "$name") for file in node.as_unit()["configs"]]
    assert "$name.start" in files
    assert [file for file in files if f'$etc/{file}"' not in text] == []
