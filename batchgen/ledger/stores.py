"""Where the images of an output are kept, and by which name its ledger owns a store."""

import secrets

from batchgen.ledger.database import LedgerPart


class Stores(LedgerPart):
    """The store of one output."""

    def address(self) -> str:
        """Return where the images are kept; empty for the output folder."""
        return self._read()[1]

    def former(self) -> str:
        """Return where images were kept before that may not all have been copied; empty when that is nowhere."""
        return self._read()[2]

    def known_identity(self) -> str:
        """Return the name of this output that no other one has; empty before it was first asked for."""
        return self._read()[0]

    def identity(self) -> str:
        """Return the name of this output, by which it owns stores, made when it is first asked for. Blocks."""
        if found := self._read()[0]:
            return found
        made = secrets.token_hex(16)
        self._database.change("store", "INSERT INTO stores VALUES (:catalogue, :made, '', '')", made=made)
        return self._read()[0]

    def use(self, address: str, *, former: str = "") -> None:
        """Write down where images are kept from now on, and where others may still be."""
        self.identity()
        sql = "UPDATE stores SET address = :address, former = :former WHERE catalogue = :catalogue"
        self._database.change("store", sql, address=address, former=former)

    def _read(self) -> tuple[str, str, str]:
        rows = self._database.rows("SELECT identity, address, former FROM stores WHERE catalogue = :catalogue")
        return tuple(rows[0]) if rows else ("", "", "")
