"""age v1: what is written opens whole, what was damaged says so, and nothing unauthenticated is ever given out."""

import os
from collections.abc import Callable, Iterator
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.errors import AgeArmorError, AgeError, AgeHeaderError, AgeNoMatchError, AgePayloadError, AgeTruncatedError
from recorder.vault import bech32
from recorder.vault.age import (
    CHUNK_BYTES,
    FILE_KEY_BYTES,
    NONCE_BYTES,
    TAG_BYTES,
    Identity,
    Recipient,
    ScryptIdentity,
    ScryptRecipient,
    StreamEncryptor,
    X25519Identity,
    X25519Recipient,
    armor,
    dearmor,
    decrypt,
    encrypt_bytes,
    new_header,
    read_header,
)
from recorder.vault.age_header import Stanza, render

IDENTITY = X25519Identity.parse(
    "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
)  # C2SP age.md
RECIPIENT_TEXT = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"  # its recipient, ibid.
SEALED_BYTES = CHUNK_BYTES + TAG_BYTES


def opened(data: bytes, *identities: Identity) -> bytes:
    return b"".join(decrypt(BytesIO(data), identities or [IDENTITY]))


def released(data: bytes, identity: Identity = IDENTITY) -> tuple[bytes, AgeError | None]:
    """What is given out before the end, and the error that ended it."""
    try:
        return collected(decrypt(BytesIO(data), [identity]))
    except AgeError as error:
        return b"", error


def collected(pieces: Iterator[bytes]) -> tuple[bytes, AgeError | None]:
    """What came before the end, and the error that ended it."""
    out = bytearray()
    try:
        for piece in pieces:
            out += piece
    except AgeError as error:
        return bytes(out), error
    return bytes(out), None


class Trickle(BytesIO):
    """A pipe: it answers with fewer bytes than asked for."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(7 if size is None or size < 0 else min(size, 7))


# --- keys --------------------------------------------------------------------------------------------------------


def test_the_specification_s_own_keys() -> None:
    """The example of C2SP age.md, "The X25519 recipient type"."""
    assert IDENTITY.recipient.text == RECIPIENT_TEXT
    assert X25519Recipient.parse(f" {RECIPIENT_TEXT}\n") == IDENTITY.recipient
    assert X25519Identity.parse(IDENTITY.text) == IDENTITY
    assert IDENTITY.recipient.fingerprint == X25519Recipient.parse(RECIPIENT_TEXT).fingerprint


def test_a_secret_is_never_in_a_representation() -> None:
    """Logs and tracebacks print objects; keys and passphrases must not be in there."""
    objects = (IDENTITY, ScryptRecipient("hush hush"), ScryptIdentity("hush hush"))
    assert [repr(each) for each in objects] == [
        "X25519Identity()",
        "ScryptRecipient(log_n=18)",
        "ScryptIdentity()",
    ]


def retyped(prefix: str, data: bytes) -> str:
    return bech32.encode(prefix, data)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "'' is not a recipient; give the age1... line"),
        ("ssh-ed25519 AAAA", "is not a recipient; give the age1... line"),
        (IDENTITY.text, "this is a secret identity (AGE-SECRET-KEY-1...), not a recipient; take it out of here"),
        (RECIPIENT_TEXT.upper(), "is not a recipient; give the age1... line"),
        (RECIPIENT_TEXT[:-1] + "q", "its checksum is wrong: a character is mistyped or missing"),
        (RECIPIENT_TEXT[:-1], "its checksum is wrong"),
        (RECIPIENT_TEXT[:9] + "b" + RECIPIENT_TEXT[10:], "it contains 'b', which no key does"),
        (RECIPIENT_TEXT[:9] + "Q" + RECIPIENT_TEXT[10:], "it mixes upper and lower case"),
        (retyped("age", bytes(31)), "is a recipient of 31 bytes instead of 32"),
        (retyped("age1pq", bytes(32)), "is a recipient of a kind that is not supported; give an X25519 one"),
        ("age1", "its checksum is wrong"),
    ],
)
def test_what_is_no_recipient_gets_one_sentence(text: str, said: str) -> None:
    """It names what is wrong and what to give; a secret is not repeated."""
    with pytest.raises(AgeError) as caught:
        X25519Recipient.parse(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert IDENTITY.text[20:] not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it has no prefix"),
        (RECIPIENT_TEXT, "this is a recipient (age1...), which opens nothing"),
        (IDENTITY.text[:-1] + "Q", "its checksum is wrong"),
        (retyped("age-secret-key-", bytes(16)).upper(), "this is not an X25519 identity"),
        (retyped("age-plugin-yubikey-", bytes(32)).upper(), "this is not an X25519 identity"),
        ("café1" + "q" * 8, "its prefix has characters that no key has"),
    ],
)
def test_what_is_no_identity_gets_one_sentence(text: str, said: str) -> None:
    """Likewise for the secret half."""
    with pytest.raises(AgeError) as caught:
        X25519Identity.parse(text)
    assert said in str(caught.value)
    assert IDENTITY.text[20:60] not in str(caught.value)


@given(st.binary(max_size=80), st.sampled_from(["age", "age-secret-key-", "x"]))
def test_bech32_gives_back_what_went_in(data: bytes, prefix: str) -> None:
    """Of any length, beyond the limit of BIP 173 too."""
    assert bech32.decode(bech32.encode(prefix, data)) == (prefix, data)
    assert bech32.decode(bech32.encode(prefix, data).upper()) == (prefix, data)


def test_bech32_refuses_bits_that_mean_nothing() -> None:
    """One key has one spelling: padding must be zero and short."""
    for groups in ([0, 1], [0, 0, 0]):
        values = [*bech32._expanded("age"), *groups]
        residue = bech32._polymod([*values, *[0] * 6]) ^ 1
        checksum = [residue >> 5 * (5 - index) & 31 for index in range(6)]
        text = "age1" + "".join(bech32._ALPHABET[value] for value in (*groups, *checksum))
        with pytest.raises(ValueError, match="bits that mean nothing"):
            bech32.decode(text)


@pytest.mark.parametrize(
    ("text", "prefix", "size_bytes"),
    [
        ("A12UEL5L", "a", 0),
        ("a12uel5l", "a", 0),
        ("an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs", None, 0),
        ("abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", "abcdef", 20),
        (f"11{'q' * 82}c8247j", "1", 51),
        ("split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w", "split", 30),
        ("an84characterslonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1569pvx", None, 0),
    ],
)
def test_bip_173_s_valid_strings(text: str, prefix: str | None, size_bytes: int) -> None:
    """BIP 173, "Test vectors"; the last is longer than it allows, and age takes it (its bech32_test.go)."""
    found, data = bech32.decode(text)
    assert (found, len(data)) == (prefix or text.rpartition("1")[0], size_bytes)
    assert bech32.encode(found, data) == text.lower()


@pytest.mark.parametrize(
    "text",
    [
        "split1checkupstagehandshakeupstreamerranterredcaperred2y9e2w",
        "s lit1checkupstagehandshakeupstreamerranterredcaperredp8hs2p",
        "split1cheo2y9e2w",
        "split1a2y9w",
        "1checkupstagehandshakeupstreamerranterredcaperred2y9e3w",
        "spl\x7ft1checkupstagehandshakeupstreamerranterredcaperred2y9e3w",
        "pzry9x0s0muk",
        "1pzry9x0s0muk",
        "x1b4n0q5v",
        "li1dgmt3",
        "de1lg7wt\xff",
        "A1G7SGD8",
        "10a06t8",
        "1qzzfhee",
    ],
)
def test_bip_173_s_invalid_strings(text: str) -> None:
    """Likewise."""
    with pytest.raises(ValueError, match=r"^its? "):
        bech32.decode(text)


def test_a_recipient_that_hides_nothing_is_refused() -> None:
    """The all-zero point makes the same secret for everybody."""
    with pytest.raises(AgeError, match="is no real key"):
        encrypt_bytes(b"", [X25519Recipient(bytes(32))])


# --- header ------------------------------------------------------------------------------------------------------


def test_a_header_wraps_one_fresh_key_for_everybody() -> None:
    """Each of two identities gets the same file key; two headers have different ones."""
    other = X25519Identity.generate()
    header, file_key = new_header([IDENTITY.recipient, other.recipient])
    read = read_header(BytesIO(header + b"payload"))
    assert read.raw == header
    assert [each.unwrap(read.stanzas) for each in (IDENTITY, other)] == [file_key, file_key]
    assert len(file_key) == FILE_KEY_BYTES
    assert new_header([IDENTITY.recipient])[1] != file_key


@pytest.mark.parametrize(
    "recipients", [[], [ScryptRecipient("a"), IDENTITY.recipient], [ScryptRecipient("a"), ScryptRecipient("b")]]
)
def test_a_header_for_nobody_or_for_a_passphrase_and_others_is_refused(recipients: list[Recipient]) -> None:
    """No file could be read, or no age would take it."""
    with pytest.raises(AgeError):
        new_header(recipients)


@pytest.mark.parametrize(
    ("body", "lines"),
    [(b"", b"\n"), (b"AAA", b"QUFB\n"), (b"A" * 48, b"QUFB" * 16 + b"\n\n")],
)
def test_a_stanza_byte_by_byte(body: bytes, lines: bytes) -> None:
    """Those of age's own format_test.go."""
    header = render([Stanza(("test", "1", "2", "3"), body)], bytes(FILE_KEY_BYTES))
    assert header.startswith(b"age-encryption.org/v1\n-> test 1 2 3\n" + lines + b"--- ")


@pytest.mark.parametrize("body_bytes", [0, 1, 47, 48, 49, 96, 1120])
def test_stanzas_of_any_length_survive(body_bytes: int) -> None:
    """The last line of a stanza is short, and empty where the body fills its lines."""
    stanzas = (Stanza(("X",), os.urandom(body_bytes)), Stanza(("Y", "z!~"), b""))
    assert read_header(BytesIO(render(stanzas, bytes(FILE_KEY_BYTES)))).stanzas == stanzas


def test_every_altered_byte_of_a_header_is_noticed() -> None:
    """One flipped bit anywhere before the payload: an error, and not a byte of plaintext."""
    data = encrypt_bytes(b"x", [IDENTITY.recipient])
    for position in range(len(data) - len(b"x") - TAG_BYTES):
        altered = bytearray(data)
        altered[position] ^= 1
        plaintext, error = released(bytes(altered))
        assert (plaintext, isinstance(error, AgeError)) == (b"", True), position


def test_an_endless_header_is_refused() -> None:
    """A hostile file cannot make the reader take in all of memory."""
    endless = b"age-encryption.org/v1\n" + b"-> X\n\n" * 400_000
    with pytest.raises(AgeHeaderError):
        read_header(BytesIO(endless))


def test_a_header_for_nobody_is_refused_when_read() -> None:
    """The grammar asks for one stanza at least."""
    with pytest.raises(AgeHeaderError, match="names nobody"):
        read_header(BytesIO(b"age-encryption.org/v1\n--- " + b"A" * 43 + b"\n"))


def test_the_wrong_key_is_told_from_damage() -> None:
    """The error says whom the file is for by kind, and is one by name."""
    with pytest.raises(AgeNoMatchError, match="it is for: X25519"):
        opened(encrypt_bytes(b"x", [IDENTITY.recipient]), X25519Identity.generate(), ScryptIdentity("x"))


def test_passphrases() -> None:
    """The right one opens, the wrong one is no match."""
    data = encrypt_bytes(b"x", [ScryptRecipient("right", log_n=4)])
    assert opened(data, IDENTITY, ScryptIdentity("right")) == b"x"
    with pytest.raises(AgeNoMatchError, match="it is for: scrypt"):
        opened(data, ScryptIdentity("wrong"))


# --- payload -----------------------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(st.lists(st.integers(0, 2 * CHUNK_BYTES + 2), max_size=5), st.integers(0, 255))
def test_however_it_is_pushed_it_opens(sizes: list[int], fill: int) -> None:
    """Pieces of any size; between them at most one chunk is pending, and all before it is out."""
    header, file_key = new_header([IDENTITY.recipient])
    nonce = os.urandom(NONCE_BYTES)
    encryptor = StreamEncryptor(file_key, nonce)
    out, pushed_bytes = bytearray(header + nonce), 0
    for size in sizes:
        out += b"".join(encryptor.push(bytes([fill]) * size))
        pushed_bytes += size
        whole_chunks, rest = divmod(len(out) - len(header) - NONCE_BYTES, SEALED_BYTES)
        assert rest == 0
        assert whole_chunks * CHUNK_BYTES + encryptor.pending_bytes == pushed_bytes
        assert encryptor.pending_bytes <= CHUNK_BYTES
        assert (encryptor.pending_bytes == 0) == (pushed_bytes == 0)
    out += encryptor.finish()
    assert opened(bytes(out)) == bytes([fill]) * pushed_bytes
    assert b"".join(decrypt(Trickle(out), [IDENTITY])) == bytes([fill]) * pushed_bytes


@pytest.mark.parametrize("pushed_bytes", [1, 100, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1])
def test_flushing_gets_out_all_that_was_pushed(pushed_bytes: int) -> None:
    """``flush_bytes`` more bytes put everything before them onto the card, whole."""
    _, file_key = new_header([IDENTITY.recipient])
    encryptor = StreamEncryptor(file_key, bytes(NONCE_BYTES))
    before = b"".join(encryptor.push(b"x" * pushed_bytes))
    pending_bytes, flush_bytes = encryptor.pending_bytes, encryptor.flush_bytes
    after = b"".join(encryptor.push(b"p" * flush_bytes))
    assert pending_bytes + flush_bytes == CHUNK_BYTES + 1
    assert len(before + after) == (pushed_bytes + flush_bytes) // CHUNK_BYTES * SEALED_BYTES
    assert encryptor.pending_bytes == 1


def test_a_finished_payload_takes_nothing_more() -> None:
    """A second final chunk would use a nonce twice."""
    encryptor = StreamEncryptor(bytes(FILE_KEY_BYTES), bytes(NONCE_BYTES))
    encryptor.finish()
    for call in (encryptor.finish, lambda: encryptor.push(b"x")):
        with pytest.raises(ValueError, match="finished"):
            call()


@pytest.mark.parametrize(("file_key", "nonce"), [(bytes(15), bytes(16)), (bytes(16), bytes(12))])
def test_keys_of_the_wrong_length_are_refused(file_key: bytes, nonce: bytes) -> None:
    """A caller's mistake is an error at once."""
    with pytest.raises(ValueError, match="have 16 and 16 bytes"):
        StreamEncryptor(file_key, nonce)


@pytest.fixture(scope="module")
def three_chunks() -> tuple[bytes, bytes, int]:
    """A file of two full chunks and a short one, its plaintext, and where its first chunk begins."""
    plaintext = os.urandom(2 * CHUNK_BYTES + 1000)
    data = encrypt_bytes(plaintext, [IDENTITY.recipient])
    return data, plaintext, len(read_header(BytesIO(data)).raw) + NONCE_BYTES


@pytest.mark.parametrize("chunk", [0, 1])
@pytest.mark.parametrize("extra_bytes", [0, 1, TAG_BYTES, 5000, SEALED_BYTES - 1])
def test_a_cut_file_gives_its_whole_chunks(
    three_chunks: tuple[bytes, bytes, int], chunk: int, extra_bytes: int
) -> None:
    """Cut anywhere, as by a power cut: all whole chunks, then an error by name that says how much is lost."""
    data, plaintext, start = three_chunks
    given_out, error = released(data[: start + chunk * SEALED_BYTES + extra_bytes])
    assert given_out == plaintext[: chunk * CHUNK_BYTES]
    assert isinstance(error, AgeTruncatedError)
    assert f"{chunk} whole chunks are good, {extra_bytes} bytes after them are lost" in str(error)


@pytest.mark.parametrize("chunk", [0, 1, 2])
@pytest.mark.parametrize("position", [0, 999, -1])
def test_a_flipped_bit_stops_before_its_chunk(
    three_chunks: tuple[bytes, bytes, int], chunk: int, position: int
) -> None:
    """Nothing of the damaged chunk or after it is given out."""
    data, plaintext, start = three_chunks
    altered = bytearray(data)
    chunk_at = start + chunk * SEALED_BYTES
    altered[chunk_at + position if position >= 0 else min(chunk_at + SEALED_BYTES, len(data)) - 1] ^= 0x80
    given_out, error = released(bytes(altered))
    assert given_out == plaintext[: chunk * CHUNK_BYTES]
    assert isinstance(error, AgePayloadError)


def swapped(data: bytes, start: int) -> bytes:
    first, second = data[start : start + SEALED_BYTES], data[start + SEALED_BYTES : start + 2 * SEALED_BYTES]
    return data[:start] + second + first + data[start + 2 * SEALED_BYTES :]


@pytest.mark.parametrize(
    ("change", "good_chunks"),
    [
        pytest.param(swapped, 0, id="chunks exchanged"),
        pytest.param(lambda data, start: data[:start] + data[start + SEALED_BYTES :], 0, id="a chunk removed"),
        pytest.param(lambda data, start: data + b"\0", 2, id="a byte appended"),
    ],
)
def test_chunks_cannot_be_moved(
    three_chunks: tuple[bytes, bytes, int], change: Callable[[bytes, int], bytes], good_chunks: int
) -> None:
    """Each chunk is good in its own place alone."""
    data, plaintext, start = three_chunks
    given_out, error = released(change(data, start))
    assert given_out == plaintext[: good_chunks * CHUNK_BYTES]
    assert isinstance(error, AgePayloadError)


# --- armor -------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=300))
def test_armor_gives_back_what_went_in(data: bytes) -> None:
    """With LF, with CRLF, with white space around it."""
    text = armor(data)
    for form in (text, text.replace(b"\n", b"\r\n"), b"\n \t" + text + b"  \n\n"):
        assert b"".join(dearmor(BytesIO(form))) == data


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_damaged_armor_never_opens_to_something_else(position: int, value: int) -> None:
    """A changed character is an armor error, or an error of the file inside, or no change of what is inside."""
    text = bytearray(armor(encrypt_bytes(b"x", [IDENTITY.recipient])))
    text[position % len(text)] = value
    plaintext, error = released(bytes(text))
    assert plaintext in (b"", b"x")
    assert error is not None or plaintext == b"x"


@pytest.mark.parametrize("lines", [0, 1, 1023, 1024, 1025, 3000])
@pytest.mark.parametrize("rest_bytes", [0, 1, 47])
def test_armor_of_many_lines(lines: int, rest_bytes: int) -> None:
    """However many lines are read at once, and whatever pieces they come in."""
    data = os.urandom(lines * 48 + rest_bytes)
    for form in (armor(data), armor(data).replace(b"\n", b"\r\n")):
        assert b"".join(dearmor(BytesIO(form))) == b"".join(dearmor(Trickle(form))) == data


@pytest.mark.parametrize("line", [1, 500, 1024, 1500])
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda line: line[:-1], id="short"),
        pytest.param(lambda line: line + b"A", id="long"),
        pytest.param(lambda _line: b"", id="empty"),
        pytest.param(lambda line: b"*" + line[1:], id="no base64"),
        pytest.param(lambda line: line[:-1] + b"=", id="padded"),
        pytest.param(lambda line: line[:-1] + b" ", id="a space at its end"),
        pytest.param(lambda line: line[:32] + b"\r" + line[33:], id="a carriage return within"),
    ],
)
def test_armor_with_one_bad_line(line: int, change: Callable[[bytes], bytes]) -> None:
    """Wherever it stands among good ones, it is found; nothing from it on is given out."""
    data = os.urandom(2000 * 48)
    lines = armor(data).split(b"\n")
    lines[line] = change(lines[line])
    given_out, error = collected(dearmor(BytesIO(b"\n".join(lines))))
    assert isinstance(error, AgeArmorError)
    assert data.startswith(given_out)
    assert (line - 1) * 48 <= len(given_out) <= line * 48


def test_age_s_own_file_in_white_space() -> None:
    """From age's cmd/age/testdata/armor.txt."""
    identity = X25519Identity.parse("AGE-SECRET-KEY-18J6FVYJE2AFSJ0RPH6M29GMUU62UVRSCNWUJZSGETH6R38Q5AZ3S2DHAZ9")
    text = b"""

    \n-----BEGIN AGE ENCRYPTED FILE-----
YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSA5ODhFNHR6RVg0SGVHZFBM
clBEclEzZ3NvOGhqVE9tcFZnbTc2c3R5a0Q4ClZjVzBLNjdxRElZV3E0Z3ZpZ255
T3JWTFBHRFA2cytpWWtkeU45dDRadmcKLS0tIHV3L3hOVmJjL0hMRXBQa05lMlRs
ZW45TndPeE9GcmRNeWFkR3YxeHg0YzQKJBp6KRlFFUE8jbAQUBlcAwaaQcPAflJD
pWGoOjYP33gTxJHNPg==
-----END AGE ENCRYPTED FILE-----

   """
    assert opened(text, identity) == b"test\n"


def test_armor_without_an_end_is_refused() -> None:
    """A mail that was cut off is not a shorter file."""
    text = armor(os.urandom(500))
    with pytest.raises(AgeArmorError, match="ends without"):
        b"".join(dearmor(BytesIO(text[:-40])))


def test_endless_white_space_before_armor_is_refused() -> None:
    """A kilobyte is enough for any mail."""
    with pytest.raises(AgeArmorError, match="does not begin with"):
        b"".join(dearmor(BytesIO(b" " * 1025 + armor(b"x"))))
