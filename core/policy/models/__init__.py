"""Models of policy: which plugins are on, who entrusted what to whom, who keeps away from what."""

from core.policy.models.activation import PluginActivation
from core.policy.models.rights import Delegation, Recusal

__all__ = ["Delegation", "PluginActivation", "Recusal"]
