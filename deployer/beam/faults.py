"""Faults of OTP itself that decide whether a declared deploy can work, by version of ERTS.

A distribution may fix a fault and keep the number, so a number alone refuses nothing: it explains what has failed.
"""

from __future__ import annotations

from collections.abc import Mapping

# https://github.com/erlang/otp/issues/11402, fixed as OTP-20275: https://www.erlang.org/patches/OTP-27.3.4.16
_EPMD_WANTS_IPV6: Mapping[str, str] = {
    "15.2.7.11": "OTP 27.3.4.16 (ERTS 15.2.7.12)",
    "16.4.0.4": "OTP 28.5.0.5 (ERTS 16.4.0.5)",
    "17.0.4": "OTP 29.0.5 (ERTS 17.0.5)",
}


def epmd_fault(erts: str) -> str:
    """Return why EPMD of this version may not start, and what to do; empty when nothing is known."""
    fixed = _EPMD_WANTS_IPV6.get(erts)
    if fixed is None:
        return ""
    return (
        f"epmd of ERTS {erts} ends on a host where IPv6 is off (OTP-20275; a distribution may have fixed it under the"
        f" same number): build the release with {fixed}, or turn IPv6 on for loopback:"
        " sysctl net.ipv6.conf.lo.disable_ipv6=0"
    )
