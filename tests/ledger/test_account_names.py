"""An account keeps its history under another label."""

from batchgen.ledger import Ledger, account_mark


def test_an_account_is_known_by_its_earlier_names(ledger: Ledger) -> None:
    """Each name is new once; what is another provider's name now is nobody's earlier one."""
    east, west = account_mark("https://east.example", "key"), account_mark("https://west.example", "key")
    assert east != west
    assert ledger.account_names.take(east, "one", ()) == (frozenset(), True)
    assert ledger.account_names.take(east, "two", ()) == (frozenset({"one"}), True)
    assert ledger.account_names.take(east, "two", ()) == (frozenset({"one"}), False)
    assert ledger.account_names.take(east, "two", {"one"}) == (frozenset(), False)
    assert ledger.account_names.take(west, "one", ()) == (frozenset(), True)
