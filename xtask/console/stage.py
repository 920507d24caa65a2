"""What journeys are given: the server, browsers, people, and the checks of a page."""

import base64
import hashlib
import hmac
import json
import os
import struct
import time
import urllib.request
from pathlib import Path

from browser import Browser

PASSWORD = "violet harbour under glass"
# How much is told of a page of a journey that failed.
LINES_OF_FAILURE = 15


class Person:
    """Somebody with a password, an app and recovery codes."""

    def __init__(self, sign_in, secret, recovery):
        self.sign_in = sign_in
        self.password = PASSWORD
        self.secret = secret.replace(" ", "")
        self.recovery = list(recovery)
        self.cookies = None
        self.step = 0

    def code(self):
        """A code that was not used yet, and counts for 20 seconds more at least: two or three do
        at any moment, and one more comes every 30 seconds."""
        # One that runs out while it is typed and looked at is none, however slow that is.
        now = int(time.time() + 20) // 30
        step = max(self.step + 1, now - 1)
        while step > int(time.time()) // 30 + 1:
            time.sleep(0.5)
        self.step = step
        key = base64.b32decode(self.secret + "=" * (-len(self.secret) % 8))
        digest = hmac.new(key, struct.pack(">Q", step), hashlib.sha1).digest()
        at = digest[-1] & 15
        number = struct.unpack(">I", digest[at : at + 4])[0] & 0x7FFFFFFF
        return f"{number % 1_000_000:06}"


class Stage:
    """The server under test and whoever is in front of it."""

    def __init__(self, playwright):
        self.origin = os.environ["CONSOLE_ORIGIN"]
        self.master = os.environ["CONSOLE_MASTER"]
        self.axe = Path(os.environ["CONSOLE_AXE"]).read_text(encoding="utf-8")
        self.pictures = Path(os.environ["CONSOLE_PICTURES"])
        self.pictures.mkdir(parents=True, exist_ok=True)
        self.owner = None
        self.bob = None
        self.open = []
        # The pictures that were made, and checked by axe, with the path of each.
        self.looked = []
        self.chromium = playwright.chromium.launch(
            executable_path=os.environ["CONSOLE_CHROMIUM"],
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )

    def browser(self, scripts=True, zone="Europe/Berlin"):
        """A browser of its own, without cookies, whose clock is that of a zone."""
        browser = Browser(self, scripts, zone)
        self.open.append(browser)
        return browser

    def owner_in(self, anew=False, scripts=True, zone="Europe/Berlin"):
        """A browser in which the first owner is signed in."""
        return self.signed_in(self.owner, anew, scripts, zone)

    def signed_in(self, person, anew=False, scripts=True, zone="Europe/Berlin"):
        """A browser in which a person is signed in: by the session of the browser before, when
        that still lasts, or `anew`."""
        browser = self.browser(scripts, zone)
        if person.cookies and not anew:
            browser.context.add_cookies(person.cookies)
        if anew or not browser.is_in():
            browser.context.clear_cookies()
            browser.sign_in(person)
        if not anew:
            browser.keep_session(person)
        browser.go("/console")
        return browser

    def api(self, method, path, body=None):
        """A call of the API with the master key; answers the JSON."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.master}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.origin + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def stock(self):
        """A pool with half a year of orders, when no journey left one."""
        pools = [pool["name"] for pool in self.api("GET", "/v1/pools?limit=1000")["items"]]
        if "orders" in pools:
            return
        fields = [("customer", "String"), ("at", "DateTime"), ("amount", "Float64"), ("city", "String"), ("items", "Int64")]
        self.api("POST", "/v1/pools", {
            "name": "orders", "description": "What customers ordered", "schema": "strict", "time_field": "at",
            "isolation_field": "customer", "fields": [{"name": name, "type": kind} for name, kind in fields],
        })
        self.api("POST", "/v1/pools/orders/records", [
            {"customer": customer, "at": f"2026-0{month}-1{day}T10:00:00Z", "amount": 10 * month + day, "city": city, "items": day}
            for customer, city in (("acme", "Berlin"), ("globex", "Lyon")) for month in range(1, 7) for day in range(1, 5)
        ])

    def end_of_journey(self):
        """Closes every browser; what a page threw, or the browser forbade it, fails the journey."""
        faults = [fault for browser in self.open for fault in browser.faults]
        assert not faults, faults
        self._forget()

    def tell_of_failure(self, name):
        """What every open page shows: its address, what it says first, and a picture."""
        pages = [(browser, page) for browser in self.open for page in browser.context.pages]
        for number, (browser, page) in enumerate(pages):
            picture = self.pictures / f"failed-{name}-{number}.png"
            print(f"page {number} of {name} is at {page.url}; its picture: {picture}", flush=True)
            if browser.faults:
                print(f"  the browser said: {browser.faults}", flush=True)
            # A page that a journey left half done is no reason to tell nothing of the others.
            try:
                text = page.locator("main").inner_text(timeout=5_000)
                for line in [line.strip() for line in text.splitlines() if line.strip()][:LINES_OF_FAILURE]:
                    print(f"  | {line[:200]}", flush=True)
            except Exception as error:
                print(f"  no text: {error}", flush=True)
            try:
                page.screenshot(path=picture, timeout=10_000, caret="initial")
            except Exception as error:
                print(f"  no picture: {error}", flush=True)
        self._forget()

    def _forget(self):
        for browser in self.open:
            browser.context.close()
        self.open = []

    def close(self):
        self.chromium.close()
