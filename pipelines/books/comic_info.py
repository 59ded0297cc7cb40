"""ComicInfo.xml of a coloured book. Works on bytes, touches no files."""

from collections.abc import Mapping
from xml.etree.ElementTree import Element, ParseError, SubElement, TreeBuilder, indent, tostring

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

NOTE = "Coloured by Tintoon."
_BEFORE_NOTES = (
    *("Title", "Series", "Number", "Count", "Volume", "AlternateSeries", "AlternateNumber", "AlternateCount"),
    "Summary",
)
_BEFORE_BLACK_AND_WHITE = (
    *(*_BEFORE_NOTES, "Notes", "Year", "Month", "Day", "Writer", "Penciller", "Inker", "Colorist", "Letterer"),
    *("CoverArtist", "Editor", "Translator", "Publisher", "Imprint", "Genre", "Tags", "Web", "PageCount"),
    *("LanguageISO", "Format"),
)


def is_comic_info(name: str) -> bool:
    """True for the name of a ComicInfo.xml, in whatever folder of the book."""
    return name.rpartition("/")[2].lower() == "comicinfo.xml"


def comic_info_problem(data: bytes) -> str | None:
    """The reason why a file cannot be read, or None."""
    try:
        _root(data)
    except ValueError as error:
        return str(error)
    return None


def colored_comic_info(data: bytes, *, sizes_bytes: Mapping[int, int]) -> bytes:
    """The file with a note that Tintoon coloured the book, and `BlackAndWhite` set to No; all else as it was.

    sizes_bytes: the new size of each page by its place in reading order, from 0, for `ImageSize`.
    Raises ValueError where the file cannot be read.
    """
    root = _root(data)
    namespace = _namespace(root)
    notes = _child(root, namespace, "Notes", _BEFORE_NOTES)
    if NOTE not in (notes.text or ""):
        notes.text = "\n".join(filter(None, [(notes.text or "").strip(), NOTE]))
    _child(root, namespace, "BlackAndWhite", _BEFORE_BLACK_AND_WHITE).text = "No"
    for page in root.iter(f"{namespace}Page"):
        place = page.get("Image", "")
        if "ImageSize" in page.attrib and place.isdecimal() and int(place) in sizes_bytes:
            page.set("ImageSize", str(sizes_bytes[int(place)]))
    return tostring(root, encoding="utf-8", xml_declaration=True, default_namespace=namespace.strip("{}") or None)


def new_comic_info(*, title: str | None, makers: tuple[str, ...]) -> bytes:
    """The file for a coloured book that came without one."""
    root = Element("ComicInfo")
    if title:
        SubElement(root, "Title").text = title
    SubElement(root, "Notes").text = NOTE
    if makers:
        SubElement(root, "Writer").text = ", ".join(makers)
    SubElement(root, "BlackAndWhite").text = "No"
    indent(root)
    return tostring(root, encoding="utf-8", xml_declaration=True)


def _root(data: bytes) -> Element:
    """The element <ComicInfo>. Raises ValueError."""
    parser = DefusedXMLParser(target=TreeBuilder(insert_comments=True, insert_pis=True), forbid_dtd=True)
    try:
        parser.feed(data)
        root = parser.close()
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
    if str(root.tag).rpartition("}")[2] != "ComicInfo":
        raise ValueError(f"it holds <{root.tag}>")
    return root


def _namespace(root: Element) -> str:
    """The part of tags before their name: "{http://...}", or nothing."""
    return str(root.tag)[: -len("ComicInfo")]


def _child(root: Element, namespace: str, name: str, before: tuple[str, ...]) -> Element:
    """A field of the file; a new one comes where the schema's order has it."""
    found = root.find(f"{namespace}{name}")
    if found is not None:
        return found
    earlier = {f"{namespace}{other}" for other in before}
    place = max((place + 1 for place, child in enumerate(root) if child.tag in earlier), default=0)
    created = Element(f"{namespace}{name}")
    created.tail = root.text
    root.insert(place, created)
    return created
