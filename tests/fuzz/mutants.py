"""Inputs for the targets: a file of the corpus with a few changes, or bytes out of nothing.

Changes are of the kinds that find mistakes in parsers: flipped bits, runs cut, doubled or taken from another file, an
early end, and tokens at the edges of what a number, a text or a depth can be.
"""

from pathlib import Path

from hypothesis import strategies as st

_TOKENS = (
    *(
        b"",
        b"\0",
        b"\xff\xff\xff\xff",
        b"\x7f\xff\xff\xff",
        b"\0\0\0\x01",
        b"\x80",
        b"\n",
        b"\r\n",
        b" ",
        b"-",
        b"=",
        b'"',
    ),
    *(b"0", b"-1", b"9" * 20, b"9" * 400, b"1" * 5000, b"1e999", b"NaN", b"null", b"true", b"[]", b"{}", b'""', b"1.5"),
    *(b"[" * 3000, b'{"a":' * 3000, b"\\ud800", b"\xed\xa0\x80", b"\xc3", b"\\u0000", b"~nobody/x", b"..", b"A" * 70),
    *(b"2026-11-22T13:11:43.000Z", b"9999-12-31T23:59:59.999Z", b"-> X25519 ", b"---", b"moov", b"moof", b"traf"),
)


def corpus(folder: Path) -> list[bytes]:
    """The files of one target's corpus, in the order of their names."""
    return [path.read_bytes() for path in sorted(folder.iterdir())]


def mutants(seeds: list[bytes]) -> st.SearchStrategy[bytes]:
    """Each of ``seeds``, changed in up to six places; now and then something else altogether."""
    pieces = st.one_of(st.sampled_from(_TOKENS), st.binary(max_size=8), st.sampled_from(seeds))
    change = st.tuples(st.integers(0, 3), st.integers(0, 65535), st.integers(0, 64), pieces)
    changed = st.builds(_changed, st.sampled_from(seeds), st.lists(change, max_size=6))
    return st.one_of(changed, changed, changed, st.binary(max_size=200))


def _changed(seed: bytes, changes: list[tuple[int, int, int, bytes]]) -> bytes:
    data = bytearray(seed)
    for kind, place, length, piece in changes:
        at = place * (len(data) + 1) >> 16
        if kind == 0:  # insert
            data[at:at] = piece
        elif kind == 1:  # write over
            data[at : at + len(piece)] = piece
        elif kind == 2:  # put in the place of a run
            data[at : at + length] = piece
        elif length < 8 and at < len(data):  # flip a bit
            data[at] ^= 1 << length
        elif length < 16:  # end early
            del data[at:]
        else:  # double a run
            data[at:at] = data[at : at + length]
    return bytes(data)
