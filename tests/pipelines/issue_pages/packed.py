"""Packs pictures as each kind of comic archive does, also as no packer would."""

import hashlib
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import py7zr
import pypdfium2
from PIL import Image

Files = Mapping[str, bytes]


def write_zip(file: Path, files: Files) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return file


def write_tar(file: Path, files: Files, *, packing: str = "") -> Path:
    with tarfile.open(file, f"w:{packing}", errors="surrogateescape") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return file


def write_7z(file: Path, files: Files, *, password: str | None = None) -> Path:
    """7z as py7zr writes it; names that it would mend are put into the head afterwards, which has two checksums."""
    with py7zr.SevenZipFile(file, "w", password=password) as archive:
        archive.set_encoded_header_mode(False)
        for number, (name, content) in enumerate(files.items()):
            archive.writestr(content, _stand_in(name, number))
    data = bytearray(file.read_bytes())
    offset, size = struct.unpack_from("<QQ", data, 12)
    head = bytes(data[32 + offset : 32 + offset + size])
    for number, name in enumerate(files):
        head = head.replace(_stand_in(name, number).encode("utf-16-le"), name.encode("utf-16-le"))
    data[32 + offset : 32 + offset + size] = head
    struct.pack_into("<I", data, 28, zlib.crc32(head))
    struct.pack_into("<I", data, 8, zlib.crc32(data[12:32]))
    file.write_bytes(data)
    return file


def _stand_in(name: str, number: int) -> str:
    """A name without a path, as long in UTF-16, that no other entry has."""
    return f"{chr(0x4E00 + number)}{'x' * (len(name) - 1)}"


def write_rar(file: Path, files: Files, *, method: int = 0x30, flags: int = 0) -> Path:
    """RAR 4 as the format's description has it; the method 0x30 is to store."""

    def block(kind: int, flags: int, rest: bytes) -> bytes:
        head = struct.pack("<BHH", kind, flags, 7 + len(rest)) + rest
        return struct.pack("<H", zlib.crc32(head) & 0xFFFF) + head

    data = b"Rar!\x1a\x07\x00" + block(0x73, 0, bytes(6))
    for name, content in files.items():
        named = name.encode("utf-8", "surrogateescape")
        about = struct.pack("<IIBIIBBHI", len(content), len(content), 3, zlib.crc32(content), 0, 20, method, 0, 0)
        about = about[:-6] + struct.pack("<HI", len(named), 0o100644 << 16) + named
        data += block(0x74, 0x8000 | flags, about) + content
    file.write_bytes(data + block(0x7B, 0x4000, b""))
    return file


def write_pdf(file: Path, pictures: list[bytes], *, rotated: int = 0, words: str = "") -> Path:
    """A page a picture: JPEG as it is, others by their pixels."""
    document = pypdfium2.PdfDocument.new()
    for data in pictures:
        with Image.open(io.BytesIO(data)) as opened:
            width, height = opened.size
            image = pypdfium2.PdfImage.new(document)
            page = document.new_page(width / 2, height / 2)
            if opened.format == "JPEG":
                image.load_jpeg(io.BytesIO(data), inline=True)
            else:
                image.set_bitmap(pypdfium2.PdfBitmap.from_pil(opened.convert("RGB")))
        image.set_matrix(pypdfium2.PdfMatrix().scale(width / 2, height / 2))
        page.insert_obj(image)
        if words:
            font = pypdfium2.PdfFont.load_standard(document, "Helvetica")
            text = pypdfium2.raw.FPDFPageObj_CreateTextObj(document, font, 4)
            units = (words + "\0").encode("utf-16-le")
            pypdfium2.raw.FPDFText_SetText(text, (pypdfium2.raw.FPDF_WCHAR * (len(words) + 1)).from_buffer_copy(units))
            pypdfium2.raw.FPDFPage_InsertObject(page, text)
        page.set_rotation(rotated)
        page.gen_content()
    document.save(file)
    document.close()
    return file


def write_locked_pdf(file: Path, *, password: bytes = b"", may_copy: bool = True) -> Path:
    """An empty page under the oldest of PDF's locks (ISO 32000-1, algorithms 2 to 4)."""
    padding = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
    rights = -4 if may_copy else -4 & ~16
    owner = _rc4(hashlib.md5(padding).digest()[:5], (password + padding)[:32])
    seed = (password + padding)[:32] + owner + struct.pack("<i", rights) + b"tintoon-tintoon-"
    user = _rc4(hashlib.md5(seed).digest()[:5], padding)
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]>>",
        f"<</Filter/Standard/V 1/R 2/P {rights}/O<{owner.hex()}>/U<{user.hex()}>>>".encode(),
    ]
    data, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(data))
        data += b"%d 0 obj %s endobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start, name = len(data), b"tintoon-tintoon-".hex().encode()
    data += b"xref\n0 5\n0000000000 65535 f \n" + table
    data += b"trailer <</Size 5/Root 1 0 R/Encrypt 4 0 R/ID[<%s><%s>]>>\nstartxref\n%d\n%%%%EOF" % (name, name, start)
    file.write_bytes(data)
    return file


def epub_files(pictures: Files, *, order: list[str] | None = None, direction: str = "") -> dict[str, bytes]:
    """The files of a book that shows each picture in a document of its own, in an order."""
    order = order or list(pictures)
    items = "".join(
        f'<item id="d{k}" href="text/d{k}.xhtml" media-type="application/xhtml+xml"/>'
        f'<item id="p{k}" href="pictures/{name}" media-type="image/jpeg"/>'
        for k, name in enumerate(pictures)
    )
    spine = "".join(f'<itemref idref="d{list(pictures).index(name)}"/>' for name in order)
    way = f' page-progression-direction="{direction}"' if direction else ""
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>'
        "<dc:title>A Book</dc:title><dc:language>en</dc:language><dc:rights>CC BY 4.0</dc:rights></metadata>"
        f"<manifest>{items}</manifest><spine{way}>{spine}</spine></package>"
    )
    documents = {
        f"OEBPS/text/d{k}.xhtml": (
            f'<html xmlns="http://www.w3.org/1999/xhtml"><body><img src="../pictures/{name}"/></body></html>'
            if k % 2
            else f'<html><body><svg xmlns:xlink="x"><image xlink:href="../pictures/{name}"/></svg></body></html>'
        ).encode()
        for k, name in enumerate(pictures)
    }
    container = '<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
    return {
        "mimetype": b"application/epub+zip",
        "META-INF/container.xml": container.encode(),
        "OEBPS/book.opf": package.encode(),
        **documents,
        **{f"OEBPS/pictures/{name}": data for name, data in pictures.items()},
    }


def _rc4(key: bytes, data: bytes) -> bytes:
    state, j, out = list(range(256)), 0, bytearray()
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    i = j = 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)
