"""Searches a STAC API with pystac-client. LATCHKEY_URL and LATCHKEY_API_KEY are in the environment."""

import os

import requests
from pystac_client import Client

CATALOG = f"{os.environ['LATCHKEY_URL']}/catalog"


def present_key(request: requests.Request) -> requests.Request:
    """Presents the key to the catalogue alone: the links of a catalogue lead anywhere."""
    if request.url.startswith(f"{CATALOG}/") or request.url == CATALOG:
        request.headers["Authorization"] = f"Apikey {os.environ['LATCHKEY_API_KEY']}"
    return request


catalog = Client.open(CATALOG, request_modifier=present_key)
search = catalog.search(collections=["sentinel-2-l2a"], bbox=[-12, 34, 32, 60], max_items=5)
for item in search.items():
    print(item.id)
