"""Until when an approval by mail may count towards a proof: data with dates (BR 3.2.2.4.4, ballot SC-090)."""

from __future__ import annotations

from datetime import UTC, datetime

from validation import reuse

# From this moment no publicly trusted CA may rely on mail, nor on what mail had shown before.
PUBLIC_END = datetime(2028, 3, 15, tzinfo=UTC)


def allowed(now: datetime, *, public: bool) -> bool:
    """True while CAs of this kind may offer approval by mail at all."""
    return not public or now < PUBLIC_END


def good_until(answered_at: datetime) -> datetime:
    """The moment from which an approval has to be asked for again: as for any other proof (BR 4.2.1)."""
    return reuse.expires(answered_at)
