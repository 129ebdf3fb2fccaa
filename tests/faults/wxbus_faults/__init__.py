"""Faults under load, a ledger outside of everything, and oracles that read both: `./dev faults`."""
