"""Whether only this machine reaches a server, and by which names: what all that listen here decide by."""

import socket
from contextlib import suppress
from ipaddress import ip_address
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Say whether `host` is an address that only this machine reaches, or the name that always is one."""
    try:
        return ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_local(bound: socket.socket) -> bool:
    """Say whether only this machine reaches a socket, by the address it is bound to: a name may stand for any."""
    return is_loopback(str(bound.getsockname()[0]))


def named_host(header: str) -> tuple[str, int]:
    """Read a request's ``Host``: the name in small letters, an IPv6 address without brackets, and the port (else 80).

    What is none is empty, of port 0.
    """
    with suppress(ValueError):
        parts = urlsplit(f"http://{header}")
        if parts.username is None and not (parts.path or parts.query or parts.fragment):
            return (parts.hostname or "").lower(), parts.port or 80
    return "", 0


def names_this_machine(name: str, given: str) -> bool:
    """Say whether a ``Host`` of that `name` can have led to a local server only on purpose (no DNS rebinding).

    Another site can point its own name here, but neither an address, nor `given`, by which the user told the server
    where to listen.
    """
    return is_loopback(name) or name == given.lower() != ""
