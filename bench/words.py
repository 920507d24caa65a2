"""The words that events are made of."""

from __future__ import annotations

import pyarrow as pa

_PLACES = [
    "US:USD",
    "DE:EUR",
    "GB:GBP",
    "FR:EUR",
    "JP:JPY",
    "IN:INR",
    "BR:BRL",
    "CA:CAD",
    "ES:EUR",
    "IT:EUR",
    "NL:EUR",
    "AU:AUD",
    "MX:MXN",
    "KR:KRW",
    "PL:PLN",
    "SE:SEK",
    "CH:CHF",
    "BE:EUR",
    "AT:EUR",
    "TR:TRY",
    "ID:IDR",
    "NO:NOK",
    "DK:DKK",
    "FI:EUR",
    "IE:EUR",
    "PT:EUR",
    "CZ:CZK",
    "GR:EUR",
    "RO:RON",
    "HU:HUF",
    "NZ:NZD",
    "ZA:ZAR",
    "AR:ARS",
    "CL:CLP",
    "CO:COP",
    "IL:ILS",
    "SG:SGD",
    "TH:THB",
    "VN:VND",
    "EG:EGP",
]
COUNTRIES = pa.array([place[:2] for place in _PLACES])
# The currency at a country's position.
CURRENCIES = pa.array([place[3:] for place in _PLACES])

DEVICES = pa.array(["mobile", "desktop", "tablet", "tv"])

AGENTS = pa.array(
    [
        f"{browser}/{version} ({system})"
        for version in range(128, 136)
        for browser in ("Chrome", "Safari", "Firefox", "Edge")
        for system in ("Android 15", "iOS 18", "Windows 11", "macOS 15", "Linux")
    ]
)

ADDRESSES = pa.array([f"203.0.{n >> 8}.{n & 255}" for n in range(1 << 16)])

_SECTIONS = ("products", "categories", "blog", "help", "account")
PAGES = pa.array(
    ["/", "/checkout", "/cart", "/search"] + [f"/{_SECTIONS[n % 5]}/{n * 7_919 % 100_000:05}" for n in range(496)]
)

_SITES = "www.google.com www.bing.com duckduckgo.com news.example.org t.example.net m.example.com"
REFERRERS = pa.array(
    [f"https://{site}/{path}" for path in ("", "r", "ads", "feed", "share") for site in _SITES.split()]
)

_SEASONS = ("spring", "summer", "autumn", "winter")
CAMPAIGNS = pa.array(
    ["none"] + [f"{season}-{kind}" for season in _SEASONS for kind in ("sale", "launch", "brand", "loyalty")]
)

# Drawn evenly: mostly successes.
STATUSES = [200] * 18 + [304, 404]
