"""ZIP files whose bytes depend on nothing but their content."""

from __future__ import annotations

import io
import re
import stat
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*(?:\.[a-z0-9]+)?")
_UNIX = 3
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # what ZIP can express


@dataclass(frozen=True)
class Entry:
    """A file of an archive; a secret one is unpacked readable by its owner alone."""

    name: str
    text: str = field(repr=False)
    secret: bool = False


def archive(folder: str, entries: Iterable[Entry], *, at: datetime) -> bytes:
    """A ZIP of flat files in one folder, all dated `at` (UTC). Raises ValueError for a name that could leave the folder."""
    buffer = io.BytesIO()
    moment = max(at.astimezone(UTC).timetuple()[:6], _EARLIEST)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as out:
        for entry in entries:
            if not (_SAFE.fullmatch(folder) and _SAFE.fullmatch(entry.name)):
                raise ValueError("an archive holds plain names only")
            about = zipfile.ZipInfo(f"{folder}/{entry.name}", moment)
            about.compress_type = zipfile.ZIP_DEFLATED
            about.create_system = _UNIX
            about.external_attr = (stat.S_IFREG | (0o600 if entry.secret else 0o644)) << 16
            out.writestr(about, entry.text)
    return buffer.getvalue()
