"""Names of files and folders: what people and systems leave beside pages, and the name of an issue.

One list and one rule for folders, flat folders, archives, videos and books. Works on names; touches no files.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from hashlib import sha256

from pipelines.lake import may_be_in_key

MAX_ISSUE_BYTES = 150
"""Of an issue's name in UTF-8: with a title's key and what is added while a file is written, file names have 255."""

_LEFT_BY: dict[str, frozenset[str]] = {
    "macOS": frozenset(
        {".ds_store", ".appledouble", ".appledesktop", ".trashes", ".fseventsd", ".temporaryitems", "__macosx"}
        | {".spotlight-v100", ".documentrevisions-v100", "network trash folder", "temporary items", "icon\r"}
    ),
    "Windows": frozenset(
        {"thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "$recycle.bin", "recycler", "recycled"}
        | {"system volume information", "found.000"}
    ),
    "a network drive": frozenset(
        {"@eadir", "@tmp", "@recycle", "@recently-snapshot", "@__thumb", ".@__thumb", "#recycle", "#snapshot"}
    ),
    "Linux": frozenset({"lost+found", ".trash", ".directory", ".nomedia", ".thumbnails"}),
    "version control": frozenset({".git", ".svn", ".hg", ".gitignore", ".gitattributes"}),
    "the packing of a book": frozenset({"meta-inf"}),
}
_SYSTEMS = {name: f"left by {system}" for system, names in _LEFT_BY.items() for name in names}
_PREFIXES = {
    "._": "left by macOS",
    "~$": "left by an office program",
    ".trash-": "left by Linux",
    ".nfs": "left by a network drive",
    "synophoto": "left by a network drive",
    "syno@": "left by a network drive",
}
_UNFINISHED = re.compile(
    r"\.(tmp|temp|part|partial|filepart|crdownload|download|opdownload|aria2|!ut|!qb)$", re.IGNORECASE
)
_BACKUP = re.compile(
    r"\.((bak|bkp|backup|old|orig|swp|swo)|(jpe?g|png|gif|webp|bmp|tiff?|avif|cb[7rtz]|zip|rar|7z|tar|pdf|epub)"
    r"(\.[0-9]{1,2}|~)|(jxl|heic|jfif|psd|kra|xcf|clip|svg|xml|txt|md|json|ya?ml|html?|nfo|mp4|mkv|webm)~)$",
    re.IGNORECASE,
)
_SMALL_COPY = re.compile(r"(?P<stem>.+)[-_. ](preview|thumb|thumbnail)\.[^.]+", re.IGNORECASE)
_LEGAL_STEMS = frozenset({"license", "licence", "readme", "copying", "credits", "attribution"})


def leftover(name: str) -> str | None:
    """What a file is by its name alone, where it is no page and no issue: "left by macOS"; else None.

    `name` is the last part of its path. What is hidden, what systems leave behind, backups, unfinished downloads, and
    texts about a comic are leftovers. Of folders, only `left_by_system` may be asked: people call a chapter
    "Finale ~Part 2~", "Ep.Old" or "Credits".
    """
    if known := left_by_system(name):
        return known
    if _UNFINISHED.search(name):
        return "an unfinished download, or a file of a program at work"
    if _BACKUP.search(name) or (len(name) > 2 and name.startswith("#") and name.endswith("#")):
        return "a backup copy"
    stem, dot, suffix = name.lower().rpartition(".")
    if (suffix in ("txt", "md", "rst", "html") if dot else True) and (stem if dot else suffix) in _LEGAL_STEMS:
        return "a text about the comic"
    return None


def left_by_system(name: str) -> str | None:
    """Which system left a file or folder, by one part of its path, or "hidden"; None for what people made."""
    small = unicodedata.normalize("NFC", name).lower()
    if known := _SYSTEMS.get(small):
        return known
    for prefix, known in _PREFIXES.items():
        if small.startswith(prefix):
            return known
    return "hidden" if small.startswith(".") and small not in (".", "..") else None


def small_copies(names: Collection[str]) -> frozenset[str]:
    """Of names beside each other, those of previews: `01-preview.jpg`, `01_thumb.png`, where there is a `01.jpg`."""
    stems = {name.rpartition(".")[0].lower() for name in names}
    found = ((name, _SMALL_COPY.fullmatch(name)) for name in names)
    return frozenset(name for name, match in found if match and match["stem"].lower() in stems)


def issue_names(
    paths: Sequence[Sequence[str]], *, written: Sequence[str] | None = None, taken: Iterable[str] = ()
) -> list[str]:
    """The names of issues that lie at these paths, in their order; no two alike, also without regard to case.

    `paths` have the parts below the title's address, without a file's suffix: `("vol 1", "ch 2")` is the issue
    `vol-1-ch-2`. Names are composed (Unicode NFC); each run of signs that a key cannot hold becomes a dash, dots in
    a row become one, and dashes and dots at the ends are removed. Too long a name is cut, and one without a letter or
    digit is called `issue`; both end with eight digits of the hash of what they are called, and so do names that
    would be one by this rule, but for the one that is written so. `written` are the whole paths, for the hash, where
    they say more; `taken` are names that others have.
    """
    whole = written or ["/".join(parts) for parts in paths]
    plain = [_plain_name(parts) for parts in paths]
    counts = Counter(map(_alike, plain))
    exact = Counter(_alike(name) for name, parts in zip(plain, paths, strict=True) if [name] == list(parts))
    others = set(map(_alike, taken))
    names: list[str] = []
    for name, parts, text in zip(plain, paths, whole, strict=True):
        alike = _alike(name)
        keeps_it = counts[alike] == 1 or ([name] == list(parts) and exact[alike] == 1)
        names.append(name if keeps_it and alike not in others else _hashed(name, text))
    return names


def former_names(parts: Sequence[str]) -> tuple[str, ...]:
    """The names that earlier versions gave to what is not nested, where they did: known issues keep theirs."""
    if len(parts) != 1:
        return ()
    by_folder = "-".join(parts[0].split())
    by_file = re.sub(r"\.{2,}", ".", re.sub(r"[^\w.-]+", "-", parts[0])).strip("-.")
    of_old = (name for name in (by_folder, by_file) if re.fullmatch(r"[\w.-]+", name) and "..." not in name)
    return tuple(dict.fromkeys(of_old))


def _plain_name(parts: Sequence[str]) -> str:
    name = "-".join(filter(None, map(_safe, parts)))
    if not name:
        return _hashed("issue", "/".join(parts))
    return name if len(name.encode()) <= MAX_ISSUE_BYTES else _hashed(name, "/".join(parts))


def _safe(part: str) -> str:
    """A part of a path, with a dash for each run of signs that a key cannot hold."""
    signs = ""
    is_open = False  # within such a run
    for sign in unicodedata.normalize("NFC", part):
        # A mark belongs to the sign before it, and goes with it.
        is_alone = unicodedata.category(sign).startswith("M") and (is_open or not signs or signs[-1] in "-.")
        if may_be_in_key(sign) and not is_alone:
            signs, is_open = signs + sign, False
        elif not is_open:
            signs, is_open = signs + "-", True
    return re.sub(r"\.{2,}", ".", signs).strip("-.")


def _hashed(name: str, written: str) -> str:
    mark = sha256(unicodedata.normalize("NFC", written).encode("utf-8", "surrogatepass")).hexdigest()[:8]
    cut = name.encode()[: MAX_ISSUE_BYTES - len(mark) - 1].decode("utf-8", "ignore").strip("-.")
    return f"{cut}-{mark}"


def _alike(name: str) -> str:
    """Equal for names that one file system or another takes for one."""
    return unicodedata.normalize("NFC", name.casefold())
