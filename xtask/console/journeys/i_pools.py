"""Pools and their records: made by hand and from a sample, filled, watched, emptied, dropped."""

import json
import time

from stage import Person

CSV = "page,seconds,at\n/,12,2026-01-01T08:00:00Z\n/prices,31,2026-01-02T09:30:00Z\n/about,,2026-01-02T10:00:00Z\n"


def forget_all(stage):
    """Drops every view and pool, so that pages can be seen empty."""
    for view in stage.api("GET", "/v1/views?limit=1000")["items"]:
        stage.api("DELETE", f"/v1/views/{quoted(view['name'])}")
    for pool in stage.api("GET", "/v1/pools?limit=1000")["items"]:
        if not pool["name"].startswith("_"):
            stage.api("DELETE", f"/v1/pools/{quoted(pool['name'])}")


def quoted(name):
    return "".join(c if c.isalnum() else "".join(f"%{b:02X}" for b in c.encode()) for c in name)


def pool_id(stage, name):
    return stage.api("GET", f"/v1/pools/{quoted(name)}")["id"]


def test_an_empty_page_teaches_and_a_pool_is_made_by_hand(stage):
    forget_all(stage)
    browser = stage.owner_in()
    browser.see_heading("default")
    browser.looks_right("home-nothing")
    browser.follow_to("Pools")
    browser.see_heading("Pools")
    browser.see("Make the first one")
    browser.looks_right("pools-empty")
    browser.follow("New pool")
    browser.see_heading("New pool")
    browser.looks_right("new-pool")
    row = browser.page.locator(".editor .row")
    for at, (name, kind) in enumerate([("customer", "String"), ("at", "DateTime"), ("amount", "Float64"), ("city", "String")]):
        row.nth(at).locator("[name=field]").fill(name)
        row.nth(at).locator("[name=type]").select_option(kind)
    row.nth(0).locator("[name=required]").select_option("yes")
    browser.press("More fields")
    browser.page.locator(".editor .row").nth(7).wait_for()
    browser.page.locator(".editor .row").nth(4).locator("[name=field]").fill("items")
    browser.page.locator(".editor .row").nth(4).locator("[name=type]").select_option("Int64")
    browser.fill(name="orders/2026", description="What customers ordered")
    browser.page.get_by_text("How records are told apart and kept").click()
    browser.fill(time_field="at", isolation_field="customer", retention_days="730")
    browser.press("Make the pool")
    browser.error_of("name")
    browser.looks_right("new-pool-refused")
    browser.fill(name="orders")
    browser.press("Make the pool")
    browser.see_heading("orders")
    for what in ("write", "ask"):
        link = browser.page.locator(f"a[href*='keys/new?for={what}&on=pool%3Aorders']")
        assert link.count() == 1, what
    browser.looks_right("pool-made")
    made = stage.api("GET", "/v1/pools/orders")
    assert [field["name"] for field in made["fields"]] == ["customer", "at", "amount", "city", "items"]
    assert made["retention_days"] == 730


def test_a_pool_is_made_from_a_sample_that_is_corrected(stage):
    browser = stage.owner_in()
    browser.go("/console/projects/default/new-pool")
    browser.follow("From a sample")
    browser.see_heading("From a sample")
    browser.looks_right("sample")
    browser.press("Find the fields")
    browser.error_of("text")
    browser.page.locator("[name=file]").set_input_files({"name": "visits.csv", "mimeType": "text/csv", "buffer": CSV.encode()})
    browser.press("Find the fields")
    browser.see_heading("New pool")
    browser.see("3 records")
    assert browser.value("name") == "visits"
    types = browser.page.locator("[name=type]").evaluate_all("all => all.map(one => one.value)")
    assert types == ["String", "Int64", "DateTime"], types
    browser.looks_right("sample-fields")
    browser.page.locator("[name=type]").nth(1).select_option("Float64")
    browser.press("Make the pool")
    browser.see_heading("visits")
    kinds = {field["name"]: field["type"] for field in stage.api("GET", "/v1/pools/visits")["fields"]}
    assert kinds == {"page": "String", "seconds": "Float64", "at": "DateTime"}


def test_a_file_is_uploaded_and_what_is_refused_is_named(stage):
    browser = stage.owner_in()
    browser.go(f"/console/projects/default/pools/{pool_id(stage, 'visits')}")
    browser.follow("Upload")
    browser.see_heading("Upload records")
    browser.looks_right("upload")
    broken = CSV + "/broken,many,2026-01-03T00:00:00Z\n"
    browser.page.locator("[name=file]").set_input_files({"name": "visits.csv", "mimeType": "text/csv", "buffer": broken.encode()})
    browser.press("Upload")
    browser.see("3 accepted, 1 refused")
    browser.see("record 4")
    browser.looks_right("upload-refused")
    # The bar moves while a larger file is on its way.
    lines = "".join(json.dumps({"page": f"/{n}", "seconds": n, "at": "2026-02-01T00:00:00Z"}) + "\n" for n in range(20_000))
    browser.page.evaluate("""() => {
      window.seen = 0;
      document.addEventListener('htmx:xhr:progress', (event) => { if (event.detail.lengthComputable) window.seen += 1; });
    }""")
    browser.page.locator("[name=file]").set_input_files({"name": "visits.ndjson", "mimeType": "application/x-ndjson", "buffer": lines.encode()})
    browser.press("Upload")
    browser.see("20\u202f000 accepted, 0 refused")
    assert browser.page.evaluate("window.seen") > 0
    browser.looks_right("upload-done")
    browser.follow("To the pool")
    browser.see_heading("visits")
    browser.see("20\u202f003")
    browser.looks_right("pool")
    for language in ("JavaScript", "Python"):
        browser.page.locator(".snippets summary", has_text=language).click()
        browser.page.locator(".snippets details[open]", has_text=language).wait_for()
    browser.looks_right("pool-snippets")

    plain = stage.owner_in(scripts=False)
    plain.go(f"/console/projects/default/pools/{pool_id(stage, 'visits')}/upload")
    plain.fill(text='{"page": "/by-hand", "at": "2026-02-02T00:00:00Z"}')
    plain.press("Upload")
    plain.see("1 accepted, 0 refused")


def comes_anew(browser):
    """Waits until the part of the page that comes anew did so once more."""
    browser.page.evaluate("window.before = document.getElementById('tail')")
    browser.page.wait_for_function("() => document.getElementById('tail') !== window.before", polling=50)
    browser.settled()


def test_records_are_watched_as_they_come_and_held(stage):
    browser = stage.owner_in()
    browser.go(f"/console/projects/default/pools/{pool_id(stage, 'visits')}")
    browser.follow("Live records")
    browser.see_heading("Live records of visits")
    browser.see("/by-hand")
    # What is new is marked until the records come anew once more, which nobody need come upon in time.
    browser.page.evaluate("""() => {
      new MutationObserver(() => {
        const marked = [...document.querySelectorAll('tr.is-new')];
        if (marked.some((row) => row.textContent.includes('/just-now'))) window.marked ??= marked.length;
      }).observe(document.body, { childList: true, subtree: true });
    }""")
    stage.api("POST", "/v1/pools/visits/records", [{"page": "/just-now", "at": "2026-02-03T00:00:00Z"}])
    browser.see("/just-now")
    assert browser.page.evaluate("window.marked") == 1
    browser.looks_right("tail")
    pause = browser.page.get_by_role("link", name="Pause", exact=True)
    # The keyboard stays where it is while the records come anew, in them and outside.
    for place in (browser.page.locator("#tail-records"), pause):
        place.focus()
        comes_anew(browser)
        comes_anew(browser)
        assert place.evaluate("one => one === document.activeElement"), place
    # A click that lasts while they come anew counts, too.
    box = pause.bounding_box()
    browser.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    browser.page.mouse.down()
    comes_anew(browser)
    with browser.page.expect_navigation():
        browser.page.mouse.up()
    browser.settled()
    browser.page.get_by_role("link", name="Resume", exact=True).wait_for()
    stage.api("POST", "/v1/pools/visits/records", [{"page": "/while-held", "at": "2026-02-04T00:00:00Z"}])
    time.sleep(4)
    assert browser.page.get_by_text("/while-held").count() == 0
    browser.looks_right("tail-held")
    browser.follow("Resume")
    browser.see("/while-held")


def test_records_go_after_it_was_shown_which(stage):
    browser = stage.owner_in()
    browser.go(f"/console/projects/default/pools/{pool_id(stage, 'visits')}")
    browser.follow("Delete records")
    browser.see_heading("Delete records")
    browser.looks_right("remove")
    condition = browser.page.locator(".condition").first
    condition.locator("input").first.fill("page")
    condition.locator("select").select_option("starts_with")
    condition.locator("input").last.fill("/1999")
    browser.press("Show how many")
    browser.see("11 records would be deleted")
    browser.see("page starts with /1999")
    browser.looks_right("remove-preview")
    browser.press("Delete 11 records")
    browser.see("11 records are gone")
    browser.looks_right("removed")
    browser.page.get_by_label("All records that I see").check()
    browser.press("Show how many")
    browser.see("Every record of visits that you see")


def test_a_pool_is_changed_and_dropped_by_its_name(stage):
    browser = stage.owner_in()
    browser.go(f"/console/projects/default/pools/{pool_id(stage, 'visits')}")
    browser.follow("Pool settings")
    browser.see_heading("Settings of visits")
    browser.looks_right("pool-settings")
    # A row that is emptied, and older records that go: both are told before they are done.
    browser.page.locator("[name=field]").nth(1).fill("")
    browser.fill(name="page views", retention_days="400")
    browser.press("Save")
    doom = browser.page.locator(".doom")
    doom.get_by_text("seconds").wait_for()
    doom.get_by_text("older than 400 days").wait_for()
    browser.looks_right("pool-settings-destroys")
    assert "seconds" in [field["name"] for field in stage.api("GET", "/v1/pools/visits")["fields"]]
    # Another change is told anew.
    browser.page.locator("[name=field]").nth(1).fill("duration")
    browser.press("Save it, and destroy that")
    doom.get_by_text("older than 400 days").wait_for()
    assert doom.get_by_text("seconds").count() == 0
    browser.press("Save it, and destroy that")
    browser.see("The change is in force")
    browser.see_heading("page views")
    browser.follow("Pool settings")
    browser.follow("Delete this pool")
    browser.see_heading("Delete “page views”?")
    browser.fill(name="visits")
    browser.press("Delete this pool")
    browser.error_of("name")
    browser.looks_right("drop-pool")
    browser.fill(name="page views")
    browser.press("Delete this pool")
    browser.see("The pool is gone")
    browser.looks_right("pools")


def test_who_is_held_to_some_rows_sees_those_alone(stage):
    rows = [
        {"customer": customer, "at": f"2026-0{month}-1{day}T10:00:00Z", "amount": 10 * month + day, "city": city, "items": day}
        for customer, city in (("acme", "Berlin"), ("globex", "Lyon"))
        for month in range(1, 7)
        for day in range(1, 5)
    ]
    stage.api("POST", "/v1/pools/orders/records", rows)
    stage.api("POST", "/v1/pools/orders/records", rows[:24])
    browser = stage.owner_in()
    browser.go("/console/projects/default/people/invite")
    browser.fill(sign_in="held@example.com", field_1="customer", value_1="globex")
    browser.page.get_by_label("Analyst").check()
    browser.looks_right("invite-held")
    browser.press("Make the invitation")
    browser.see_heading("held@example.com is invited")
    link = browser.page.locator("[data-link]").inner_text()
    guest = stage.browser()
    # A script puts the address of the server before it.
    guest.go(link[link.index("/console/join"):])
    guest.fill(name="Hedy", password=stage.owner.password)
    guest.press("Join")
    guest.see_heading("Keep your secret and your codes")
    stage.hedy = Person(
        "held@example.com",
        guest.page.locator("[data-secret=app]").inner_text(),
        guest.page.locator(".codes code").all_inner_texts(),
    )
    stage.hedy.password = stage.owner.password
    guest.sign_in(stage.hedy)
    guest.see_heading("default")
    guest.looks_right("home-held")
    guest.follow_to("Pools")
    cells = guest.page.locator("tbody tr").first.locator("td").all_inner_texts()
    assert cells[:2] == ["24", "–"], cells
    guest.click(guest.page.get_by_role("link", name="orders", exact=True))
    guest.see_heading("orders")
    assert "acme" not in guest.page.locator("main").inner_text()
    assert guest.page.get_by_role("link", name="Upload").count() == 0
    guest.looks_right("pool-held")
    browser.go("/console/projects/default/people")
    browser.follow("Hedy")
    assert browser.value("field_1") == "customer" and browser.value("value_1") == "globex"
    browser.looks_right("person-held")
    browser.fill(value_1="acme")
    browser.press("Save")
    browser.error_of("here")
    assert browser.value("value_1") == "acme"


def filled(browser):
    """How far each field is filled, as the page of a pool says it, in words and to the eye."""
    rows = browser.page.locator("table[aria-labelledby=schema] tbody tr", has=browser.page.locator(".filled"))
    told = {}
    for row in rows.all():
        words = " ".join(row.locator(".filled").inner_text().split())
        told[row.locator("th code").inner_text()] = (words, row.locator("meter").get_attribute("value"))
    return told


def test_how_far_fields_are_filled_is_of_the_rows_that_are_seen(stage):
    fields = ("customer", "city", "note", "phone")
    stage.api("POST", "/v1/pools", {
        "name": "rates", "schema": "strict", "fields": [{"name": name, "type": "String"} for name in fields],
    })
    globex = {"customer": "globex", "city": "Lyon"}
    acme = {"customer": "acme"}
    stage.api("POST", "/v1/pools/rates/records", [{**globex, "note": "by hand"}, globex, {**acme, "city": "Berlin"}, acme])
    owner = stage.owner_in()
    guest = stage.browser()
    guest.sign_in(stage.hedy)
    # Who is held to globex is told of its two records alone.
    for browser, shares in ((owner, (100, 75, 25, 0)), (guest, (100, 100, 50, 0))):
        browser.go(f"/console/projects/default/pools/{pool_id(stage, 'rates')}")
        browser.see_heading("rates")
        told = filled(browser)
        for name, share in zip(fields, shares):
            assert told[name] == (f"{share} %", str(share)), told
    owner.looks_right("pool-filled")
    stage.api("DELETE", "/v1/pools/rates")


def test_records_that_would_run_are_shown_and_never_run(stage):
    texts = [
        "<script>alert(1)</script>", "\"><img src=x onerror=alert(2)>", "<svg onload=alert(3)>",
        "<div hx-get=/v1/version hx-trigger=load>", "</td></table><script>alert(4)</script>", "javascript:alert(5)",
    ]
    names = ["<b>bold</b>", "\" onfocus=alert(6) autofocus=\"", "<script>alert(7)</script>"]
    stage.api("POST", "/v1/pools", {"name": "hostile values", "schema": "open"})
    record = {name: texts[0] for name in names} | {f"t{at}": text for at, text in enumerate(texts)}
    stage.api("POST", "/v1/pools/hostile%20values/records", [record, {"t0": texts}])
    browser = stage.owner_in()
    place = f"/console/projects/default/pools/{pool_id(stage, 'hostile values')}"
    for below in ("", "/records?live=no", "/remove?which=all"):
        browser.go(place + below)
        for text in texts:
            assert browser.page.locator("main").get_by_text(text).count() > 0, (below, text)
        for name in names:
            assert browser.page.locator("main").get_by_text(name).count() > 0, (below, name)
        assert browser.page.locator("main script, main img, main b, main svg, main [onfocus]").count() == 0
    browser.go("/console/projects/default/explore?pool=hostile%20values&analysis=count&by1=t1&by2=t3")
    browser.chart_is_there()
    assert browser.page.locator("#answer").get_by_text(texts[1]).count() > 0
    browser.go("/console/projects/default/new-view?pool=hostile%20values&g1=t0&g2=t1&f1=t0&v1=%3Cscript%3Ealert(8)%3C/script%3E")
    browser.see("0 rows")
    stage.api("DELETE", "/v1/pools/hostile%20values")
