"""Whether every page was looked at: each address of the console's list that answers with a page,
and each template. A page that somebody adds is in both, and here by itself."""

import re
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2] / "crates" / "web"
ROUTES = ROOT / "src" / "console" / "routes.rs"
TEMPLATES = ROOT / "templates" / "console"

# Addresses that only lead to others.
DOORS = {"/console", "/console/"}
# Templates that are parts of others.
AROUND = {"frame", "parts", "key_parts", "explore_parts", "now"}
# The picture of a template that is not called like it.
CALLED = {
    "again": "view-again", "confirm": "codes-confirm", "dismiss": "notice-dismiss", "error": "not-there", "first": "set-up", "key_ask": "key-disable",
    "key_grant": "key-grant-preview", "signed_in": "signed-in-kept", "view_builder": "new-view",
}


def addresses():
    """The patterns of addresses that answer with a page."""
    listed = re.findall(r'^\s*GET "([^"]+)"', ROUTES.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(listed) > 50, f"{ROUTES} is read in another way now"
    is_page = lambda one: one.startswith("/console") and not one.endswith((".svg", "{file}"))
    return [one for one in listed if is_page(one) and one not in DOORS]


def pattern_of(path, patterns):
    """The pattern that a path is of: of several that fit, the one that names most of it."""
    parts = path.rstrip("/").split("/")

    def fits(pattern):
        known = pattern.split("/")
        return len(known) == len(parts) and all(
            one == part or one.startswith("{") for one, part in zip(known, parts)
        )

    fitting = [pattern for pattern in patterns if fits(pattern)]
    return min(fitting, key=lambda pattern: pattern.count("{"), default=None)


def missing(looked):
    """What was not looked at, of pictures under a name each at a path."""
    patterns = addresses()
    seen = {pattern_of(urlsplit(path).path, patterns) for _, path in looked}
    pictures = {name for name, _ in looked}
    templates = sorted(file.stem for file in TEMPLATES.glob("*.html"))
    assert AROUND | CALLED.keys() <= set(templates), "what is named here is no template any more"
    wanted = {one: CALLED.get(one, one.replace("_", "-")) for one in templates if one not in AROUND}
    return [f"the page at {one}" for one in patterns if one not in seen] + [
        f"the template {one}.html, as picture {name}" for one, name in wanted.items() if name not in pictures
    ]
