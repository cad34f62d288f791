import pytest

from catalog.fetching.addresses import is_public

# One line per block: its first and last address, and where it matters the ones that are known.
REFUSED = """
    0.0.0.0 0.255.255.255
    10.0.0.0 10.255.255.255
    100.64.0.0 100.100.100.200 100.127.255.255
    127.0.0.0 127.0.0.1 127.255.255.255
    168.63.129.16
    169.254.0.0 169.254.169.254 169.254.170.2 169.254.255.255
    172.16.0.0 172.17.0.1 172.31.255.255
    192.0.0.0 192.0.0.9 192.0.0.10 192.0.0.170 192.0.0.192 192.0.0.255
    192.0.2.0 192.0.2.255
    192.31.196.0 192.31.196.255
    192.52.193.0 192.52.193.255
    192.88.99.0 192.88.99.1 192.88.99.255
    192.168.0.0 192.168.255.255
    192.175.48.0 192.175.48.255
    198.18.0.0 198.19.255.255
    198.51.100.0 198.51.100.255
    203.0.113.0 203.0.113.255
    224.0.0.0 224.0.0.251 239.255.255.255
    240.0.0.0 255.255.255.254 255.255.255.255
    :: ::1 ::2
    ::7f00:1 ::127.0.0.1 ::10.0.0.1 ::8.8.8.8
    ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:8.8.8.8
    ::ffff:0:127.0.0.1 ::ffff:0:8.8.8.8
    64:ff9b::127.0.0.1 64:ff9b::8.8.8.8 64:ff9b::ffff:ffff
    64:ff9b:1:: 64:ff9b:1::10.0.0.1 64:ff9b:1:ffff:ffff:ffff:ffff:ffff
    100:: 100::ffff:ffff:ffff:ffff 100:0:0:1::
    200:: 400:: 1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
    2001:: 2001:0:7f00:1:: 2001:0:4136:e378:8000:63bf:3fff:fdd2
    2001:1::1 2001:1::2 2001:1::3 2001:2:: 2001:3:: 2001:4:112::
    2001:10:: 2001:1f:ffff:ffff:ffff:ffff:ffff:ffff
    2001:20:: 2001:2f:ffff:ffff:ffff:ffff:ffff:ffff
    2001:30:: 2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff
    2001:db8:: 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff
    2002:: 2002:7f00:1:: 2002:808:808:: 2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff
    2620:4f:8000:: 2620:4f:8000:ffff:ffff:ffff:ffff:ffff
    3ffe:: 3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff
    3fff:: 3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff
    2606:4700::5efe:10.0.0.1 2606:4700::200:5efe:8.8.8.8 fe80::5efe:192.168.0.1
    4000:: 5f00:: 5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff 8000::
    fc00:: fd00:ec2::254 fd20:ce::254 fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
    fe80:: fe80::1 fe80::1%eth0 fe80::a9fe:a9fe%1 febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff
    fec0:: feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
    ff00:: ff02::1 ff0e::1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
    2606:4700::1111%eth0
"""

# The neighbours of those blocks, and a few well-known hosts.
PUBLIC = """
    1.0.0.0 1.1.1.1 8.8.8.8
    9.255.255.255 11.0.0.0
    100.63.255.255 100.128.0.0
    126.255.255.255 128.0.0.0
    168.63.129.15 168.63.129.17
    169.253.255.255 169.255.0.0
    172.15.255.255 172.32.0.0
    191.255.255.255 192.0.1.0 192.0.1.1 192.0.1.255 192.0.3.0
    192.31.195.255 192.31.197.0
    192.52.192.255 192.52.194.0
    192.88.98.255 192.88.100.0
    192.167.255.255 192.169.0.0
    192.175.47.255 192.175.49.0
    198.17.255.255 198.20.0.0
    198.51.99.255 198.51.101.0
    203.0.112.255 203.0.114.0
    223.255.255.255
    2000:: 2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff
    2001:200:: 2001:4860:4860::8888
    2001:db7:ffff:ffff:ffff:ffff:ffff:ffff 2001:db9::
    2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff 2003::
    2606:4700::1111 2606:4700::5eff:808:808 2606:4700::100:5efe:808:808
    2620:4f:7fff:: 2620:4f:8001:: 2a00:1450:4001::200e
    3ffd:ffff:ffff:ffff:ffff:ffff:ffff:ffff
    3fff:1000:: 3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
"""


@pytest.mark.parametrize("address", PUBLIC.split())
def test_lets_public_addresses_through(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", REFUSED.split())
def test_refuses_all_others(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("text", ["", "localhost", "0x7f.1", "2130706433", "127.1", "8.8.8.8."])
def test_takes_nothing_but_addresses(text: str) -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        is_public(text)
