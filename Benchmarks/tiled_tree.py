"""Tiled over one array of a segment, as `uvicorn tiled_tree:app` serves it; see asgi.py."""

from asgi import arrays
from tiled.adapters.array import ArrayAdapter
from tiled.adapters.mapping import MapAdapter
from tiled.config import Authentication
from tiled.server.app import build_app

grid = next(iter(arrays("grid").values()))
app = build_app(
    MapAdapter({"grid": ArrayAdapter.from_array(grid)}), Authentication(providers=[], allow_anonymous_access=True)
)
