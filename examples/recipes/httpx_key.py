"""Reads a catalogue with httpx. LATCHKEY_URL and LATCHKEY_API_KEY are in the environment."""

import os
import time
from collections.abc import Generator

import httpx


class ApiKeyAuth(httpx.Auth):
    """Presents a key, and once comes again as it is told to when there were too many calls."""

    def __init__(self, key: str, longest_wait_seconds: int = 30) -> None:
        self._key = key
        self._longest_wait_seconds = longest_wait_seconds

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Apikey {self._key}"
        response = yield request
        told = response.headers.get("Retry-After", "")
        # A proxy in front may tell a date.
        if response.status_code == 429 and told.isdecimal() and int(told) <= self._longest_wait_seconds:
            time.sleep(int(told))
            yield request


with httpx.Client(
    base_url=os.environ["LATCHKEY_URL"],
    auth=ApiKeyAuth(os.environ["LATCHKEY_API_KEY"]),
    timeout=30,
) as client:
    answer = client.get("/catalog/search", params={"limit": 5})
    answer.raise_for_status()
    for item in answer.json()["features"]:
        print(item["id"])
