"""Which network addresses are public.

The table is our own, because `ipaddress.is_private` and `is_global` depend on the version of
Python and do not cover cloud metadata or IPv4 addresses inside IPv6 ones.
"""

from ipaddress import IPv6Address, ip_address, ip_network

# Everything that address registries assign as global unicast (RFC 4291, section 2.4, and IANA's
# "Internet Protocol Version 6 Address Space"). Everything else is not public: unspecified
# and loopback, IPv4 inside IPv6 (mapped ::ffff:0:0/96, compatible ::/96, translated
# ::ffff:0:0:0/96, NAT64 64:ff9b::/96 and 64:ff9b:1::/48), discard 100::/64 and 100:0:0:1::/64,
# segment routing 5f00::/16, unique-local fc00::/7 (where clouds keep fd00:ec2::254 and the like),
# link-local fe80::/10, site-local fec0::/10, multicast ff00::/8.
GLOBAL_UNICAST = ip_network("2000::/3")

# IANA's "IPv4 Special-Purpose Address Registry" and "IPv6 Special-Purpose Address Registry"
# (RFC 6890, RFC 8190). Entries that the registries call globally reachable are included: they are
# anycast services (PCP, TURN, AS112, AMT), which a machine of the local network may answer, and
# overlay identifiers; none of them serves pictures.
NOT_PUBLIC = tuple(
    ip_network(block)
    for block in (
        "0.0.0.0/8",  # this network (RFC 791)
        "10.0.0.0/8",  # private (RFC 1918)
        "100.64.0.0/10",  # carrier NAT (RFC 6598); Alibaba Cloud's metadata at 100.100.100.200
        "127.0.0.0/8",  # loopback (RFC 1122)
        "168.63.129.16/32",  # Azure's host agent and metadata, in a block that is otherwise public
        "169.254.0.0/16",  # link-local (RFC 3927); most clouds' metadata at 169.254.169.254
        "172.16.0.0/12",  # private (RFC 1918)
        "192.0.0.0/24",  # protocol assignments (RFC 6890); Oracle Cloud's metadata at 192.0.0.192
        "192.0.2.0/24",  # documentation (RFC 5737)
        "192.31.196.0/24",  # AS112 (RFC 7535)
        "192.52.193.0/24",  # AMT relays (RFC 7450)
        "192.88.99.0/24",  # 6to4 relays, deprecated (RFC 7526)
        "192.168.0.0/16",  # private (RFC 1918)
        "192.175.48.0/24",  # AS112 (RFC 7534)
        "198.18.0.0/15",  # benchmarks (RFC 2544)
        "198.51.100.0/24",  # documentation (RFC 5737)
        "203.0.113.0/24",  # documentation (RFC 5737)
        "224.0.0.0/4",  # multicast (RFC 5771)
        "240.0.0.0/4",  # reserved, and the limited broadcast at its end (RFC 1112, RFC 919)
        "2001::/23",  # protocol assignments (RFC 2928): Teredo, benchmarks, AMT, AS112, ORCHID, ...
        "2001:db8::/32",  # documentation (RFC 3849)
        "2002::/16",  # 6to4, which carries an IPv4 address (RFC 3056)
        "2620:4f:8000::/48",  # AS112 (RFC 7534)
        "3ffe::/16",  # 6bone, returned (RFC 3701)
        "3fff::/20",  # documentation (RFC 9637)
    )
)


def is_public(address: str) -> bool:
    """True if an IPv4 or IPv6 address, as `getaddrinfo` writes it, is on the public internet.

    IPv6 addresses that contain an IPv4 address are refused: no public picture needs them, and what
    they reach depends on tunnels and translators that we cannot see. Raises ValueError if the text
    is not an address.
    """
    ip = ip_address(address)
    if isinstance(ip, IPv6Address) and (
        ip not in GLOBAL_UNICAST or ip.scope_id is not None or _is_isatap(ip)
    ):
        return False
    return not any(ip in block for block in NOT_PUBLIC)


def _is_isatap(ip: IPv6Address) -> bool:
    # RFC 5214, section 6.1: under any prefix, ::0:5efe:a.b.c.d, or ::200:5efe:a.b.c.d where the
    # IPv4 address is a unique one.
    return (int(ip) >> 32) & 0xFDFF_FFFF == 0x0000_5EFE
