"""Whether a key may go over plain http is told from what a host stands for, and not from how it is spelled."""

import pytest

from batchgen.app.config.environment import is_near

FAR = (
    "8.8.8.8 134744072 0x08080808 010.010.010.010 0x8.0x8.0x8.0x8 8.8.2056 8.526344 8.8.8.8. 134744072. ::ffff:8.8.8.8"
    " [::ffff:808:808] 64:ff9b::8.8.8.8 2002:808:808::1 2001:4860:4860::8888 api.example.com api.example.com."
)
NEAR = (
    "127.0.0.1 2130706433 0x7f000001 0177.0.0.1 127.1 10.1.2.3 167772161 192.168.1.9. ::1 [::1] ::ffff:127.0.0.1"
    " 64:ff9b::10.0.0.1 fd00::1 fe80::1%eth0 localhost localhost. LOCALHOST gateway.internal printer.local"
)


@pytest.mark.parametrize("host", FAR.split())
def test_a_public_address_is_far_in_every_spelling(host: str) -> None:
    """Decimal, octal, hexadecimal, shortened, wrapped in IPv6, with a dot at its end."""
    assert not is_near(host)


@pytest.mark.parametrize("host", NEAR.split())
def test_a_private_address_is_near_in_every_spelling(host: str) -> None:
    """This machine, and networks that nobody routes."""
    assert is_near(host)
