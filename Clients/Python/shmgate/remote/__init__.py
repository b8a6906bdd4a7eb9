"""Objects on a gateway far away, or mapped where the gateway runs on this host."""

from .gateway import Gateway, connect
from .objects import RemoteObject

__all__ = ["Gateway", "RemoteObject", "connect"]
