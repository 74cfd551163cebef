"""The nouns of the lookout."""

from validation.models.approval import Approval
from validation.models.authorization import Authorization, Challenge
from validation.models.control import Control
from validation.models.delegation import Delegation, Publication
from validation.models.probe import Probe

__all__ = ["Approval", "Authorization", "Challenge", "Control", "Delegation", "Probe", "Publication"]
