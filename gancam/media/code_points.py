"""What the code points of ITU-T H.273 stand for, for people."""

_UNSPECIFIED = "unspecified"
_BT601 = {5: "BT.470 BG (BT.601, 625 lines)", 6: "SMPTE 170M (BT.601, 525 lines)"}
_NAMES: dict[str, dict[int, str]] = {  # tables 4, 2 and 3
    "matrix": {
        0: "RGB", 1: "BT.709", 2: _UNSPECIFIED, 4: "FCC", **_BT601, 7: "SMPTE 240M", 8: "YCgCo",
        9: "BT.2020", 10: "BT.2020 constant luminance", 11: "SMPTE ST 2085", 12: "from primaries",
        13: "from primaries, constant luminance", 14: "ICtCp",
    },
    "primaries": {
        1: "BT.709", 2: _UNSPECIFIED, 4: "BT.470 M", **_BT601, 7: "SMPTE 240M", 8: "generic film", 9: "BT.2020",
        10: "CIE XYZ", 11: "DCI-P3", 12: "Display P3", 22: "EBU 3213",
    },
    "transfer": {
        1: "BT.709", 2: _UNSPECIFIED, 4: "gamma 2.2 (BT.470 M)", 5: "gamma 2.8 (BT.470 BG)",
        6: "SMPTE 170M (BT.601)", 7: "SMPTE 240M", 8: "linear", 9: "logarithmic 100:1", 10: "logarithmic 316:1",
        11: "xvYCC", 12: "BT.1361", 13: "sRGB", 14: "BT.2020, 10 bits", 15: "BT.2020, 12 bits", 16: "PQ",
        17: "SMPTE ST 428", 18: "HLG",
    },
    "full range": {0: "no", 1: "yes"},
}  # fmt: skip


def code_name(kind: str, code: int) -> str:
    """Name a code point of a `kind`: "matrix", "primaries", "transfer" or "full range".

    >>> code_name("matrix", 1), code_name("transfer", 99)
    ('BT.709', 'code 99')
    """
    return _NAMES[kind].get(code, f"code {code}")
