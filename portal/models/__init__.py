"""The nouns of the hall."""

from portal.models.tally import Tally

__all__ = ["Tally"]
