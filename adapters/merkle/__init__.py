"""Proofs over the ledger that a third party can check, or write anew from docs/verification.md.

    leaf.py       the exact bytes that are hashed of an event     RFC 8785
    tree.py       the Merkle tree: roots, proofs, their checks    RFC 9162
    tiles.py      how its hashes are kept                         C2SP tlog-tiles
    note.py       signed tree heads, keys                         C2SP signed-note, tlog-checkpoint
    verifying.py  an exported log, held against all of these

Only the standard library and `cryptography` are imported here: no database, no web, nothing of ours.
"""
