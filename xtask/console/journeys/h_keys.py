"""Keys: made, looked through, changed, rolled, ended; what they see, and what they did."""

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from playwright.sync_api import expect

POOL = {
    "name": "orders", "schema": "open", "isolation_field": "customer", "time_field": "at",
    "fields": [
        {"name": "customer", "type": "String", "required": True},
        {"name": "at", "type": "DateTime", "required": True},
        {"name": "product", "type": "String"},
        {"name": "total", "type": "Float64"},
        {"name": "email", "type": "String"},
    ],
}
VIEWS = [
    {"name": "all_orders", "pool": "orders", "shape": "records",
     "fields": [{"field": name} for name in ("at", "customer", "product", "total", "email")]},
    {"name": "by_product", "pool": "orders", "shape": "aggregated",
     "fields": [{"field": "product", "group": True}, {"field": "total", "aggregate": "sum"},
                {"as": "orders", "aggregate": "count"}]},
]


def records():
    for number in range(60):
        customer = ("ada", "bob", "cleo")[number % 3]
        yield {
            "customer": customer, "at": f"2026-0{1 + number % 6}-{1 + number % 27:02}T10:00:00Z",
            "product": ("tea", "coffee", "cocoa", "mate")[number % 4], "total": 4.5 + number,
            "email": f"{customer}{number}@example.com",
        }


def call(stage, token, path, body=None, **said):
    """What a program gets with a token: the status, and the answer."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "User-Agent": "shop/2.1"}
    headers.update(said)
    request = urllib.request.Request(stage.origin + path, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, None


def signed(stage, token):
    """What the command line gets that signs with a token."""
    program = [os.environ["CONSOLE_PROGRAM"], "whoami", "--sign", "--json", "--url", stage.origin]
    return subprocess.run(program, env={"TIDEGATE_TOKEN": token}, capture_output=True, text=True, timeout=60)


def to_key(browser, name):
    browser.go("/console/projects/default/keys?q=" + name.replace(" ", "+"))
    browser.click(browser.page.get_by_role("link", name=name, exact=True))
    browser.see_heading(name)


def month():
    """The month, of UTC, for which credits are given."""
    return time.gmtime()[:2]


def token_of(browser):
    return browser.page.locator("#token").inner_text()


def test_the_empty_page_teaches_and_a_key_that_writes_is_made(stage):
    browser = stage.owner_in()
    browser.follow_to("Keys")
    browser.see_heading("Keys")
    browser.see("Give each customer a key of its own")
    browser.looks_right("keys-empty")
    browser.follow("Make a key")
    browser.see_heading("Make a key")
    browser.looks_right("key-for")
    stage.api("POST", "/v1/pools", POOL)
    for view in VIEWS:
        stage.api("POST", "/v1/views", view)
    stage.api("POST", "/v1/pools/orders/records", list(records()))
    browser.click(browser.page.get_by_role("link", name="Write records"))
    browser.see_heading("Write records")
    browser.fill(name="Ada shop", stamp_1="customer", with_1="ada")
    browser.unchecked()
    browser.press("Make the key")
    # What was typed is there, and the field that is wrong says why.
    browser.page.locator("#e-on").wait_for()
    assert browser.value("stamp_1") == "customer"
    browser.looks_right("key-new-wrong")
    browser.page.get_by_label("orders").check()
    browser.press("Make the key")
    browser.see_heading("The key is made")
    browser.looks_right("key-once")
    stage.writer = token_of(browser)
    with browser.page.expect_download() as download:
        browser.press("Download")
    assert download.value.suggested_filename == "ada-shop.token"
    assert Path(download.value.path()).read_text().strip() == stage.writer
    # The stamp holds, whatever is sent.
    record = {"customer": "bob", "at": "2026-06-01T10:00:00Z", "product": "tea", "total": 1}
    assert call(stage, stage.writer, "/v1/pools/orders/records", record)[0] == 200
    browser.follow("I have kept it")
    browser.see_heading("Ada shop")
    assert stage.writer not in browser.page.content()
    browser.looks_right("key-writer")


def test_a_key_that_reads_is_made_and_sees_its_own_rows(stage):
    browser = stage.owner_in()
    browser.go("/console/projects/default/keys/new?for=read")
    browser.looks_right("key-new")
    browser.fill(name="Ada dashboard", field_1="customer", value_1="ada")
    browser.page.get_by_label("all_orders").check()
    browser.page.get_by_label("by_product").check()
    browser.page.get_by_text("How much it may take").click()
    browser.fill(requests_per_second="50", core_amount="20")
    browser.press("Make the key")
    browser.see_heading("The key is made")
    stage.reader = token_of(browser)
    stage.spent_in = month()
    status, answer = call(stage, stage.reader, "/v1/views/all_orders/data")
    assert status == 200 and len(answer["data"]) == 21, answer
    for _ in range(16):
        call(stage, stage.reader, "/v1/views/by_product/data")
    assert call(stage, stage.reader, "/v1/keys")[0] == 403
    browser.follow("I have kept it: see what the key sees")
    browser.see_heading("What the key sees")
    browser.see("21")
    text = browser.page.locator("main").inner_text()
    assert "ada" in text and "bob" not in text, text
    browser.looks_right("key-preview")
    browser.click(browser.page.locator(".back a"))
    browser.see("85 % used")
    browser.looks_right("key")


def test_a_key_for_a_page_is_made_and_its_token_copied(stage):
    browser = stage.owner_in()
    browser.go("/console/projects/default/keys/new?for=read")
    browser.fill(name="Shop page")
    browser.page.get_by_label("In a web page or app").check()
    browser.page.get_by_label("by_product").check()
    browser.page.get_by_text("Who may use it: addresses").click()
    browser.fill(allowed_domains="shop.example/path")
    browser.press("Make the key")
    # Over every row it would be everybody's; and a site is no path.
    browser.page.locator("main .error").first.wait_for()
    browser.looks_right("key-new-page")
    assert browser.page.get_by_label("In a web page or app").is_checked()
    browser.fill(field_1="customer", value_1="bob", allowed_domains="shop.example")
    browser.press("Make the key")
    browser.see_heading("The key is made")
    browser.see("Put it into the page or app")
    browser.looks_right("key-once-page")
    token = token_of(browser)
    browser.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=stage.origin)
    button = browser.page.locator(".copy.token").get_by_role("button", name="Copy")
    # It says so for two seconds alone, which nobody need come upon in time.
    button.evaluate("""(button) => {
        window.saidOf = [];
        new MutationObserver(() => window.saidOf.push(button.textContent)).observe(button, { childList: true });
    }""")
    button.click()
    browser.page.wait_for_function("() => window.saidOf.includes('Copied')")
    assert browser.page.evaluate("navigator.clipboard.readText()") == token
    path = "/v1/views/by_product/data"
    assert call(stage, token, path, Origin="https://shop.example")[0] == 200
    assert call(stage, token, path, Origin="https://evil.example")[0] in (401, 403)
    browser.follow("To the key")
    browser.see("publishable")
    browser.looks_right("key-page")


def ends(browser):
    """The field in which an end is typed: by the reader's clock, and sent by that of UTC."""
    return browser.page.locator("#f-expires_at")


def test_a_key_for_signed_requests_with_an_end(stage):
    browser = stage.owner_in()
    browser.go("/console/projects/default/keys/new?for=ask")
    browser.fill(name="Signs", field_1="customer", value_1="cleo")
    browser.page.get_by_label("orders").check()
    browser.page.get_by_text("Who may use it: addresses").click()
    browser.page.get_by_label("Signed requests alone").check()
    ends(browser).fill("2036-05-31T12:30")
    browser.fill(rotate_days="soon")
    browser.press("Make the key")
    assert browser.error_of("rotate_days").startswith("Whole days")
    expect(ends(browser)).to_have_value("2036-05-31T12:30")
    assert browser.page.get_by_label("Signed requests alone").is_checked()
    browser.looks_right("key-new-signed")
    browser.fill(rotate_days="90")
    browser.press("Make the key")
    browser.see_heading("The key is made")
    browser.see("The key takes signed requests alone")
    browser.looks_right("key-once-signed")
    token = token_of(browser)
    # The token by itself lets nobody in; what is signed with it does.
    assert call(stage, token, "/v1/whoami")[0] in (401, 403)
    asked = signed(stage, token)
    assert asked.returncode == 0, asked.stderr
    assert json.loads(asked.stdout)["name"] == "Signs"
    (key,) = [key for key in stage.api("GET", "/v1/keys?limit=1000")["items"] if key["name"] == "Signs"]
    assert key["restrictions"]["signed_requests"] is True, key
    # What is typed is the reader's time, who is in Berlin.
    assert key["restrictions"]["expires_at"].startswith("2036-05-31T10:30:00"), key
    browser.follow("To the key")
    browser.looks_right("key-signed")
    # An end narrows, and asks for nothing; going on without one widens.
    change = browser.page.locator("section", has=browser.page.locator("#settings")).get_by_role("link", name="Change")
    browser.click(change)
    browser.see_heading("Change the key")
    expect(ends(browser)).to_have_value("2036-05-31T12:30")
    ends(browser).fill("2020-01-01T00:00")
    browser.press("Save")
    browser.see("The change is in force from the next request on")
    browser.see("This key has expired")
    browser.looks_right("key-ended")
    assert signed(stage, token).returncode == 1
    browser.click(change)
    browser.see_heading("Change the key")
    ends(browser).fill("")
    browser.press("Save")
    browser.error_of("code")


def test_keys_are_found_and_put_in_order(stage):
    browser = stage.owner_in()
    browser.go("/console/projects/default/keys")
    browser.looks_right("keys")
    browser.fill(q="dashboard")
    browser.press("Search")
    browser.see("1 of")
    browser.page.get_by_label("Order").select_option("volume")
    browser.fill(q="")
    browser.press("Search")
    browser.page.wait_for_url(lambda url: "sort=volume" in url)
    browser.fill(q="nothing like it")
    browser.press("Search")
    browser.see("No key fits")


def test_what_a_key_may_do_is_changed_after_a_look_at_what_that_changes(stage):
    browser = stage.owner_in()
    to_key(browser, "Ada dashboard")
    browser.click(browser.page.get_by_role("link", name="Change what it does").first)
    browser.see_heading("Change what the key may do")
    browser.fill(value_1="bob")
    browser.press("See what it changes")
    browser.see("What that changes")
    browser.see("−21")
    browser.looks_right("key-grant-preview")
    browser.fill(value_1="ada")
    browser.page.get_by_text("Fields and times").click()
    browser.fill(hidden_fields="email")
    browser.press("Look again")
    browser.see("sees the fields email no more")
    browser.press("Save it")
    browser.see("What the key may do is in force")
    browser.follow("Let it do more")
    browser.see_heading("Let the key do more")
    browser.follow("Ask pools")
    browser.page.get_by_label("orders", exact=True).check()
    browser.page.get_by_label("Every row").check()
    browser.looks_right("key-grant-new")
    browser.press("See what it changes")
    browser.see("+61")
    browser.press("Save it")
    browser.error_of("code")
    browser.fill(code=stage.owner.code())
    browser.press("Save it")
    browser.see("What the key may do is in force")
    browser.keep_session(stage.owner)
    browser.click(browser.page.get_by_role("link", name="Take away what it does with the pool"))
    browser.see_heading("Take the pool orders from Ada dashboard?")
    browser.looks_right("key-ungrant")
    browser.press("Take it away")
    browser.see("The key may no longer do this")


def test_settings_keep_what_was_typed(stage):
    browser = stage.owner_in()
    to_key(browser, "Ada dashboard")
    browser.click(browser.page.locator("section", has=browser.page.locator("#settings")).get_by_role("link", name="Change"))
    browser.see_heading("Change the key")
    browser.page.get_by_text("Who may use it: addresses").click()
    browser.fill(ip_ranges="127.0.0.1/8", description="Board report")
    browser.press("Save")
    browser.error_of("ip_ranges")
    assert browser.value("description") == "Board report"
    browser.looks_right("key-settings")
    browser.fill(ip_ranges="127.0.0.0/8")
    browser.press("Save")
    browser.see("The change is in force from the next request on")
    browser.see("127.0.0.0/8")


def test_a_key_is_rolled_with_a_code_and_the_roll_taken_back(stage):
    browser = stage.signed_in(stage.bob)
    to_key(browser, "Ada dashboard")
    browser.follow("Roll")
    browser.see_heading("Roll the key")
    browser.looks_right("key-roll")
    browser.fill(code="000000")
    browser.press("Make the new token")
    browser.error_of("code")
    browser.page.get_by_label("For an hour").check()
    browser.fill(code=stage.bob.code())
    browser.press("Make the new token")
    browser.see_heading("The key has a new token")
    browser.keep_session(stage.bob)
    new = token_of(browser)
    assert call(stage, new, "/v1/whoami")[0] == 200 and call(stage, stage.reader, "/v1/whoami")[0] == 200
    browser.follow("To the key")
    browser.see("in grace")
    browser.looks_right("key-rolling")
    browser.follow("Take the roll back")
    browser.fill(code=stage.bob.code())
    browser.press("Take it back")
    browser.see("somebody will miss it")
    browser.looks_right("key-force")
    browser.page.get_by_label("End it although somebody uses it").check()
    browser.fill(code=stage.bob.code())
    browser.press("Take it back")
    browser.see("The roll is taken back")
    browser.keep_session(stage.bob)
    assert call(stage, new, "/v1/whoami")[0] == 401


def test_the_old_secret_of_a_roll_is_ended(stage):
    browser = stage.owner_in()
    to_key(browser, "Ada dashboard")
    browser.follow("Roll")
    browser.fill(silence="soon", code="123456")
    browser.press("Make the new token")
    assert "whole number" in browser.error_of("silence") and browser.value("code") == ""
    browser.looks_right("key-roll-wrong")
    browser.fill(silence="90", code=stage.owner.code())
    browser.press("Make the new token")
    browser.see_heading("The key has a new token")
    browser.keep_session(stage.owner)
    old, stage.reader = stage.reader, token_of(browser)
    browser.follow("To the key")
    browser.see("sooner after 90 minutes of silence")
    browser.looks_right("key-rolling-silence")
    # Somebody has it still, and not only from the journey before.
    assert call(stage, old, "/v1/whoami")[0] == 200
    browser.follow("End the old one now")
    browser.see_heading("End the old secret now?")
    browser.looks_right("key-end-grace")
    browser.press("End the old secret")
    browser.see("somebody will miss it")
    browser.page.get_by_label("End it although somebody uses it").check()
    browser.press("End the old secret")
    browser.see("The old secret has ended")
    assert call(stage, old, "/v1/whoami")[0] == 401 and call(stage, stage.reader, "/v1/whoami")[0] == 200


def test_a_key_is_switched_off_and_on_held_and_released(stage):
    browser = stage.owner_in()
    to_key(browser, "Ada dashboard")
    browser.follow("Switch off")
    browser.looks_right("key-disable")
    browser.press("Switch it off")
    browser.see("The key is off")
    assert call(stage, stage.reader, "/v1/whoami")[0] == 401
    browser.follow("Switch on")
    browser.see_heading("Switch the key on again?")
    browser.looks_right("key-enable")
    browser.fill(code=stage.owner.code())
    browser.press("Switch it on")
    browser.see("The key is on again")
    browser.keep_session(stage.owner)
    assert call(stage, stage.reader, "/v1/whoami")[0] == 200
    browser.follow("It may have leaked")
    browser.see_heading("Hold the key, since it may have leaked?")
    browser.looks_right("key-quarantine")
    browser.press("Hold it")
    browser.see("quarantined")
    browser.looks_right("key-held")
    browser.follow("Release")
    browser.see_heading("Let the key go on as before?")
    browser.looks_right("key-release")
    browser.fill(code=stage.owner.code())
    browser.press("Release it")
    browser.see("The key goes on as it did before")
    browser.keep_session(stage.owner)


def test_usage_and_credits_are_a_picture_and_tables(stage):
    browser = stage.owner_in()
    if stage.spent_in != month():
        # The credits of another month began since.
        for _ in range(17):
            call(stage, stage.reader, "/v1/views/by_product/data")
    browser.follow_to("Usage")
    browser.see_heading("Usage")
    browser.see("85 % used")
    browser.looks_right("usage")
    browser.page.get_by_label("Key", exact=True).select_option(label="Ada shop")
    browser.press("Show")
    browser.page.wait_for_url(lambda url: "of=0" in url)
    browser.fill(to="2020-01-01")
    browser.press("Show")
    browser.page.locator("#e-to").wait_for()
    # The key's own page has the same by secret and by network; all came from this machine.
    to_key(browser, "Ada dashboard")
    browser.see("Requests by secret")
    browser.see("Requests by network")
    networks = browser.page.get_by_role("region", name="By network")
    assert "127.0.0.0/24" in networks.inner_text(), networks.inner_text()
    browser.looks_right("key-networks")


def test_advice_leads_to_where_it_is_done(stage):
    stage.api("POST", "/v1/keys", {"name": "Old import", "grants": [
        {"on": "pool:orders", "actions": ["ingest"]},
        {"on": "pool:orders", "actions": ["query"], "constraints": "all_rows"}]})
    browser = stage.owner_in()
    browser.go("/console/projects/default/keys")
    browser.click(browser.page.get_by_role("link", name="Advice"))
    browser.see_heading("Advice")
    browser.see("Writes and reads with one key")
    browser.looks_right("key-review")
    browser.click(browser.page.get_by_role("link", name="See what it may do Old import").first)
    browser.see_heading("Old import")


def test_a_key_is_copied_and_deleted_without_a_script(stage):
    browser = stage.owner_in(scripts=False)
    to_key(browser, "Ada dashboard")
    browser.follow("Make a copy")
    browser.see_heading("Copy the key?")
    browser.looks_right("key-copy")
    browser.fill(name="Ada second")
    browser.press("Make the copy")
    browser.see_heading("The copy is made")
    copy = token_of(browser)
    assert call(stage, copy, "/v1/views/all_orders/data")[0] == 200
    browser.follow("To the key")
    browser.follow("Delete")
    browser.see_heading("Delete the key?")
    browser.see("What goes with it")
    browser.looks_right("key-delete")
    browser.press("Delete it for good")
    browser.see("somebody will miss it")
    browser.page.get_by_label("End it although somebody uses it").check()
    browser.press("Delete it for good")
    browser.see("The key is gone")
    assert call(stage, copy, "/v1/whoami")[0] == 401


def test_a_key_is_made_and_rolled_without_a_script(stage):
    browser = stage.signed_in(stage.bob, scripts=False)
    browser.go("/console/projects/default/keys/new?for=ask")
    browser.fill(name="Plain", field_1="customer", value_1="cleo")
    browser.page.get_by_label("orders").check()
    # The second click asks anew, and the browser throws the first answer away.
    browser.page.get_by_role("button", name="Make the key").dblclick()
    browser.see_heading("The key is made")
    token = token_of(browser)
    browser.page.reload()
    browser.see_heading("That was done already")
    browser.looks_right("key-once-again")
    assert token not in browser.page.content()
    plain = [key for key in stage.api("GET", "/v1/keys?limit=1000")["items"] if key["name"] == "Plain"]
    assert len(plain) == 1, plain
    question = {"analysis": "count", "pool": "orders"}
    assert call(stage, token, "/v1/query", question)[1]["result"] == 20
    browser.follow("To the key")
    browser.follow("Roll")
    browser.page.get_by_label("Not at all").check()
    browser.fill(code=stage.bob.code())
    browser.press("Make the new token")
    browser.see("somebody will miss it")
    browser.page.get_by_label("End the old token although somebody uses it").check()
    browser.fill(code=stage.bob.code())
    # The first answer, which the browser throws away, has the cookie of the session, too.
    browser.page.get_by_role("button", name="Make the new token").dblclick()
    browser.see_heading("The key has a new token")
    browser.keep_session(stage.bob)
    new = token_of(browser)
    assert call(stage, token, "/v1/whoami")[0] == 401 and call(stage, new, "/v1/whoami")[0] == 200
    browser.go("/console/account")
    browser.see_heading("Bob <script>alert(2)</script>")


def test_a_grant_is_changed_and_a_key_switched_without_a_script(stage):
    grants = [{"on": "view:all_orders", "actions": ["read"],
               "constraints": [{"field": "customer", "operator": "eq", "value": "ada"}]}]
    token = stage.api("POST", "/v1/keys", {"name": "Plain reader", "grants": grants})["token"]

    def seen():
        status, answer = call(stage, token, "/v1/views/all_orders/data")
        assert status == 200, answer
        return [row["customer"] for row in answer["data"]]

    before = seen()
    assert set(before) == {"ada"}, before
    browser = stage.owner_in(scripts=False)
    to_key(browser, "Plain reader")
    browser.click(browser.page.get_by_role("link", name="Change what it does with"))
    browser.see_heading("Change what the key may do")
    assert browser.value("field_1") == "customer" and browser.value("value_1") == "ada"
    browser.fill(value_1="bob")
    browser.press("See what it changes")
    browser.see("What that changes")
    row = browser.page.locator(".changes tr", has_text="all_orders")
    assert row.locator("[data-label=Now]").inner_text().strip() == str(len(before))
    assert row.locator("[data-label=Lost]").inner_text().strip() == f"−{len(before)}"
    after = row.locator("[data-label=After]").inner_text().strip()
    # Nothing of it is saved yet; other rows are more access, which takes a code.
    assert seen() == before
    browser.press("Save it")
    browser.error_of("code")
    assert browser.value("value_1") == "bob"
    browser.fill(code=stage.owner.code())
    browser.press("Save it")
    browser.see("What the key may do is in force")
    browser.keep_session(stage.owner)
    rows = seen()
    assert set(rows) == {"bob"} and str(len(rows)) == after, (rows, after)

    browser.follow("Switch off")
    browser.see_heading("Switch the key off?")
    browser.press("Switch it off")
    browser.see("The key is off")
    assert call(stage, token, "/v1/whoami")[0] == 401
    browser.follow("Switch on")
    browser.see_heading("Switch the key on again?")
    browser.fill(code=stage.owner.code())
    browser.press("Switch it on")
    browser.see("The key is on again")
    browser.keep_session(stage.owner)
    assert seen() == rows


def test_a_key_that_administers_is_made_with_a_code(stage):
    browser = stage.owner_in()
    for name, reach, sees_rows in (("Tools", "definitions", False), ("Tools over all", "all", True)):
        browser.go("/console/projects/default/keys/new")
        browser.click(browser.page.get_by_role("link", name="Administer"))
        browser.see_heading("Administer")
        assert browser.page.locator("main [name=reach][value=definitions]").is_checked()
        browser.fill(name=name)
        browser.page.locator(f"main [name=reach][value={reach}]").check()
        # The browser asks for the code first; here the server is to ask.
        browser.unchecked()
        browser.press("Make the key")
        browser.error_of("code")
        assert browser.value("name") == name
        assert browser.page.locator(f"main [name=reach][value={reach}]").is_checked()
        if sees_rows:
            browser.looks_right("key-new-administers")
        browser.fill(code=stage.owner.code())
        browser.press("Make the key")
        browser.see_heading("The key is made")
        browser.see("Keep it on one machine.")
        browser.keep_session(stage.owner)
        token = token_of(browser)
        assert call(stage, token, "/v1/keys")[0] == 200
        status, answer = call(stage, token, "/v1/query", {"analysis": "count", "pool": "orders"})
        assert status == 200 and answer["result"] > 0 if sees_rows else status in (403, 404), (status, answer)


def test_keys_are_in_the_order_that_is_chosen(stage):
    # Each order is another one of the three, so that none stands in for another.
    grants = [{"on": "pool:orders", "actions": ["query"], "constraints": "all_rows"}]
    made = ("Ranked calm", "Ranked always", "Ranked busy")
    tokens = {name: stage.api("POST", "/v1/keys", {"name": name, "grants": grants})["token"] for name in made}
    for name in ("Ranked busy", "Ranked busy", "Ranked busy", "Ranked calm"):
        assert call(stage, tokens[name], "/v1/query", {"analysis": "count", "pool": "orders"})[0] == 200
    browser = stage.owner_in()
    browser.go("/console/projects/default/keys")
    browser.fill(q="ranked")
    for order, wanted in (
        ("Name", ["always", "busy", "calm"]), ("Last used first", ["calm", "busy", "always"]),
        ("Most requests first", ["busy", "calm", "always"]), ("Newest first", ["busy", "always", "calm"]),
    ):
        browser.page.get_by_label("Order").select_option(label=order)
        browser.press("Search")
        names = browser.page.locator("table.keys th[scope=row] a")
        expect(names).to_have_text([f"Ranked {name}" for name in wanted])
    assert browser.page.locator("table.keys [data-label=Requests]").all_inner_texts() == ["3", "0", "1"]
