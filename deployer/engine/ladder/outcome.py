"""The outcomes of a handshake with a node: one row for each."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from deployer.beam import distribution, tls


class Outcome(StrEnum):
    """How a handshake ended; the value is its short name.

    Attributes:
        error: the error class of this outcome; None when it has none.
        advice: what to do next; empty when the error says it.
        final: waiting does not help; other outcomes may come from a node that is still starting.
    """

    error: type[distribution.DistributionError] | None
    advice: str
    final: bool

    def __new__(
        cls,
        name: str,
        error: type[distribution.DistributionError] | None = None,
        advice: str = "",
        final: bool = False,
    ) -> Self:
        """Make one row."""
        self = str.__new__(cls, name)
        self._value_, self.error, self.advice, self.final = name, error, advice, final
        return self

    ACCEPTED = "accepted"
    STARTING = "starting"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    FAILED = "failed"
    WRONG_COOKIE = (
        "wrong cookie",
        distribution.WrongCookie,
        "its cookie is not the declared one: deployer cookie rotate gives it to all nodes, if cluster.cookie is right",
        True,
    )
    IMPOSTOR = (
        "impostor",
        distribution.Impostor,
        "whatever listens there does not know the cookie: end it (ss -ltnp; nft list ruleset) and rotate the cookie",
        True,
    )
    NOT_ALLOWED = (
        "not allowed",
        distribution.NotAllowed,
        "the release calls net_kernel:allow, and its list does not hold our name",
        True,
    )
    WRONG_NODE = (
        "wrong node",
        distribution.WrongNode,
        "another node took the port, or a rule leads there: ss -ltnp; nft list ruleset; then restart both",
    )
    NOT_ALIVE = (
        "not alive",
        distribution.NotAlive,
        "the node hangs or goes away while it answers: see its log, then restart it",
    )
    DEMANDS_TLS = (
        "demands TLS",
        distribution.DemandsTls,
        "it runs with TLS distribution (-proto_dist inet_tls): declare cluster.tls: true, or deploy without",
        True,
    )
    NOBODY = (
        "nobody answers",
        distribution.NobodyAnswers,
        "no node behind the port: ss -ltnp; see the node's log",
    )
    PLAIN_TEXT = (
        "plain text",
        tls.NotTls,
        "it runs without TLS distribution, or what listens there is no node: deploy; nodes with and without never mix",
        True,
    )
    FOREIGN_CERTIFICATE = (
        "foreign certificate",
        tls.ForeignCertificate,
        "its certificate was replaced, or the cluster's authority: deploy gives it one of the declared authority",
        True,
    )
    EXPIRED_CERTIFICATE = (
        "certificate not valid today",
        tls.ExpiredCertificate,
        "deploy renews it; when it is new, the clock is wrong: compare date on the host and on this machine",
        True,
    )
    OTHER_HOST = (
        "other host's certificate",
        tls.OtherHost,
        "it was installed on the wrong host, or the name changed: deploy",
        True,
    )
    OUR_CERTIFICATE = (
        "our certificate is refused",
        tls.OurCertificate,
        "the node trusts another authority, or its clock is wrong: see its log; deploy gives it the declared one",
        True,
    )
    PROTOCOL = (
        "protocol",
        distribution.ProtocolError,
        "something else than an Erlang node listens there: ss -ltnp",
    )

    @classmethod
    def of(cls, error: distribution.DistributionError) -> Outcome:
        """Return the row of an error, `FAILED` when it has none of its own."""
        return next((outcome for outcome in cls if outcome.error is type(error)), cls.FAILED)
