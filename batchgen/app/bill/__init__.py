"""The provider's own bill against the ledger: fetched, matched call by call, and explained."""
