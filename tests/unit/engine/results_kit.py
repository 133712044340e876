"""A play of some tasks whose results are looked at."""

from __future__ import annotations

from deployer.engine.walk.walk import Walk
from deployer.events import TaskPlanned
from deployer.transport.wrappers import ReadOnly
from tests.unit.engine.engine_kit import DirectoryHost, Events
from tests.unit.project_files import Project


class Trial:
    """A play of some tasks, walked on a directory that stands for a host."""

    def __init__(self, project: Project, host: DirectoryHost) -> None:
        self.project, self.host = project, host
        self.place = project.directory / "there"
        self.place.mkdir(exist_ok=True)

    def walk(self, tasks: str, **more: str) -> Walk:
        self.project.tasks(tasks.replace("HERE", str(self.place)), gather_facts="false", **more)
        return Walk(self.host, self.project.resolve(), Events())

    def plan(self, tasks: str, **more: str) -> list[tuple[str, str]]:
        walk = self.walk(tasks, **more)
        walk.transport = ReadOnly(self.host)
        walk.plan()
        assert isinstance(walk.emit, Events)
        return [(event.task, event.verdict) for event in walk.emit.of(TaskPlanned)]

    def deploy(self, tasks: str, **more: str) -> Walk:
        walk = self.walk(tasks, **more)
        walk.plan()
        walk.deploy()
        return walk

    def read(self, name: str) -> str:
        return (self.place / name).read_text()
