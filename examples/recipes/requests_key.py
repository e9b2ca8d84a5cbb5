"""Reads a catalogue with requests. LATCHKEY_URL and LATCHKEY_API_KEY are in the environment."""

import os

import requests


class ApiKeyAuth(requests.auth.AuthBase):
    """Presents a key. Where a redirect leads to another host, requests takes it away."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Apikey {self._key}"
        return request


session = requests.Session()
session.auth = ApiKeyAuth(os.environ["LATCHKEY_API_KEY"])

answer = session.get(f"{os.environ['LATCHKEY_URL']}/catalog/search", params={"limit": 5}, timeout=30)
answer.raise_for_status()
for item in answer.json()["features"]:
    print(item["id"])
