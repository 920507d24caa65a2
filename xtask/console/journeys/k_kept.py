"""What was typed is there again: over a sign-in, beside what somebody else changed, after a refusal;
and what is saved is what the form says. And a key that is made and rolled by the keyboard alone."""

import re

from playwright.sync_api import expect


def pick(browser, at, field):
    browser.page.locator(".pick").nth(at).locator("input").nth(0).fill(field)


def condition(browser, field, value):
    row = browser.page.locator(".condition").first
    row.locator("input").first.fill(field)
    row.locator("input").last.fill(value)


def filters(stage, name):
    return [(one["field"], one["value"]) for one in stage.api("GET", f"/v1/views/{name}").get("filters") or []]


def test_a_condition_that_was_typed_last_is_saved_with_the_view(stage):
    stage.stock()
    browser = stage.owner_in()
    browser.go("/console/projects/default/new-view?pool=orders&g1=customer&g2=amount")
    browser.see("What it answers")
    browser.fill(name="typed last")
    condition(browser, "customer", "acme")
    # At once: no preview was of the condition.
    browser.press("Make the view")
    browser.see_heading("typed last")
    assert filters(stage, "typed%20last") == [("customer", "acme")]
    # A preview that fails keeps nobody from it, and loses nothing.
    browser.follow("Change")
    browser.see("What it answers")
    browser.page.route("**/change?*", lambda route: route.fulfill(status=503, body="busy"))
    condition(browser, "customer", "globex")
    browser.page.locator(".pick").nth(2).locator("select").focus()
    browser.see("The server did not answer this now")
    browser.press("Save")
    browser.see("What that changes")
    browser.press("Save it")
    browser.see("The change is in force")
    assert filters(stage, "typed%20last") == [("customer", "globex")]
    # The same without a script.
    plain = stage.owner_in(scripts=False)
    plain.go("/console/projects/default/new-view?pool=orders&g1=customer")
    condition(plain, "customer", "acme")
    plain.fill(name="without a script")
    plain.press("Make the view")
    plain.see_heading("without a script")
    assert filters(stage, "without%20a%20script") == [("customer", "acme")]


def test_a_condition_that_was_typed_last_is_saved_with_a_question(stage):
    for scripts in (True, False):
        browser = stage.owner_in(scripts=scripts)
        browser.go("/console/projects/default/explore?pool=orders&analysis=count")
        browser.page.locator(".figure").wait_for()
        condition(browser, "customer", "acme")
        name = f"count of one {scripts}"
        browser.fill(name=name)
        browser.press("Save")
        browser.see_heading(name)
        assert "_token" not in browser.path
        saved = stage.api("GET", "/v1/saved-queries/" + name.replace(" ", "%20"))
        assert saved["query"]["filters"][0]["value"] == "acme", saved
        # What goes into the address has no token, and keeps the name that is typed.
        browser.go("/console/projects/default/explore?pool=orders&analysis=count")
        browser.fill(name="half a name")
        browser.press("Ask")
        browser.page.wait_for_url(lambda url: "half" in url)
        assert "_token" not in browser.path and browser.value("name") == "half a name"


def test_the_row_that_is_wrong_is_marked_as_one_types(stage):
    browser = stage.owner_in()
    browser.go("/console/projects/default/new-view?pool=orders")
    pick(browser, 0, "customer")
    pick(browser, 1, "nothing")
    browser.page.locator(".pick").nth(2).locator("select").focus()
    browser.see("Field 2: ")
    wrong = browser.page.locator("[aria-invalid=true]")
    wrong.wait_for()
    assert [one.get_attribute("name") for one in wrong.all()] == ["g2"]
    assert "Field 2" in browser.page.locator("#" + wrong.get_attribute("aria-describedby")).inner_text()
    browser.looks_right("new-view-marked")
    pick(browser, 1, "amount")
    browser.page.locator(".pick").nth(2).locator("select").focus()
    browser.see("What it answers")
    wrong.wait_for(state="detached")
    browser.go("/console/projects/default/new-pool")
    browser.fill(name="marked")
    for row, (name, kind) in enumerate((("customer", "String"), ("a..b", "String"))):
        fields = browser.page.locator(".editor .row").nth(row)
        fields.locator("[name=field]").fill(name)
        fields.locator("[name=type]").select_option(kind)
    browser.press("Make the pool")
    browser.see("Field 2: ")
    assert browser.page.locator("[aria-invalid=true]").input_value() == "a..b"
    browser.looks_right("new-pool-marked")


def test_what_two_people_change_is_saved_by_who_has_seen_the_other(stage):
    ada, bob = stage.owner_in(), stage.signed_in(stage.bob or stage.owner)
    pool = next(one for one in stage.api("GET", "/v1/pools?limit=1000")["items"] if one["name"] == "orders")
    view = stage.api("GET", "/v1/views/typed%20last")
    for below, theirs, mine, button in (
        (f"pools/{pool['id']}/settings", {"description": "of bob"}, {"description": "of ada"}, "Save"),
        (f"views/{view['id']}/change", {"name": "bob saw"}, {"name": "ada saw"}, "Save"),
    ):
        for browser in (ada, bob):
            browser.go(f"/console/projects/default/{below}")
        bob.fill(**theirs)
        bob.press(button)
        bob.see("in force")
        ada.fill(**mine)
        ada.press(button)
        ada.see("As it is now")
        (name, typed), (_, other) = *mine.items(), *theirs.items()
        assert ada.value(name) == typed
        ada.page.locator(".now").get_by_text(other).first.wait_for()
        ada.looks_right("stale-" + below.split("/")[0])
        ada.press(button)
        ada.see("in force")
    assert stage.api("GET", f"/v1/pools/{pool['name']}")["description"] == "of ada"
    saved = stage.api("GET", "/v1/saved-queries/count%20of%20one%20True")
    for browser in (ada, bob):
        browser.go(f"/console/projects/default/saved/{saved['id']}")
        browser.follow("Open in Explore")
        browser.page.locator(".figure").wait_for()
    bob.fill(name="bob asked")
    bob.press("Save")
    bob.see_heading("bob asked")
    ada.fill(name="ada asked")
    ada.press("Save")
    ada.see("As it is now")
    ada.looks_right("stale-question")
    assert ada.value("name") == "ada asked"
    ada.press("Save")
    ada.see_heading("ada asked")


def forms(stage):
    """Forms: where each is, what is typed, and what of it must be there again; the longest first."""
    keys = stage.api("GET", "/v1/keys?limit=1000")["items"]
    grants = [{"on": "pool:orders", "actions": ["query"], "constraints": [{"field": "customer", "operator": "eq", "value": "ada"}]}]
    key = next((one for one in keys if one["name"] == "of forms"), None)
    key = key or stage.api("POST", "/v1/keys", {"name": "of forms", "grants": grants})
    yield "keys/new?for=read", {"name": "typed twice", "field_1": "customer", "value_1": "ada", "hidden_fields": "email"}, "Make the key"
    yield f"keys/{key['id']}/grants/new?for=ask", {"field_1": "customer", "value_1": "ada", "hidden_fields": "email"}, "See what it changes"
    yield "new-view?pool=orders&g1=customer", {"f1": "customer", "v1": "acme", "name": "typed twice"}, "Make the view"
    people = stage.api("GET", "/v1/people?limit=1000")["items"]
    owner = next(one for one in people if one["sign_in"] == stage.owner.sign_in)
    yield f"keys/{key['id']}/roll", {"silence": "30"}, "Make the new token"
    yield f"keys/{key['id']}/copy", {"name": "copied twice"}, "Make the copy"
    yield "people/invite", {"sign_in": "greta@example.com", "field_1": "customer", "value_1": "acme"}, "Make the invitation"
    yield f"people/{owner['id']}", {"name": "typed twice", "field_1": "customer", "value_1": "acme"}, "Save"
    yield "settings", {"name": "typed twice"}, "Rename"
    yield "settings/another", {"name": "typed twice"}, "Make the project"


def fill(browser, fields):
    if "hidden_fields" in fields:
        browser.page.get_by_text("Fields and times").click()
    browser.fill(**fields)
    if "silence" in fields:
        # No roll is sent without a code.
        browser.fill(code="123456")


def check(browser, fields):
    for name, value in fields.items():
        field = browser.page.locator(f"main [name={name}]")
        field.wait_for(state="attached")
        assert field.input_value() == value, (name, field.input_value())
    if "silence" in fields:
        assert browser.value("code") == "", "a code is never kept"


# What forms make and rename, and what it is called by.
CALLED = {"keys": "name", "views": "name", "projects": "name", "people": "name", "invitations": "sign_in"}


def there(stage):
    return {what: [one[name] for one in stage.api("GET", f"/v1/{what}?limit=1000")["items"]] for what, name in CALLED.items()}


def renew_codes(stage):
    """Ten other recovery codes: each sign-in takes one."""
    browser = stage.owner_in()
    browser.go("/console/account/codes")
    browser.fill(password=stage.owner.password, code=stage.owner.code())
    browser.press("Show new ones")
    browser.see_heading("Keep your secret and your codes")
    stage.owner.secret = browser.page.locator("[data-secret=app]").inner_text().replace(" ", "")
    stage.owner.recovery = browser.page.locator(".codes code").all_inner_texts()
    browser.fill(code=stage.owner.code())
    browser.press("Switch to the new app")
    browser.see("count now")
    browser.keep_session(stage.owner)


def test_what_was_typed_is_there_after_the_sign_in(stage):
    renew_codes(stage)
    for at, (below, fields, button) in enumerate(forms(stage)):
        browser = stage.owner_in(scripts=at not in (1, 5))
        before = there(stage)
        browser.go(f"/console/projects/default/{below}")
        fill(browser, fields)
        browser.context.clear_cookies()
        browser.press(button)
        browser.see("What you typed is kept, and nothing of it was done yet")
        if at == 0:
            browser.looks_right("sign-in-kept")
        browser.type_sign_in(stage.owner)
        browser.press("Sign in")
        if not browser.scripts:
            browser.see_heading("You are signed in")
            if at == 1:
                browser.looks_right("signed-in-kept")
            browser.press("Go on where you were")
        browser.see("You signed in anew")
        check(browser, fields)
        assert there(stage) == before
        browser.keep_session(stage.owner)
        # Sent a second time it counts.
        if at == 2:
            browser.looks_right("form-kept")
            browser.press(button)
            browser.see_heading("typed twice")
        if "silence" in fields:
            browser.see("without codes and passwords, which are never kept")
            browser.looks_right("roll-kept")
        if button == "Make the copy":
            browser.press(button)
            browser.see_heading("The copy is made")
    renew_codes(stage)


def test_an_older_tab_ends_on_its_form_with_what_was_typed(stage):
    browser = stage.owner_in()
    tabs = []
    for below, fields, button in forms(stage):
        tabs.append((browser.page, {**fields, "name": "older tab"} if "name" in fields else fields, button))
        browser.go(f"/console/projects/default/{below}")
        fill(browser, tabs[-1][1])
        browser.page = browser.context.new_page()
    # Somebody signs in anew in yet another tab.
    browser.context.clear_cookies()
    browser.sign_in(stage.owner)
    browser.keep_session(stage.owner)
    for browser.page, fields, button in tabs:
        browser.page.bring_to_front()
        browser.press(button)
        browser.see("You signed in anew")
        check(browser, fields)
        if "name" in fields and "v1" in fields:
            browser.press(button)
            browser.see_heading("older tab")


def test_slow_is_not_told_as_a_lost_connection(stage):
    browser = stage.owner_in()
    browser.allowed = ["htmx:timeout", "htmx:afterRequest"]
    browser.go("/console/projects/default/new-pool")
    limit = browser.page.evaluate("htmx.config.timeout")
    assert limit == 86_400_000, "no page waits shorter than --query-deadline may be"
    # A page that would not wait at all, and a server that does not answer.
    browser.page.evaluate("htmx.config.timeout = 1")
    held = []
    browser.page.route("**/new-pool", lambda route: held.append(route))
    browser.fill(name="slow")
    browser.press("Make the pool")
    browser.see("The server has no answer yet")
    assert "No connection" not in browser.page.locator("#connection").inner_text()
    assert browser.value("name") == "slow"
    for route in held:
        route.abort()


def test_records_that_were_refused_stay_to_be_mended(stage):
    browser = stage.owner_in()
    pool = next(one for one in stage.api("GET", "/v1/pools?limit=1000")["items"] if one["name"] == "orders")
    browser.go(f"/console/projects/default/pools/{pool['id']}/upload")
    time = f'"{pool["time_field"]}":"2026-06-01T10:00:00Z"'
    typed = '{"customer":"acme",' + time + '}\n{"customer":7,' + time + "}"
    browser.fill(text=typed)
    browser.press("Upload")
    browser.see("1 accepted, 1 refused")
    assert browser.value("text") == typed
    browser.looks_right("upload-to-mend")


def focused(browser):
    """What has the focus: what it is called, and whether that is seen."""
    return browser.page.evaluate("""() => {
      const one = document.activeElement, style = getComputedStyle(one);
      return { name: one.name || '', text: (one.innerText || '').trim(), kind: one.type || one.localName,
               outline: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 };
    }""")


def tab_to(browser, wanted, most=80):
    """Goes on by Tab until this has the focus; whatever has it on the way is seen to have it."""
    for _ in range(most):
        browser.page.keyboard.press("Tab")
        found = focused(browser)
        # A page that has just come has it as a whole, and shows nothing of that.
        if found["kind"] in ("body", "main"):
            continue
        assert found["outline"], found
        if wanted(found):
            return found
    raise AssertionError("it is never reached")


def named(name):
    return lambda found: found["name"] == name


def called(text):
    return lambda found: re.fullmatch(text, found["text"])


def test_a_key_is_made_and_rolled_by_the_keyboard_alone(stage):
    browser = stage.browser()
    keyboard = browser.page.keyboard
    browser.go("/console/sign-in")
    # The first stop leads past everything that stands on every page.
    keyboard.press("Tab")
    skip = focused(browser)
    assert skip["text"] == "Skip to the content" and skip["outline"], skip
    box = browser.page.locator(".skip").bounding_box()
    assert box["x"] >= 0 and box["y"] >= 0 and box["width"] > 50, box
    keyboard.press("Enter")
    expect(browser.page.locator("#main")).to_be_focused()
    tab_to(browser, named("sign_in"))
    keyboard.type(stage.owner.sign_in)
    tab_to(browser, named("password"))
    keyboard.type(stage.owner.password)
    tab_to(browser, called("I do not have the app"))
    keyboard.press("Space")
    tab_to(browser, named("recovery_code"))
    keyboard.type(stage.owner.recovery.pop())
    keyboard.press("Enter")
    browser.page.wait_for_url(lambda url: "/sign" not in url)
    browser.settled()

    tab_to(browser, called("Keys"))
    keyboard.press("Enter")
    browser.see_heading("Keys")
    tab_to(browser, called("Make a key"))
    keyboard.press("Enter")
    browser.see_heading("Make a key")
    tab_to(browser, called("(?s)Read results.*"))
    keyboard.press("Enter")
    browser.see_heading("Read results")
    tab_to(browser, named("name"))
    keyboard.type("by keyboard")
    tab_to(browser, named("on"))
    keyboard.press("Space")
    tab_to(browser, named("value_1"))
    keyboard.type("acme")
    tab_to(browser, called("Make the key"))
    keyboard.press("Enter")
    browser.see_heading("The key is made")
    tab_to(browser, called("To the key"))
    keyboard.press("Enter")
    browser.see_heading("by keyboard")
    tab_to(browser, called("Roll"))
    keyboard.press("Enter")
    browser.see_heading("Roll the key")
    tab_to(browser, named("grace"))
    keyboard.press("ArrowDown")
    tab_to(browser, named("code"))
    keyboard.type(stage.owner.code())
    tab_to(browser, called("Make the new token"))
    keyboard.press("Space")
    browser.see_heading("The key has a new token")
    browser.keep_session(stage.owner)
