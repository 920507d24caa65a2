"""The 200 texts of K23 that would run if a page let them, in a browser: as names, as data, and in
what is refused. A dialog, or a word of the browser that it forbade something, fails the journey."""

import json
from pathlib import Path
from urllib.parse import quote, urlencode

ROOT = Path(__file__).resolve().parents[3]
FILE = ROOT / "crates" / "web" / "src" / "console" / "tests" / "hostile.json"
KNOWN = json.loads(FILE.read_text(encoding="utf-8"))
TEXTS = [f"{before}{attempt}{behind}" for attempt in KNOWN["attempts"] for before, behind in KNOWN["wrappings"]]

# What no page of ours has; anything of it came out of a text.
FOREIGN = """() => {
  const found = [];
  const is = (one, why) => found.push(`${why}: ${one.outerHTML.slice(0, 200)}`);
  const never = ['iframe', 'object', 'embed', 'base', 'style', 'math', 'template', 'frame', 'x'];
  for (const one of document.querySelectorAll('*')) {
    if (never.includes(one.localName)) is(one, 'an element');
    for (const { name, value } of one.attributes) {
      if (/^(on|data-hx|hx-on|xlink|srcdoc|style$|autofocus)/.test(name)) is(one, name);
      if (['href', 'src', 'action', 'formaction'].includes(name)) {
        const to = new URL(value, location.href);
        if (to.origin !== location.origin && to.protocol !== 'otpauth:') is(one, 'a way out');
      }
    }
  }
  for (const one of document.scripts) if (!one.getAttribute('src')?.startsWith('/console/assets/')) is(one, 'a script');
  for (const one of document.querySelectorAll('body meta, [http-equiv], main script')) is(one, 'markup');
  return found;
}"""
FILL = """(texts) => {
  const form = document.querySelector('main form');
  form.noValidate = true;
  const typed = [...form.querySelectorAll('input:not([type]), input[type=text], textarea')].filter((one) => one.name !== 'code');
  for (const details of form.querySelectorAll('details')) details.open = true;
  typed.forEach((one, at) => { one.value = texts[at % texts.length]; });
  return typed.map((one) => [one.name, one.value]);
}"""


def stays_text(browser):
    found = browser.page.evaluate(FOREIGN)
    assert not found, (browser.path, found)


def batches(size):
    for start in range(0, len(TEXTS), size):
        yield TEXTS[start : start + size]


def test_hostile_names_are_shown_and_never_run(stage):
    assert len(TEXTS) == 200
    for number, batch in enumerate(batches(10)):
        words = " ".join(batch).replace("\0", "")
        stage.api("POST", "/v1/pools", {"name": f"hostile {number}", "description": words, "schema": "open"})
    grants = [{"on": "pool:hostile 0", "actions": ["ingest"]}]
    made = [stage.api("POST", "/v1/keys", {"name": text, "description": text, "grants": grants}) for text in TEXTS]
    browser = stage.owner_in()
    browser.go("/console/projects/default")
    stays_text(browser)
    browser.looks_right("home")
    shown = set()
    path = "/console/projects/default/keys"
    while path:
        browser.go(path)
        stays_text(browser)
        shown |= set(browser.page.locator("main tbody th a").all_text_contents())
        more = browser.page.get_by_role("link", name="More keys", exact=True)
        path = more.get_attribute("href") if more.count() else None
    # What is no text at all, browsers leave out.
    plain = lambda text: text.replace("\0", "").replace("\ufffd", "").strip()
    missing = {plain(text) for text in TEXTS} - {plain(text) for text in shown}
    assert not missing, missing
    for key in made[::16]:
        browser.go(f"/console/projects/default/keys/{key['id']}")
        browser.page.locator("main h1").wait_for()
        stays_text(browser)
    path = "/console/projects/default/audit?action=key.create"
    for _ in range(2):
        browser.go(path)
        browser.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        stays_text(browser)
        path = browser.page.get_by_role("link", name="Older", exact=True).get_attribute("href")
    for key in made:
        stage.api("DELETE", f"/v1/keys/{key['id']}")


def test_hostile_data_is_shown_and_drawn_and_never_runs(stage):
    records = [{"a": a, "b": b, "c": c, "d": {"e": d}} for a, b, c, d in zip(*[iter(TEXTS)] * 4)]
    stored = stage.api("POST", "/v1/pools/hostile%200/records", records)
    assert stored["accepted"] == 50, stored
    pool = next(one for one in stage.api("GET", "/v1/pools?limit=1000")["items"] if one["name"] == "hostile 0")
    browser = stage.owner_in()
    explore = "/console/projects/default/explore?pool=hostile%200"
    for path in (
        f"/console/projects/default/pools/{pool['id']}",
        f"/console/projects/default/pools/{pool['id']}/records",
        f"{explore}&analysis=extraction",
        *(f"{explore}&analysis=count&by1={field}" for field in ("a", "b", "c", "d.e")),
        f"{explore}&analysis=select_unique&field=a",
    ):
        browser.go(path)
        stays_text(browser)
        if path.endswith("/records") or "extraction" in path:
            text = browser.page.locator("main").inner_text()
            assert text.count("alert(1)") > 150, path
    # A picture that is opened by itself is a document, too.
    for field in ("a", "b", "c", "d.e"):
        browser.go(f"/console/projects/default/explore/chart.svg?pool=hostile%200&analysis=count&by1={field}&size=large")
        elements = browser.page.evaluate("[...new Set([...document.querySelectorAll('*')].map((one) => one.localName))]")
        assert set(elements) <= {"svg", "title", "desc", "style", "rect", "line", "text"}, elements


def test_hostile_texts_that_are_refused_come_back_as_text(stage):
    browser = stage.owner_in()
    # A page with its answer, and a form that comes back in its place.
    names = ["field", "by1", "by2", "by3", "timezone", "from", "to", "limit", "name"] + [
        f"{part}{row}" for row in range(1, 7) for part in "fv"
    ]
    for batch in batches(len(names)):
        asked = {"pool": "hostile 0", "analysis": "sum", **dict(zip(names, batch))}
        browser.go("/console/projects/default/explore?" + urlencode(asked))
        browser.page.locator("main [role=alert], main .error").first.wait_for()
        stays_text(browser)
    browser.go("/console/projects/default/keys/new?for=ask")
    at = 0
    while at < len(TEXTS):
        typed = browser.page.evaluate(FILL, TEXTS[at : at + 20])
        assert len(typed) >= 8, typed
        browser.page.evaluate("document.querySelector('main form').dataset.before = 'yes'")
        browser.press("Make the key")
        browser.page.wait_for_function("() => document.querySelector('main form:not([data-before]) .error')")
        stays_text(browser)
        back = browser.page.evaluate("(names) => names.map((name) => document.querySelector(`main [name=${name}]`).value)", [name for name, _ in typed])
        # No page can hold the character 0: what stands for it is what comes back.
        lost = [(name, ascii(now)) for (name, value), now in zip(typed, back) if now != value.replace("\0", "\ufffd")]
        assert not lost, lost
        at += min(20, len(typed))
    for text in TEXTS[::8]:
        browser.go(f"/console/projects/default/audit?about={quote(text)}")
        stays_text(browser)
    # Also without a script.
    browser = stage.owner_in(scripts=False)
    browser.go("/console/projects/default/settings")
    for text in [text for text in TEXTS if "/" in text or ":" in text][::10]:
        browser.fill(name=text)
        browser.press("Rename")
        browser.error_of("name")
        assert browser.value("name") == text.replace("\n", "").replace("\0", "\ufffd")
