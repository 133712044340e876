"""What the word ``unit`` may set: directives of the [Service] section, except those by which the unit does its work.

The names are those that systemd 252 (Debian 12) and 257 (Debian 13) both know, of systemd.exec(5), systemd.service(5),
systemd.resource-control(5) and systemd.kill(5), without the deprecated ones. Values whose grammar is plain
are held to it (`unit_values`); of the others the host's systemd is asked, before the unit is put in place.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping

from deployer.syntax import CONTROL, span_seconds

UnitSetting = str | bool | int | float | tuple[str, ...]
"""As a person writes it; several values are several lines."""

LIMIT_NOFILE = "65536"
"""Open files and sockets of a node unless ``unit`` says otherwise: what the emulator's ports are limited to as well."""

_PERCENTAGE = re.compile(r"[0-9]+(?:\.[0-9]+)?%", re.ASCII)
_FEWEST_PORTS, _MOST_PORTS = 1024, 134_217_727  # erl(1)
_LIMIT = re.compile(r"([0-9]+|infinity)(?::(?:[0-9]+|infinity))?", re.ASCII)

_NAMES = """
    AllowedCPUs AllowedMemoryNodes AmbientCapabilities AppArmorProfile BPFProgram BindPaths BindReadOnlyPaths
    CPUAccounting CPUAffinity CPUQuota CPUQuotaPeriodSec CPUSchedulingPolicy CPUSchedulingPriority
    CPUSchedulingResetOnFork CPUWeight CacheDirectory CacheDirectoryMode CapabilityBoundingSet ConfigurationDirectory
    ConfigurationDirectoryMode CoredumpFilter DefaultMemoryLow DefaultMemoryMin Delegate DeviceAllow DevicePolicy
    DisableControllers ExecPaths ExecSearchPath ExtensionDirectories ExtensionImages FileDescriptorStoreMax
    IOAccounting IODeviceLatencyTargetSec IODeviceWeight IOReadBandwidthMax IOReadIOPSMax IOSchedulingClass
    IOSchedulingPriority IOWeight IOWriteBandwidthMax IOWriteIOPSMax IPAccounting IPAddressAllow IPAddressDeny
    IPCNamespacePath IPEgressFilterPath IPIngressFilterPath IgnoreSIGPIPE InaccessiblePaths KeyringMode LimitAS
    LimitCORE LimitCPU LimitDATA LimitFSIZE LimitLOCKS LimitMEMLOCK LimitMSGQUEUE LimitNICE LimitNOFILE LimitNPROC
    LimitRSS LimitRTPRIO LimitRTTIME LimitSIGPENDING LimitSTACK LockPersonality LogExtraFields LogLevelMax
    LogNamespace LogRateLimitBurst LogRateLimitIntervalSec LogsDirectory LogsDirectoryMode ManagedOOMMemoryPressure
    ManagedOOMMemoryPressureLimit ManagedOOMPreference ManagedOOMSwap MemoryAccounting MemoryDenyWriteExecute
    MemoryHigh MemoryLow MemoryMax MemoryMin MemorySwapMax MountAPIVFS MountFlags MountImages NUMAMask NUMAPolicy
    NetworkNamespacePath Nice NoExecPaths NoNewPrivileges NonBlocking OOMPolicy OOMScoreAdjust PAMName Personality
    PrivateDevices PrivateIPC PrivateMounts PrivateNetwork PrivateTmp PrivateUsers ProcSubset ProtectClock
    ProtectControlGroups ProtectHome ProtectHostname ProtectKernelLogs ProtectKernelModules ProtectKernelTunables
    ProtectProc ProtectSystem ReadOnlyPaths ReadWritePaths RemoveIPC Restart RestartForceExitStatus
    RestartPreventExitStatus RestartSec RestrictAddressFamilies RestrictFileSystems RestrictNamespaces
    RestrictNetworkInterfaces RestrictRealtime RestrictSUIDSGID RuntimeMaxSec RuntimeRandomizedExtraSec
    SELinuxContext SecureBits Slice SmackProcessLabel SocketBindAllow SocketBindDeny Sockets StandardError
    StandardOutput StartupAllowedCPUs StartupAllowedMemoryNodes StartupCPUWeight StartupIOWeight SuccessExitStatus
    SupplementaryGroups SyslogFacility SyslogIdentifier SyslogLevel SyslogLevelPrefix SystemCallArchitectures
    SystemCallErrorNumber SystemCallFilter SystemCallLog TasksAccounting TasksMax TemporaryFileSystem TimeoutAbortSec
    TimeoutCleanSec TimeoutStartFailureMode TimeoutStartSec TimeoutStopFailureMode TimeoutStopSec TimerSlackNSec UMask
    UtmpIdentifier UtmpMode
"""
_KNOWN = frozenset(_NAMES.split())

_OURS = {
    "the unit starts the release's own script; what else has to run is a unit of its own (systemd_unit)": (
        "ExecCondition ExecStartPre ExecStart ExecStartPost ExecReload ExecStop ExecStopPost"
    ),
    "write release.user": "User Group DynamicUser",
    "write env or nodes[].env": "Environment EnvironmentFile PassEnvironment UnsetEnvironment",
    "the node gets its cookie by it; write a secret under env or nodes[].env": (
        "LoadCredential LoadCredentialEncrypted SetCredential SetCredentialEncrypted"
    ),
    "the node's own are /run/beam/NODE and /var/lib/beam/NODE; ReadWritePaths adds others": (
        "RuntimeDirectory RuntimeDirectoryMode RuntimeDirectoryPreserve"
        " StateDirectory StateDirectoryMode WorkingDirectory"
    ),
    "the release and its files lie in the host's own tree; BindPaths and InaccessiblePaths change what a node sees": (
        "RootDirectory RootDirectoryStartOnly RootImage RootImageOptions RootHash RootHashSignature RootVerity"
    ),
    "the unit knows by itself that a node has started; TimeoutStartSec is how long that may take": (
        "Type ExitType NotifyAccess PIDFile BusName GuessMainPID RemainAfterExit WatchdogSec WatchdogSignal"
    ),
    "the unit ends a node by SIGTERM and waits; TimeoutStopSec is how long that may take": (
        "KillMode KillSignal RestartKillSignal FinalKillSignal SendSIGHUP SendSIGKILL TimeoutSec"
    ),
    "a node reads no input; NODE-ctl remote is its console": (
        "StandardInput StandardInputText StandardInputData TTYPath TTYReset TTYVHangup TTYVTDisallocate"
    ),
}
_INSTEAD = {name: instead for instead, names in _OURS.items() for name in names.split()}


def settings(given: Mapping[str, UnitSetting]) -> str | None:
    """Complain about a directive that is unknown or ours, and about a value that is not one line."""
    return next((complaint for name, value in given.items() if (complaint := _setting(name, value))), None)


def unit_lines(*given: Mapping[str, UnitSetting]) -> dict[str, list[str]]:
    """Return directive → the values of its lines, as they stand in a unit file; later mappings win.

    systemd takes every value literally: ``%`` begins no specifier. ``$`` has a meaning in Exec lines only.
    """
    merged = {name: value for each in given for name, value in each.items()}
    return {name: [_literal(text) for text in _texts(value)] for name, value in merged.items()}


def open_files(limit: str) -> int | None:
    """Return how many files a node may open by a value of LimitNOFILE (the soft limit); None for any number."""
    match = _LIMIT.fullmatch(limit)
    return int(match[1]) if match and match[1] != "infinity" else None


def _setting(name: str, value: UnitSetting) -> str | None:
    if name in _INSTEAD:
        return f"{name} cannot be set: {_INSTEAD[name]}"
    if name not in _KNOWN:
        near = difflib.get_close_matches(name, _KNOWN, n=1)
        advice = f"did you mean {near[0]!r}?" if near else "see systemd.directives(7)"
        return f"{name} is no setting of a service that systemd 252 and 257 both know; {advice}"
    texts = list(_texts(value))
    if not texts:
        return f"{name}: write at least one value; an empty text is one"
    if any(CONTROL.search(text) or text.endswith("\\") for text in texts):
        return f"{name}: write one line without control characters that does not end in a backslash"
    if name in ("TimeoutStartSec", "TimeoutStopSec") and not span_seconds(texts[-1]):
        return f"{name}: write how long it may take, such as 300, 5min or 1d: a deploy waits so long"
    if name == "LimitNOFILE":
        return _limit(texts[-1])
    from deployer.fleet.unit_values import value_complaint

    return next((complaint for text in texts if (complaint := value_complaint(name, text))), None)


def _limit(text: str) -> str | None:
    if not _LIMIT.fullmatch(text):
        return "LimitNOFILE: write a number, infinity, or SOFT:HARD"
    if not _FEWEST_PORTS <= (open_files(text) or _FEWEST_PORTS) <= _MOST_PORTS:
        return f"LimitNOFILE: the emulator's +Q, which follows from it, is between {_FEWEST_PORTS} and {_MOST_PORTS}"
    return None


def _texts(value: UnitSetting) -> Iterable[str]:
    if isinstance(value, bool):
        return ("yes" if value else "no",)
    return value if isinstance(value, tuple) else (str(value),)


def _literal(text: str) -> str:
    """A lone percentage is no specifier, and MemoryMax takes it only as it is."""
    return text if _PERCENTAGE.fullmatch(text) else text.replace("%", "%%")
