"""The hosts of a title's site. Nothing else is asked on its behalf, whatever addresses its pages have."""

import ipaddress
import re
import socket
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit


@dataclass(frozen=True)
class DocumentedApi:
    """An interface that a site documents for programs although its robots.txt covers it.

    It is used where a title's settings name it, and each use is logged.
    """

    name: str  # as the site calls it, with the address of its documentation
    paths: str  # regular expression that the path of an address must match whole


@dataclass(frozen=True)
class Site:
    """The host of the address that a person wrote, and the domains that the site is known to own."""

    address: str
    owns: tuple[str, ...] = ()  # "pstatic.net" stands for itself and every host below it
    documented_api: DocumentedApi | None = None

    def refusal(self, url: str) -> str | None:
        """The reason not to ask an address on behalf of this site; None where it may be asked."""
        try:
            parts, own = urlsplit(url), urlsplit(self.address)
            port, own_port = parts.port, own.port
        except ValueError:
            return "it is no address"
        host = parts.hostname or ""
        if parts.scheme not in ("http", "https") or not host:
            return "it is no http(s) address"
        if parts.username or parts.password:
            return "it carries a name or a password"
        is_own = host == own.hostname
        if not is_own and not any(host == domain or host.endswith(f".{domain}") for domain in self.owns):
            return f"{host} is no host of the site {own.hostname}"
        # On this machine itself the hosts of a site are ports.
        if port not in (None, 80, 443, own_port if is_own else None) and not (is_own and is_loopback(host)):
            return f"port {port} is no port of the site {own.hostname}"
        # A person may collect from a machine of their own; a public site may not send us there.
        if not _is_private_name(own.hostname or "") and (private := _private_addresses(host)):
            return f"{host} is {', '.join(private)}, inside a private network"
        return None

    def documents(self, url: str) -> DocumentedApi | None:
        """The documented interface that an address belongs to, if any."""
        api = self.documented_api
        return api if api and re.fullmatch(api.paths, urlsplit(url).path) else None


def is_loopback(host: str) -> bool:
    """True for a host that is this machine, by its name or number."""
    try:
        return _reached(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_private_name(host: str) -> bool:
    try:
        return not _is_public(host)
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal")) or "." not in host


@lru_cache(maxsize=256)
def _private_addresses(host: str) -> tuple[str, ...]:
    """The addresses of a host that are not public ones; none where it cannot be found: asking it then fails."""
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):  # a name that no host can have
        return ()
    return tuple(sorted(text for text in found if not _is_public(text)))


def _is_public(text: str) -> bool:
    address = _reached(text)
    return address.is_global and not address.is_multicast


_EMBEDDING = [
    (ipaddress.IPv6Network("::/96"), 96),  # IPv4-compatible (RFC 4291, section 2.5.5.1)
    (ipaddress.IPv6Network("::ffff:0:0/96"), 96),  # IPv4-mapped (section 2.5.5.2)
    (ipaddress.IPv6Network("64:ff9b::/96"), 96),  # NAT64 (RFC 6052, section 2.1)
    (ipaddress.IPv6Network("2002::/16"), 16),  # 6to4 (RFC 3056, section 2)
]
"""Networks whose addresses stand for one of IPv4, and the bit where that one begins."""


def _reached(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The address that is asked in the end. Raises ValueError."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv4Address) or int(address) <= 1:  # :: and ::1 embed nothing
        return address
    for network, begins in _EMBEDDING:
        if address in network:
            return ipaddress.IPv4Address(int(address) >> (96 - begins) & 0xFFFFFFFF)
    return address
