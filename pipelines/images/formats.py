"""The formats of pictures: how they begin, what their files are called, and which of them are not read, and why.

The one list for everything that asks "is it a picture": sources, archives, books, the page, studies. Works on
bytes and names; `start_of` alone opens a file.
"""

import re
from dataclasses import dataclass
from pathlib import Path

START_BYTES = 1024
"""So many bytes from the start of a file are enough for `format_of`."""


@dataclass(frozen=True)
class PictureFormat:
    """A format of picture files."""

    name: str  # "jpeg", "png", ...: as tables of pages name it
    suffixes: frozenset[str]  # of file names: small letters, with the dot
    shown: str  # for people: "a PNG picture"
    pillow: tuple[str, ...] = ()  # what Pillow calls its readers; empty where it is OpenCV that reads it
    remedy: str | None = None  # of a format that is not read: what to do with the file

    @property
    def is_read(self) -> bool:
        """True where Tintoon decodes pictures of this format."""
        return self.remedy is None


def _read(name: str, suffixes: str, *pillow: str, shown: str | None = None) -> PictureFormat:
    return PictureFormat(name, _suffixes(suffixes), shown or f"a {name.upper()} picture", pillow)


def _not_read(name: str, suffixes: str, shown: str, remedy: str) -> PictureFormat:
    return PictureFormat(name, _suffixes(suffixes), shown, remedy=remedy)


def _suffixes(names: str) -> frozenset[str]:
    return frozenset(f".{name}" for name in names.split())


_EXPORT = "export its pages as PNG from the program that made it"
_CONVERT = "convert it to PNG"

FORMATS = {
    form.name: form
    for form in (
        _read("jpeg", "jpg jpeg jpe jfif jif mpo", "JPEG", "MPO"),
        _read("png", "png apng", "PNG"),
        _read("webp", "webp", "WEBP", shown="a WebP picture"),
        _read("gif", "gif", "GIF"),
        _read("avif", "avif avifs", "AVIF", shown="an AVIF picture"),
        _read("jp2", "jp2 j2k j2c jpc jpf jpx", "JPEG2000", shown="a JPEG 2000 picture"),
        _read("tiff", "tif tiff", "TIFF"),
        _read("bmp", "bmp dib", "BMP", "DIB"),
        _read("ppm", "ppm pgm pbm pnm", "PPM"),
        _read("tga", "tga icb vda vst", "TGA"),
        _read("pcx", "pcx", "PCX"),
        _read("sgi", "sgi", "SGI"),
        _read("sun", "ras sr", "SUN", shown="a Sun raster picture"),
        _read("qoi", "qoi", "QOI"),
        _read("psd", "psd", "PSD", shown="a Photoshop picture"),
        _read("dds", "dds", "DDS"),
        _read("hdr", "hdr pic", shown="a Radiance picture"),
        _read("pfm", "pfm"),
        _read("pam", "pam"),
        _not_read("jxl", "jxl", "a JPEG XL picture", f"{_CONVERT}, or to JPEG with djxl"),
        _not_read("heic", "heic heif hif", "a HEIC picture", _CONVERT),
        _not_read("jxr", "jxr wdp hdp", "a JPEG XR picture", _CONVERT),
        _not_read("exr", "exr", "an OpenEXR picture", f"{_CONVERT}; it does not say what white is"),
        _not_read("flif", "flif", "a FLIF picture", _CONVERT),
        _not_read("bpg", "bpg", "a BPG picture", _CONVERT),
        _not_read("djvu", "djvu djv", "a DjVu document", "convert it to PDF"),
        _not_read(
            "raw", "arw cr2 cr3 crw dng nef nrw orf pef raf raw rw2 srw x3f", "a camera's raw file", "develop it"
        ),
        _not_read("ico", "ico cur", "an icon", _CONVERT),
        _not_read("svg", "svg svgz", "an SVG drawing", "draw it as PNG at the size that you need"),
        _not_read("eps", "eps ps ai", "a PostScript drawing", "draw it as PNG at the size that you need"),
        _not_read("wmf", "wmf emf", "a Windows metafile", "draw it as PNG at the size that you need"),
        _not_read("psb", "psb", "a Photoshop document that is large or of 16 bits a channel", _EXPORT),
        _not_read("xcf", "xcf", "a GIMP document", _EXPORT),
        _not_read("kra", "kra ora", "a Krita or OpenRaster document", _EXPORT),
        _not_read("clip", "clip lip", "a Clip Studio document", _EXPORT),
        _not_read("pdn", "pdn", "a paint.net document", _EXPORT),
        _not_read("sai", "sai sai2", "a PaintTool SAI document", _EXPORT),
        _not_read("mdp", "mdp", "a FireAlpaca or MediBang document", _EXPORT),
        _not_read("procreate", "procreate", "a Procreate document", _EXPORT),
    )
}
"""Every format that is known, by name."""

PICTURE_SUFFIXES = frozenset().union(*(form.suffixes for form in FORMATS.values() if form.is_read))
"""A file of one of these names is meant to be a picture that is read here."""

_BY_SUFFIX = {suffix: form.name for form in FORMATS.values() for suffix in form.suffixes}
_SIGNATURES = tuple(
    (name, re.compile(pattern, re.DOTALL))
    for name, pattern in (
        ("jpeg", rb"\xff\xd8\xff"),
        ("png", rb"\x89PNG\r\n\x1a\n"),
        ("webp", rb"RIFF.{4}WEBP"),
        ("gif", rb"GIF8[79]a"),
        ("jp2", rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51\0"),
        ("raw", rb"II\*\0\x10\0\0\0CR|IIRO|IIRS|MMOR|IIU\0|FUJIFILMCCD-RAW|FOVb|\0MRM|II\x1a\0\0\0HEAPCCDR"),
        ("tiff", rb"II\*\0|MM\0\*|II\+\0|MM\0\+"),
        ("bmp", rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0|\x28\0{3}.{8}\x01\0[\x01\x04\x08\x10\x18\x20]\0"),
        ("ppm", rb"P[1-6][ \t\r\n](?:[ \t\r\n]*#|[ \t\r\n]*[0-9])"),
        ("pfm", rb"P[Ff]\r?\n"),
        ("pam", rb"P7\r?\n"),
        ("hdr", rb"#\?(?:RADIANCE|RGBE)\r?\n"),
        ("sun", rb"\x59\xa6\x6a\x95"),
        ("sgi", rb"\x01\xda[\0\x01][\x01\x02]\0[\x01-\x03]"),
        ("qoi", rb"qoif"),
        ("psd", rb"8BPS\0\x01.{16}\0[\x01\x08]"),
        ("dds", rb"DDS \x7c\0\0\0"),
        ("ico", rb"\0\0\x01\0[\x01-\xff]\0..[\0-\xff]\0"),
        ("pcx", rb"\x0a[\0\x02-\x05]\x01[\x01\x02\x04\x08]"),
        ("jxl", rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n"),
        ("jxr", rb"II\xbc[\0\x01]"),
        ("exr", rb"\x76\x2f\x31\x01"),
        ("flif", rb"FLIF"),
        ("bpg", rb"BPG\xfb"),
        ("djvu", rb"AT&TFORM"),
        (  # with one way to match each part, and no way back: any other form takes time without end
            "svg",
            rb"(?:\xef\xbb\xbf)?+(?:\s++|<\?xml[^>]*+>|<!--(?>.*?-->)|<!DOCTYPE svg[^>]*+>)*+<(?:\w++:)?+svg[\s>]",
        ),
        ("eps", rb"%!PS|\xc5\xd0\xd3\xc6"),
        ("wmf", rb"\xd7\xcd\xc6\x9a\0\0|\x01\0\0\0.{36} EMF"),
        ("psb", rb"8BPS\0[\x01\x02]"),
        ("xcf", rb"gimp xcf "),
        ("kra", rb"PK\x03\x04.{26}mimetype(?:application/x-krita|image/openraster)"),
        ("clip", rb"CSFCHUNK"),
        ("pdn", rb"PDN3"),
        ("mdp", rb"mdipack"),
    )
)
_HEIF_BOX = re.compile(rb"\0\0..ftyp", re.DOTALL)
_AVIF_BRANDS, _RAW_BRANDS = {b"avif", b"avis"}, {b"crx "}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
_TGA = re.compile(  # it has no signature: its fields have to fit each other
    rb".(?:\0[\x02\x03\x0a\x0b]\0{5}|\x01[\x01\x09].{4}[\x0f\x10\x18\x20])"  # without, or with a colour map
    rb".{4}(?!\0\0)..(?!\0\0)..[\x01\x08\x0f\x10\x18\x20][\0-\x3f]",
    re.DOTALL,
)


def format_of(data: bytes) -> str | None:
    """The name of a picture's format by its first START_BYTES, whatever its file is called; None for anything else.

    Also of the formats that are not read: see `FORMATS` and `reason_against`.
    """
    if _HEIF_BOX.match(data):
        return _format_of_heif(data)
    for name, signature in _SIGNATURES:
        if signature.match(data[:START_BYTES]):
            return name
    return "tga" if _TGA.match(data) else None


def start_of(file: Path) -> bytes:
    """The first START_BYTES of a file. Raises OSError."""
    with file.open("rb") as opened:
        return opened.read(START_BYTES)


def format_of_suffix(suffix: str) -> str | None:
    """The name of the format that the suffix of a file name (".JPG") stands for; None where it stands for none."""
    return _BY_SUFFIX.get(suffix.lower())


def is_picture_start(start: bytes) -> bool:
    """True for the first START_BYTES of a file of a format that is read here. The rest of it may be damaged."""
    name = format_of(start)
    return name is not None and FORMATS[name].is_read


def reason_against(start: bytes, *, suffix: str = "") -> str | None:
    """Why a picture file is not read here, with the remedy: "a JPEG XL picture, which is not read here; convert it
    to PNG". None where its format is read, and where it is no picture.

    start: the first START_BYTES of the file; they decide where they are of a known format.
    suffix: of its name, which decides where they are not.
    """
    name = format_of(start) or format_of_suffix(suffix)
    form = FORMATS.get(name or "")
    return None if form is None or form.is_read else f"{form.shown}, which is not read here; {form.remedy}"


def _format_of_heif(data: bytes) -> str | None:
    """AVIF and HEIC share a container, which names its kinds: one, a version, then others."""
    size = int.from_bytes(data[:4])
    brands = {data[8:12], *(data[at : at + 4] for at in range(16, min(size, START_BYTES), 4))}
    if brands & _AVIF_BRANDS:
        return "avif"
    return "raw" if brands & _RAW_BRANDS else "heic" if brands & _HEIC_BRANDS else None
