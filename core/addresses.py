"""Whether a URL can be asked at all: read wherever one is set, so that a wrong one is refused by name and not met later."""

from urllib.parse import urlsplit


def names_a_host(url: str, *schemes: str) -> bool:
    """Whether it has one of the schemes (lower case), a host, and a port that is one where it has any."""
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # a port that is no number, half of an IPv6 address
        return False
