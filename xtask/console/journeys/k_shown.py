"""What is shown: views as a key gets them, times in the reader's zone, digits in groups, and what
can be dismissed, ended and made again."""

import ast
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

from playwright.sync_api import expect

HERE = "/console/projects/default"


def key_of(stage, name, grants, **more):
    return stage.api("POST", "/v1/keys", {"name": name, "grants": grants, **more})


def as_key(stage, key, path):
    request = urllib.request.Request(stage.origin + path, headers={"Authorization": f"Bearer {key['token']}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def from_a_page(stage, key):
    """Uses a secret key from a web page, where it is refused."""
    request = urllib.request.Request(stage.origin + "/v1/whoami", headers={
        "Authorization": f"Bearer {key['token']}", "Origin": "https://shop.example"})
    try:
        urllib.request.urlopen(request, timeout=30)
    except urllib.error.HTTPError as refused:
        assert refused.code == 403
    else:
        raise AssertionError("a secret key was let in from a page")


def rows_of(customer):
    return [{"field": "customer", "operator": "eq", "value": customer}]


def test_a_view_is_looked_at_as_a_key_and_is_what_the_key_gets(stage):
    stage.stock()
    stage.api("POST", "/v1/views", {
        "name": "shown sums", "pool": "orders", "shape": "aggregated",
        "fields": [{"field": "customer", "group": True}, {"aggregate": "count", "as": "n"}],
    })
    customer = stage.api("GET", "/v1/views/shown%20sums/data")["data"][-1]["customer"]
    key = key_of(stage, "Shown reader", [{"on": "view:shown sums", "actions": ["read"], "constraints": rows_of(customer)}])
    browser = stage.owner_in()
    browser.go(HERE + "/views")
    browser.follow("shown sums")
    browser.page.get_by_label("Look at it").select_option(label="as key Shown reader")
    browser.press("Show")
    browser.see("What it answers the key Shown reader")
    browser.chart_is_there()
    browser.looks_right("view-as-key")
    cells = [row.locator("td").all_inner_texts() for row in browser.page.locator(".data tbody tr").all()]
    answered = as_key(stage, key, "/v1/views/shown%20sums/data")["data"]
    assert cells == [[row["customer"], str(row["n"])] for row in answered], (cells, answered)
    # The page of what the key sees has the same table and chart, and leads here.
    browser.go(f"{HERE}/keys/{key['id']}/preview")
    browser.chart_is_there()
    assert browser.page.locator(".data td").first.inner_text() == customer
    browser.looks_right("key-preview-view")


def test_a_saved_query_over_every_row_is_no_grant_of_no_rows(stage):
    stage.api("POST", "/v1/saved-queries", {"name": "shown total", "query": {"analysis": "count", "pool": "orders"}})
    key = key_of(stage, "Shown asker", [])
    browser = stage.owner_in()
    browser.go(f"{HERE}/keys/{key['id']}/grants/new?for=read")
    browser.page.get_by_label("shown total").check()
    browser.page.get_by_label("Every row").check()
    browser.press("See what it changes")
    browser.see("What that changes")
    row = browser.page.locator(".changes tr", has_text="shown total")
    assert "+" in row.inner_text() and "sees no rows" not in browser.page.locator("main").inner_text()
    browser.looks_right("key-grant-saved")


def test_times_are_in_the_zone_of_the_reader(stage):
    stage.stock()
    stage.api("POST", "/v1/pools", {"name": "moments", "schema": "strict", "time_field": "at",
              "fields": [{"name": "at", "type": "DateTime"}, {"name": "total", "type": "Int64"}]})
    stage.api("POST", "/v1/pools/moments/records", [{"at": "2026-03-01T23:30:15Z", "total": 1234567}])
    browser = stage.owner_in(zone="Asia/Tokyo")
    browser.go(HERE + "/pools")
    browser.follow("moments")
    cell = browser.page.locator(".data td time", has_text="2 Mar 2026").first
    cell.wait_for()
    shown = " ".join(cell.inner_text().split())
    assert shown == "2 Mar 2026, 08:30:15", ascii(shown)
    assert cell.get_attribute("title").startswith("2026-03-01T23:30:15"), cell.get_attribute("title")
    # The eye sees groups; whoever copies has the number.
    number = browser.page.locator(".data td.number", has_text="1234567").first
    assert number.locator(".digits").all_inner_texts() == ["234", "567"]
    assert number.evaluate("cell => { const range = document.createRange(); range.selectNodeContents(cell); const all = getSelection(); all.removeAllRanges(); all.addRange(range); return all.toString(); }").strip() == "1234567"
    browser.looks_right("pool-moments")
    plain = stage.owner_in(scripts=False)
    plain.go(browser.path)
    assert "2026-03-01T23:30:15Z" in plain.page.locator(".data td time").first.inner_text()


def test_a_time_that_is_typed_is_the_readers(stage):
    key = key_of(stage, "Shown ending", [])
    browser = stage.owner_in(zone="Asia/Tokyo")
    browser.go(f"{HERE}/keys/{key['id']}/settings")
    browser.page.get_by_text("Who may use it: addresses, pages, an end").click()
    browser.see("In your zone, Asia/Tokyo.")
    browser.page.get_by_label("Ends at").fill("2099-01-02T08:30")
    browser.press("Save")
    browser.see("The change is in force from the next request on")
    ends = stage.api("GET", f"/v1/keys/{key['id']}")["restrictions"]["expires_at"]
    assert ends == "2099-01-01T23:30:00Z", ends
    browser.go(f"{HERE}/keys/{key['id']}/settings")
    expect(browser.page.get_by_label("Ends at")).to_have_value("2099-01-02T08:30")
    plain = stage.owner_in(scripts=False)
    plain.go(f"{HERE}/keys/{key['id']}/settings")
    assert plain.value("expires_at") == "2099-01-01T23:30"
    assert plain.page.get_by_text("In UTC.").count() == 1


def test_lines_to_copy_name_this_server_and_a_new_key_comes_with_a_text(stage):
    browser = stage.owner_in()
    browser.go(HERE + "/keys/new?for=read&on=" + urllib.parse.quote("saved:shown total", safe=""))
    browser.fill(name="Shown customer")
    browser.page.get_by_label("Every row").check()
    browser.press("Make the key")
    browser.see_heading("The key is made")
    text = browser.page.locator(".handed code").inner_text()
    token = browser.page.locator("#token").inner_text()
    assert stage.origin in text and token in text and "/v1/saved-queries/shown%20total/result" in text, text
    assert "TIDEGATE_URL" not in browser.page.locator("main").inner_text()
    copied = browser.page.locator(".handed button").get_attribute("data-copy")
    assert stage.origin in copied and "$TIDEGATE_URL" not in copied
    browser.looks_right("key-handed-over")


def test_a_key_for_a_page_is_made_by_a_form_that_is_set_to_that(stage):
    browser = stage.owner_in()
    browser.go(HERE + "/saved")
    browser.follow("shown total")
    browser.follow("Make it")
    assert browser.page.get_by_label("In a web page or app").is_checked()
    assert browser.page.get_by_label("Only on these sites").is_visible()


def test_the_key_that_the_form_makes_shows_the_chart_in_a_page(stage):
    stage.stock()
    stage.api("POST", "/v1/saved-queries", {"name": "shown share", "query": {
        "analysis": "sum", "field": "amount", "pool": "orders", "group_by": ["city"]}})
    browser = stage.owner_in()
    browser.go(HERE + "/saved")
    browser.follow("shown share")
    browser.follow("Make it")
    browser.see_heading("Read results")
    browser.fill(
        name="Shown in a page", field_1="customer", value_1="globex",
        allowed_domains=stage.origin.removeprefix("http://"),
    )
    browser.press("Make the key")
    browser.see_heading("The key is made")
    browser.see("Put it into the page or app")
    token = browser.page.locator("#token").inner_text()
    keys = stage.api("GET", "/v1/keys?limit=1000")["items"]
    (key,) = [key for key in keys if key["name"] == "Shown in a page"]
    assert key["kind"] == "publishable" and [grant["on"] for grant in key["grants"]] == ["saved:shown share"], key
    browser.go(HERE + "/saved")
    browser.follow("shown share")
    lines = browser.page.locator(".snippets pre", has_text="PUBLISHABLE_KEY").inner_text()
    assert f"'{stage.origin}'" in lines, lines
    lines = lines.replace("PUBLISHABLE_KEY", token)
    page = stage.browser()
    page.page.route("**/somebodys-page", lambda route: route.fulfill(content_type="text/html", body=lines))
    page.go("/somebodys-page")
    page.page.wait_for_function("() => document.getElementById('tidegate-chart')?.naturalWidth > 0", polling=50)


def test_home_tells_of_a_grace_and_of_an_alert(stage):
    rolled = key_of(stage, "Shown rolled", [])
    stage.api("POST", f"/v1/keys/{rolled['id']}/roll", {
        "grace": "1h", "person": stage.owner.sign_in, "code": stage.owner.code()})
    from_a_page(stage, key_of(stage, "Shown alert", []))
    browser = stage.owner_in()
    browser.go(HERE)
    browser.see("Wants attention")
    lines = browser.page.locator(".attention li")
    grace = lines.filter(has_text="Shown rolled")
    expect(grace.locator(".tag")).to_have_text("In grace")
    expect(grace).to_contain_text("The old secret lets in until then.")
    # It ends by itself: there is nothing to dismiss.
    expect(grace.get_by_role("link")).to_have_text(["Shown rolled"])
    alert = lines.filter(has_text="Shown alert")
    expect(alert.locator(".tag")).to_have_text("Used from a page")
    browser.looks_right("home-attention")
    browser.click(browser.page.get_by_role("link", name="Roll the key Shown alert"))
    browser.see_heading("Roll the key")
    browser.go(HERE)
    browser.follow("Shown rolled")
    browser.see_heading("Shown rolled")
    browser.follow("End the old one now")
    browser.press("End the old secret")
    browser.see("The old secret has ended")
    browser.go(HERE)
    browser.see("Wants attention")
    assert lines.filter(has_text="Shown rolled").count() == 0


def test_a_notice_is_dismissed(stage):
    from_a_page(stage, key_of(stage, "Shown leaky", []))
    browser = stage.owner_in()
    browser.go(HERE + "/notices")
    browser.looks_right("notices")
    browser.click(browser.page.get_by_role("link", name="Dismiss Used from a page of Shown leaky"))
    browser.see_heading("Dismiss the notice?")
    browser.looks_right("notice-dismiss")
    browser.press("It is dealt with")
    browser.see("The notice is dealt with")
    assert browser.page.get_by_role("link", name="Dismiss Used from a page of Shown leaky").count() == 0


def test_signing_secrets_and_derived_tokens_are_ended_on_the_keys_page(stage):
    key = key_of(stage, "Shown signer", [], derived_tokens=True)
    signing = stage.api("POST", f"/v1/keys/{key['id']}/signing-secrets", {"person": stage.owner.sign_in, "code": stage.owner.code()})
    browser = stage.owner_in()
    browser.go(f"{HERE}/keys/{key['id']}")
    browser.see(signing["hint"])
    browser.see("Derived tokens")
    browser.looks_right("key-signing")
    browser.click(browser.page.locator("main a[href*='/signing/']"))
    browser.see_heading("End the signing secret?")
    browser.looks_right("key-signing-end")
    browser.press("End the secret")
    browser.see("The signing secret has ended")
    assert stage.api("GET", f"/v1/keys/{key['id']}/signing-secrets")["items"] == []
    # Its holder made it without asking the server, which knows it by its end and its name alone.
    derived = f"{int(time.time()) + 3600}-0123456789abcdef"
    browser.go(f"{HERE}/keys/{key['id']}/derived/{derived}/revoke")
    browser.looks_right("key-derived-revoke")
    browser.press("Revoke it")
    browser.see("The derived token is revoked")
    browser.see(derived)


def test_what_was_deleted_is_made_again(stage):
    key = key_of(stage, "Shown victim", [{"on": "view:shown sums", "actions": ["read"], "constraints": rows_of("acme")}])
    before = stage.api("GET", "/v1/views/shown%20sums")
    browser = stage.owner_in()
    browser.go(f"{HERE}/keys/{key['id']}")
    browser.click(browser.page.get_by_role("link", name="Take away").first)
    browser.press("Take it away")
    browser.see_heading("It is taken away")
    browser.looks_right("key-again")
    browser.press("Make it again")
    browser.error_of("code")
    browser.fill(code=stage.owner.code())
    browser.press("Make it again")
    browser.see_heading("Shown victim")
    browser.keep_session(stage.owner)
    assert len(stage.api("GET", f"/v1/keys/{key['id']}")["grants"]) == 1
    browser.go(HERE + "/views")
    browser.follow("shown sums")
    browser.follow("Delete")
    browser.see("Shown victim")
    browser.looks_right("delete-view-read")
    browser.press("Delete this view")
    browser.see("The view is gone")
    browser.looks_right("view-again")
    browser.press("Make it again")
    browser.see_heading("shown sums")
    after = stage.api("GET", "/v1/views/shown%20sums")
    same = ("name", "pool", "shape", "fields", "filters")
    assert [before.get(one) for one in same] == [after.get(one) for one in same], after


def test_questions_and_datasets_that_were_deleted_are_made_again(stage):
    stage.stock()
    question = {"analysis": "sum", "field": "amount", "pool": "orders"}
    stage.api("POST", "/v1/saved-queries", {"name": "shown asked", "query": {**question, "group_by": ["city"]}})
    stage.api("POST", "/v1/datasets", {"name": "shown series", "index_by": ["customer"], "query": {
        **question, "interval": "monthly", "timeframe": "this_5_years"}})
    browser = stage.owner_in()
    for what, name, kind, done in (
        ("saved-queries", "shown asked", "saved query", "The question is saved"),
        ("datasets", "shown series", "dataset", "The dataset is made"),
    ):
        path = f"/v1/{what}/{urllib.parse.quote(name)}"
        before = stage.api("GET", path)
        browser.go(HERE + "/saved")
        browser.follow(name)
        browser.see_heading(name)
        browser.follow("Delete")
        browser.press(f"Delete this {kind}")
        browser.see_heading(f"{name} is gone")
        browser.see("The records that it asked are where they were.")
        assert name not in [one["name"] for one in stage.api("GET", f"/v1/{what}?limit=1000")["items"]]
        browser.press("Make it again")
        browser.see_heading(name)
        browser.see(done)
        after = stage.api("GET", path)
        assert after["id"] != before["id"]
        own = ("id", "created_at", "changed_at")
        said = [{member: value for member, value in one.items() if member not in own} for one in (before, after)]
        assert said[0] == said[1], said


def test_the_lines_of_a_views_page_run_as_they_are(stage):
    stage.stock()
    stage.api("POST", "/v1/views", {
        "name": "shown lines", "pool": "orders", "shape": "aggregated",
        "fields": [{"field": "customer", "group": True}, {"aggregate": "count", "as": "n"}],
    })
    key = key_of(stage, "Shown program", [{"on": "view:shown lines", "actions": ["read"], "constraints": rows_of("acme")}])
    wanted = as_key(stage, key, "/v1/views/shown%20lines/data")["data"]
    assert [row["customer"] for row in wanted] == ["acme"], wanted
    for scripts in (True, False):
        browser = stage.owner_in(scripts=scripts)
        browser.go(HERE + "/views")
        browser.follow("shown lines")
        browser.see_heading("shown lines")
        for language in ("JavaScript", "Python"):
            browser.page.locator(".snippets summary", has_text=language).click()
            code = browser.page.locator(".snippets details[open]", has_text=language).locator("code")
            code.wait_for()
            text = code.text_content()
            assert "/v1/views/shown%20lines/data" in text, text
            # With a script the lines name this server; without one they say where it is put.
            assert (stage.origin in text, "TIDEGATE_URL" in text) == (scripts, not scripts), text
        if scripts:
            browser.looks_right("view-snippets")
        ran = subprocess.run(
            [sys.executable, "-c", text], capture_output=True, text=True, timeout=60,
            env={**os.environ, "TIDEGATE_TOKEN": key["token"], "TIDEGATE_URL": stage.origin},
        )
        assert ran.returncode == 0, ran.stderr
        assert ast.literal_eval(ran.stdout)["data"] == wanted, ran.stdout
