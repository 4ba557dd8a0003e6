"""The addresses of this machine, as getifaddrs(3) has them: Python has no such call."""

from __future__ import annotations

import ctypes
import ipaddress
import os
import socket
import sys
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_IFF_UP = 1


class _Entry(ctypes.Structure):
    """struct ifaddrs, as far as it is read."""

    _fields_ = (
        ("next", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("flags", ctypes.c_uint),
        ("address", ctypes.c_void_p),
    )


def own_addresses() -> list[Address]:
    """Of the interfaces that are up. Raises OSError."""
    if not sys.platform.startswith("linux"):
        raise OSError("the addresses of this machine are not known")
    libc = ctypes.CDLL(None, use_errno=True)
    first = ctypes.c_void_p()
    if libc.getifaddrs(ctypes.byref(first)) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    try:
        found: list[Address] = []
        place = first.value
        while place:
            entry = _Entry.from_address(place)
            if entry.flags & _IFF_UP and entry.address:
                found += _address(entry.address)
            place = entry.next
        return found
    finally:
        libc.freeifaddrs(first)


def _address(place: int) -> list[Address]:
    """Of a struct sockaddr in memory."""
    family = ctypes.c_ushort.from_address(place).value
    if family == socket.AF_INET:
        return [ipaddress.IPv4Address(ctypes.string_at(place + 4, 4))]
    if family == socket.AF_INET6:
        return [ipaddress.IPv6Address(ctypes.string_at(place + 8, 16))]
    return []
