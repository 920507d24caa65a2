"""Views: built with what they answer in sight, in every shape; looked at, changed, deleted."""


def pick(browser, at, field, role="", name=""):
    row = browser.page.locator(".pick").nth(at)
    row.locator("input").nth(0).fill(field)
    row.locator("select").select_option(role)
    row.locator("input").nth(2).fill(name)


def shown(browser, column):
    """Waits until the answer has this column: the fields before were answered by themselves."""
    browser.page.locator("#preview .data th", has_text=column).first.wait_for()
    browser.settled()


def test_a_view_of_records_is_built_in_sight_of_its_answer(stage):
    stage.stock()
    browser = stage.owner_in()
    browser.follow_to("Views")
    browser.see_heading("Views")
    browser.looks_right("views-empty")
    browser.follow("New view")
    browser.see_heading("New view")
    browser.looks_right("new-view")
    pick(browser, 0, "customer")
    pick(browser, 1, "at")
    pick(browser, 2, "amount")
    browser.page.locator(".pick").nth(2).locator("select").focus()
    # Nobody pressed a button: the answer is there as soon as something is chosen.
    browser.see("What it answers")
    shown(browser, "amount")
    # Records as they are have no chart.
    assert browser.page.locator("#preview picture").count() == 0
    browser.looks_right("new-view-records")
    browser.fill(name="orders/all")
    browser.press("Make the view")
    browser.error_of("name")
    assert browser.page.locator(".pick").nth(2).locator("input").nth(0).input_value() == "amount"
    browser.looks_right("new-view-refused")
    browser.fill(name="all orders")
    browser.press("Make the view")
    browser.see_heading("all orders")
    browser.see("/v1/views/all%20orders/data")
    browser.looks_right("view")


def test_groups_and_series_are_built_too(stage):
    stage.stock()
    browser = stage.owner_in()
    browser.go("/console/projects/default/new-view")
    browser.page.get_by_label("Shape").select_option("aggregated")
    pick(browser, 0, "city", "group")
    pick(browser, 1, "amount", "sum", "revenue")
    browser.page.locator(".pick").nth(1).locator("select").focus()
    browser.see("What it answers")
    shown(browser, "revenue")
    browser.page.locator("#preview .data").get_by_text("Lyon").wait_for()
    browser.chart_is_there()
    browser.looks_right("new-view-groups")
    browser.fill(name="revenue by city")
    browser.press("Make the view")
    browser.see_heading("revenue by city")

    browser.go("/console/projects/default/new-view")
    browser.page.get_by_label("Shape").select_option("time_series")
    pick(browser, 0, "customer", "group")
    pick(browser, 1, "amount", "sum", "revenue")
    browser.page.get_by_text("Order, time and nesting").click()
    browser.page.get_by_label("Look at").select_option("this_5_years")
    # The answers to what was chosen before are on their way, too.
    with browser.page.expect_response(lambda answer: "interval=monthly" in answer.url):
        browser.page.get_by_label("By", exact=True).select_option("monthly")
    browser.see("What it answers")
    browser.chart_is_there()
    browser.looks_right("new-view-series")
    browser.fill(name="revenue by month")
    browser.press("Make the view")
    browser.see_heading("revenue by month")
    browser.page.get_by_label("Range").select_option("this_5_years")
    browser.press("Show")
    browser.page.wait_for_url(lambda url: "this_5_years" in url)
    browser.chart_is_there()
    browser.looks_right("view-series")
    browser.follow("Views")
    browser.looks_right("views")


def test_a_change_says_first_what_keys_gain_and_lose(stage):
    key = stage.api("POST", "/v1/keys", {"name": "acme board", "grants": [{
        "on": "view:all orders", "actions": ["read"],
        "constraints": [{"field": "customer", "operator": "eq", "value": "acme"}],
    }]})
    browser = stage.owner_in()
    browser.go("/console/projects/default/views")
    browser.follow("all orders")
    browser.follow("Change")
    browser.see_heading("Change all orders")
    browser.fill(f1="customer", v1="globex")
    with browser.page.expect_navigation():
        browser.press("Save")
    browser.see("What that changes")
    row = browser.page.locator(".changes tr", has_text="acme board")
    row.locator(".is-lost").wait_for()
    assert row.locator("[data-label=After]").inner_text().strip() == "0"
    browser.looks_right("view-change-preview")
    assert "filters" not in stage.api("GET", "/v1/views/all%20orders")
    # What is typed now is something else: what it changes is said first, too.
    browser.fill(v1="acme")
    with browser.page.expect_navigation():
        browser.press("Save it")
    browser.see("What that changes")
    assert row.locator(".is-lost").count() == 0, "nothing changes for the key"
    browser.press("Save it")
    browser.see("The change is in force")
    assert stage.api("GET", "/v1/views/all%20orders")["filters"][0]["value"] == "acme"
    stage.api("PATCH", "/v1/views/all%20orders", {"filters": None})
    stage.api("DELETE", f"/v1/keys/{key['id']}?force=true")


def test_a_view_is_changed_and_deleted_without_a_script(stage):
    browser = stage.owner_in(scripts=False)
    browser.go("/console/projects/default/views")
    browser.follow("revenue by city")
    browser.follow("Change")
    assert browser.heading() == "Change revenue by city"
    browser.page.locator(".pick").nth(2).locator("select").select_option("count")
    browser.press("Show it")
    browser.page.locator("#preview th", has_text="count").wait_for()
    browser.fill(name="cities")
    browser.press("Save")
    browser.see("What that changes")
    browser.press("Save it")
    browser.see("The change is in force")
    assert browser.heading() == "cities"
    fields = [field["as"] for field in stage.api("GET", "/v1/views/cities")["fields"]]
    assert fields == ["city", "revenue", "count"], fields
    browser.follow("Delete")
    browser.looks_right("delete-view")
    browser.press("Delete this view")
    browser.see("The view is gone")


def test_a_view_shows_the_rows_of_the_role_alone(stage):
    guest = stage.browser()
    guest.sign_in(stage.hedy)
    guest.follow_to("Views")
    guest.click(guest.page.get_by_role("link", name="all orders", exact=True))
    guest.see_heading("all orders")
    assert "acme" not in guest.page.locator("main").inner_text()
    guest.see("globex")
    assert guest.page.get_by_role("link", name="Change").count() == 0
    guest.looks_right("view-held")
