"""People and the letters to them."""

from accounts.models.letter import Letter
from accounts.models.user import User

__all__ = ["Letter", "User"]
