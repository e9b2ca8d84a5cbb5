"""The STAC catalogue: stac-fastapi over the invented records of ../stac-catalog, in stac-geoparquet files made at the start."""

import asyncio
import json
from importlib.util import find_spec
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory

import duckdb
import rustac
from stac_fastapi.geoparquet.api import create
from stac_fastapi.geoparquet.settings import Settings

folder = TemporaryDirectory(prefix="latchkey-catalogue-")
records = Path(__file__).parents[1] / "stac-catalog"


def install_extensions(names: list[str]) -> Path:
    """Lays the extensions of DuckDB that pip installed where it looks, so that it downloads none."""
    directory = Path(folder.name) / "extensions"
    (platform,) = duckdb.sql("PRAGMA platform").fetchone()
    place = directory / f"v{duckdb.__version__}" / platform
    place.mkdir(parents=True)
    for name in names:
        package = Path(find_spec(f"duckdb_extension_{name}").origin).parent
        copy(next(package.glob(f"extensions/*/{name}.duckdb_extension")), place)
    return directory


async def write_records() -> str:
    """Writes a file of items for each collection, and one of the collections, which names them."""
    items = json.loads((records / "items.json").read_text())
    collections = json.loads((records / "collections.json").read_text())
    for collection in collections:
        name = collection["id"]
        file = Path(folder.name) / f"{name}.parquet"
        await rustac.write(str(file), [item for item in items if item["collection"] == name])
        collection["assets"] = {"items": {"href": str(file), "type": "application/vnd.apache.parquet"}}
    file = Path(folder.name) / "collections.json"
    file.write_text(json.dumps(collections))
    return str(file)


extensions = ["icu", "parquet", "spatial"]
client = rustac.DuckdbClient(
    extension_directory=install_extensions(extensions),
    extensions=extensions,
    install_extensions=False,
)
settings = Settings(stac_fastapi_title="Catalogue", stac_fastapi_collections_href=asyncio.run(write_records()))
api = create(settings, client)


async def app(scope, receive, send):
    # Its links follow X-Forwarded-Host. It prefers Forwarded, where it overlooks a host in quotation marks, which
    # RFC 7239 wants around one with a port.
    if scope["type"] == "http":
        scope["headers"] = [header for header in scope["headers"] if header[0] != b"forwarded"]
    await api.app(scope, receive, send)
