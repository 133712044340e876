"""Three cookies and the unit of a node, for the tests of a rotation."""

from __future__ import annotations

from deployer.model import Secret
from deployer.releases.node_unit import NodeUnit

NEW = Secret("nEw4Kq7ZbW9mTfJ4sLr8Vy2Hd3NcPg6AaEu5Ri", "cookie")
OLD = Secret("oLd5Xk2yHd3NcPg6AaEu5Kq7ZbW9mTfJ4sLr8V", "cookie")
OTHER = Secret("iRk8Ko1tQzMwBv0UxGj2SPg6AaEu5Kq7ZbW9mT", "cookie")
RUNS = NodeUnit(name="shop", unit="shop.service", runtime="/run/beam/shop")
