"""Bech32: how age spells its keys, so that a mistyped character is noticed.

The encoding of BIP 173 without its limit of 90 characters (C2SP ``age.md``, "Conventions"): a readable prefix,
the digit 1, five bits a character and a checksum of six characters. All upper or all lower case, never mixed.
"""

_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"  # BIP 173, "Bech32"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)  # BIP 173, "Checksum"
_CHECKSUM_LENGTH = 6


def encode(prefix: str, data: bytes) -> str:
    """``data`` under ``prefix``, in lower case."""
    groups = _regroup(data, 8, 5, pad=True)
    residue = _polymod([*_expanded(prefix), *groups, *[0] * _CHECKSUM_LENGTH]) ^ 1
    checksum = [residue >> 5 * (_CHECKSUM_LENGTH - 1 - index) & 31 for index in range(_CHECKSUM_LENGTH)]
    return f"{prefix}1{''.join(_ALPHABET[group] for group in (*groups, *checksum))}"


def decode(text: str) -> tuple[str, bytes]:
    """The prefix, in lower case, and the data of ``text``; ValueError says in one clause what is wrong."""
    if text not in (text.lower(), text.upper()):
        raise ValueError("it mixes upper and lower case")
    lowered = text.lower()
    prefix, separator, symbols = lowered.rpartition("1")
    if not separator or not prefix:
        raise ValueError("it has no prefix")
    if any(not "!" <= character <= "~" for character in prefix):
        raise ValueError("its prefix has characters that no key has")
    stray = next((character for character in symbols if character not in _ALPHABET), None)
    if stray is not None:
        raise ValueError(f"it contains {stray!r}, which no key does")
    groups = [_ALPHABET.index(character) for character in symbols]
    if len(groups) < _CHECKSUM_LENGTH or _polymod([*_expanded(prefix), *groups]) != 1:
        raise ValueError("its checksum is wrong: a character is mistyped or missing")
    return prefix, bytes(_regroup(groups[:-_CHECKSUM_LENGTH], 5, 8, pad=False))


def _expanded(prefix: str) -> list[int]:
    return [ord(character) >> 5 for character in prefix] + [0] + [ord(character) & 31 for character in prefix]


def _polymod(values: list[int]) -> int:
    residue = 1
    for value in values:
        top = residue >> 25
        residue = (residue & 0x1FFFFFF) << 5 ^ value
        for index, term in enumerate(_GENERATOR):
            if top >> index & 1:
                residue ^= term
    return residue


def _regroup(values: bytes | list[int], from_bits: int, to_bits: int, *, pad: bool) -> list[int]:
    """Split a row of ``from_bits``-wide numbers into ``to_bits``-wide ones, most significant bit first."""
    pending = pending_bits = 0
    out: list[int] = []
    for value in values:
        pending = pending << from_bits | value
        pending_bits += from_bits
        while pending_bits >= to_bits:
            pending_bits -= to_bits
            out.append(pending >> pending_bits)
            pending &= (1 << pending_bits) - 1
    if pad and pending_bits:
        out.append(pending << to_bits - pending_bits)
    elif not pad and (pending_bits >= from_bits or pending):
        raise ValueError("its last character carries bits that mean nothing")
    return out
