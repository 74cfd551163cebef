"""The nouns of the hall."""

from portal.models.sealed_check import SealedCheck
from portal.models.tally import Tally

__all__ = ["SealedCheck", "Tally"]
