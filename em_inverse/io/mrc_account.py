"""The kit's account in the extended header of an MRC file, as JSON in plain ASCII.

Other programs skip an extended header by its length (NSYMBT). The code of its type is one of those
that the format lists, because checkers refuse any other; the numbers per image stay 0, so that no
program looks there for tilt angles. Whose it is, the first characters say.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from em_inverse.io.mrc import MrcHeader

__all__ = ["ACCOUNT_TYPE", "DAMAGED", "holds_account", "packed_account", "read_account"]

ACCOUNT_TYPE = b"MRCO"
DAMAGED = "the account in the extended header is damaged and not used; the labels tell what is left"

_KEY = "em_inverse"
_START = f'{{"{_KEY}": '.encode("ascii")
_BLOCK = 1024


def packed_account(account: dict[str, Any]) -> bytes:
    """Return `account` as ASCII JSON, filled up with blanks to whole blocks of 1024 bytes.

    Examples
    --------
    >>> packed = packed_account({"algorithm": "SIRT", "note": "λ"})
    >>> len(packed), packed.isascii(), packed[:37]
    (1024, True, b'{"em_inverse": {"algorithm": "SIRT", ')
    """
    text = json.dumps({_KEY: account}).encode("ascii")
    return text.ljust(-(-len(text) // _BLOCK) * _BLOCK)


def holds_account(header: MrcHeader) -> bool:
    """Whether the extended header is the kit's own, intact or not."""
    ours = header.extended.startswith(_START)
    return ours or (header.own and header.extended_type == ACCOUNT_TYPE and bool(header.extended))


def read_account(header: MrcHeader) -> dict[str, Any] | None:
    """Return the account; empty where the file has none, None where it cannot be read."""
    if not holds_account(header):
        return {}
    try:
        account = json.loads(header.extended.decode("ascii"))[_KEY]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return account if isinstance(account, dict) else None
