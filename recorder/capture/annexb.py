"""H.264 as encoders give it (Annex B, start codes) and as MP4 wants it (lengths).

Formats: ITU-T H.264 Annex B (byte stream) and table 7-1 (NAL unit types); ISO/IEC 14496-15 5.3.3 (``avcC``) and
5.3.4 (samples of length-prefixed NAL units, parameter sets in the sample entry only).
"""

from collections.abc import Iterator

from recorder.errors import MediaError

_START = b"\x00\x00\x01"
_SPS, _PPS, _DELIMITER = 7, 8, 9
_PLAIN_PROFILES = (66, 77, 88)  # baseline, main, extended: their avcC has no chroma fields


def nal_units(data: bytes) -> Iterator[memoryview]:
    """The NAL units of an Annex B stream where they lie, without start codes and the zeros around them."""
    whole = memoryview(data)
    last = data.rfind(_START)  # a frame is its last unit but for a few bytes, and bytes.rfind takes half of find's time
    begin = data.find(_START)
    while begin >= 0:
        following = data.find(_START, begin + 1, last + len(_START))
        begin += len(_START)
        end = following if following >= 0 else len(data)
        if not data[end - 1]:  # zeros that belong to the next start code, or fill the packet
            end = begin + len(data[begin:end].rstrip(b"\x00"))
        if end > begin:
            yield whole[begin:end]
        begin = following


def sample(access_unit: bytes) -> list[bytes | memoryview]:
    """An access unit as an MP4 sample, in pieces: four-byte lengths, parameter sets and delimiters left out."""
    pieces: list[bytes | memoryview] = []
    for unit in nal_units(access_unit):
        if unit[0] & 0x1F not in (_SPS, _PPS, _DELIMITER):
            pieces += (len(unit).to_bytes(4, "big"), unit)
    return pieces


def parameter_sets(extradata: bytes) -> tuple[bytes, bytes]:
    """The sequence and the picture parameter set. Raises MediaError where one is missing."""
    found = {unit[0] & 0x1F: bytes(unit) for unit in nal_units(extradata)}
    if _SPS not in found or _PPS not in found or len(found[_SPS]) < 4:
        raise MediaError("The camera's H.264 has no SPS and PPS; it cannot be written as MP4.")
    return found[_SPS], found[_PPS]


def configuration(extradata: bytes) -> bytes:
    """The decoder configuration record (``avcC``) of 8-bit 4:2:0 video with these parameter sets."""
    sps, pps = parameter_sets(extradata)
    record = bytes((1, sps[1], sps[2], sps[3], 0xFF, 0xE1)) + len(sps).to_bytes(2, "big") + sps
    record += b"\x01" + len(pps).to_bytes(2, "big") + pps
    return record if sps[1] in _PLAIN_PROFILES else record + b"\xfd\xf8\xf8\x00"
