"""Questions: asked, looked at as numbers, tables and charts, saved, shown in a page. And what the
first page tells of all that."""


def test_a_question_is_asked_and_its_answer_looked_at(stage):
    stage.stock()
    browser = stage.owner_in()
    browser.follow_to("Explore")
    browser.see_heading("Explore")
    browser.looks_right("explore")
    browser.page.get_by_label("What to find").select_option("sum")
    browser.fill(field="amount")
    browser.press("Ask")
    browser.page.locator(".figure").wait_for()
    browser.looks_right("explore-figure")
    browser.fill(by1="customer")
    browser.page.get_by_label("Groups in order").select_option("desc")
    browser.press("Ask")
    browser.page.wait_for_url(lambda url: "by1=customer" in url)
    browser.chart_is_there()
    browser.see("acme")
    browser.looks_right("explore-groups")
    browser.page.get_by_label("Time frame").select_option("this_5_years")
    browser.page.get_by_label("Split by", exact=True).select_option("monthly")
    condition = browser.page.locator(".condition").first
    condition.locator("input").first.fill("items")
    condition.locator("select").select_option("gte")
    condition.locator("input").last.fill("2")
    browser.press("Ask")
    browser.page.wait_for_url(lambda url: "this_5_years" in url)
    browser.chart_is_there()
    browser.looks_right("explore-series")
    # As another kind that fits, which stays when something else is asked, and in what is saved.
    offered = browser.page.get_by_label("Show it as").locator("option").all_inner_texts()
    assert offered == ["What fits best", "Line", "Bars", "The table alone"], offered
    browser.page.get_by_label("Show it as").select_option("bars")
    browser.press("Show")
    browser.page.wait_for_url(lambda url: "chart=bars" in url)
    browser.chart_is_there()
    assert "chart=bars" in browser.page.locator(".drawn img").first.get_attribute("src")
    browser.looks_right("explore-bars")
    # Opened by itself a picture has its colours; whatever its policy forbade would be a fault.
    for name, ground in (("light", "rgb(255, 254, 251)"), ("dark", "rgb(21, 33, 36)")):
        alone = stage.owner_in()
        alone.go(browser.page.locator(".drawn img").first.get_attribute("src").replace("theme=light", f"theme={name}"))
        fill = alone.page.evaluate("getComputedStyle(document.querySelector('rect.b')).fill")
        assert fill == ground, (name, fill)
    browser.page.get_by_label("What to find").select_option("average")
    browser.fill(field="city")
    browser.press("Ask")
    browser.page.get_by_role("alert").wait_for()
    browser.looks_right("explore-refused")
    browser.page.get_by_label("What to find").select_option("extraction")
    browser.fill(by1="")
    browser.press("Ask")
    browser.page.locator(".data").wait_for()
    browser.looks_right("explore-records")
    # Where the answer stands below the question, it is in sight all the same.
    browser.page.set_viewport_size({"width": 390, "height": 800})
    browser.draws_again()
    browser.press("Ask")
    browser.page.wait_for_function(
        "() => { const top = document.querySelector('#answer > h2')?.getBoundingClientRect().top; return top >= 0 && top < innerHeight; }"
    )


def test_several_things_are_asked_at_once(stage):
    stage.stock()
    for scripts, without in ((True, ""), (False, "-without-script")):
        browser = stage.owner_in(scripts=scripts)
        browser.go("/console/projects/default/explore?pool=orders")
        browser.fill(field="amount")
        browser.page.get_by_label("What to find").select_option("sum")
        browser.press("Several at once")
        browser.page.locator("#rows").wait_for()
        # What was typed is the first of them.
        assert (browser.value("k1"), browser.value("c1")) == ("sum", "amount")
        browser.page.locator("[name=k2]").select_option("percentile")
        browser.fill(c2="amount", q2="much", l2="most")
        browser.press("Add a function")
        browser.page.locator("[name=k3]").wait_for()
        assert browser.value("q2") == "much"
        browser.page.locator("[name=k3]").select_option("count")
        browser.press("Ask")
        assert "is a number" in browser.error_of("q2")
        browser.looks_right(f"explore-several-refused{without}")
        browser.fill(q2="90")
        browser.press("Ask")
        browser.page.locator(".data").wait_for()
        head = browser.page.locator(".data thead").inner_text()
        assert head.split() == ["sum_amount", "most", "count"], head
        browser.looks_right(f"explore-several{without}")
        browser.press("Remove function 1")
        browser.page.locator("[name=k3]").wait_for(state="detached")
        if scripts:
            # Whoever goes by the keyboard is still there.
            browser.page.wait_for_function("() => document.activeElement.closest('#rows')")
        assert (browser.value("l1"), browser.value("q1"), browser.value("k2")) == ("most", "90", "count")
        browser.fill(by1="city")
        browser.press("Ask")
        browser.page.wait_for_url(lambda url: "by1=city" in url)
        browser.see("Lyon")
    browser = stage.owner_in()
    browser.go("/console/projects/default/explore?pool=orders&ask=several&functions=2&k1=sum&c1=amount&k2=average&c2=items&timeframe=this_5_years&interval=monthly")
    browser.chart_is_there()
    browser.looks_right("explore-several-series")
    browser.fill(name="two at once")
    browser.press("Save")
    browser.see("The question is saved")
    browser.follow("Open in Explore")
    assert (browser.value("k1"), browser.value("l2")) == ("sum", "average_items")


def test_a_funnel_is_asked_by_its_steps(stage):
    stage.stock()
    for scripts, without in ((True, ""), (False, "-without-script")):
        browser = stage.owner_in(scripts=scripts)
        browser.go("/console/projects/default/explore?pool=orders")
        browser.press("A funnel")
        browser.page.locator("#rows").wait_for()
        browser.looks_right(f"explore-funnel-blank{without}")
        browser.fill(u1="customer")
        browser.press("Ask")
        assert "Step 2" in browser.error_of("u2")
        browser.looks_right(f"explore-funnel-refused{without}")
        browser.fill(u2="customer", s2f1="amount", s2v1="40")
        browser.page.locator("[name=s2o1]").select_option("gte")
        browser.press("Add a step")
        browser.page.locator("[name=s3]").wait_for()
        # It begins with who it was before.
        assert browser.value("u3") == "customer"
        browser.fill(s3f1="city", s3v1="Lyon")
        browser.press("Ask")
        browser.page.locator(".data").wait_for()
        if scripts:
            browser.chart_is_there()
        rows = [row.split() for row in browser.page.locator(".data tbody tr").all_inner_texts()]
        assert [row[2:5] for row in rows] == [["2", "100", "–"], ["2", "100", "100"], ["1", "50", "50"]], rows
        browser.looks_right(f"explore-funnel{without}")
        browser.press("Remove step 2")
        browser.page.locator("[name=s3]").wait_for(state="detached")
        assert (browser.value("s2f1"), browser.value("s2v1")) == ("city", "Lyon")
        browser.press("Ask")
        browser.page.wait_for_url(lambda url: "steps=2" in url)
        browser.page.locator(".data").wait_for()
        # Back to one thing and here again: nothing is lost.
        browser.press("One thing")
        browser.page.get_by_label("What to find").wait_for()
        browser.press("A funnel")
        browser.page.locator("#rows").wait_for()
        assert browser.value("s2v1") == "Lyon"
    browser = stage.owner_in()
    browser.go("/console/projects/default/explore?pool=orders&ask=funnel&steps=2&s1=orders&u1=customer&s2=orders&u2=customer&s2f1=city&s2o1=eq&s2v1=Lyon&timeframe=this_5_years")
    browser.chart_is_there()
    browser.fill(name="who came to Lyon")
    browser.press("Save")
    browser.see("The question is saved")
    browser.looks_right("saved-funnel")
    browser.follow("Open in Explore")
    assert (browser.value("s2v1"), browser.value("u1")) == ("Lyon", "customer")


def test_a_question_is_saved_and_shown_in_a_page(stage):
    stage.stock()
    browser = stage.owner_in()
    browser.go("/console/projects/default/explore?pool=orders&analysis=sum&field=amount&by1=city&interval=monthly&timeframe=this_5_years")
    browser.chart_is_there()
    browser.fill(name="revenue/cities")
    browser.press("Save")
    browser.error_of("name")
    browser.page.get_by_label("Show it as").select_option(label="Bars")
    browser.fill(name="revenue of cities")
    browser.press("Save")
    browser.see("The question is saved")
    browser.see_heading("revenue of cities")
    browser.chart_is_there()
    assert stage.api("GET", "/v1/saved-queries/revenue%20of%20cities")["metadata"] == {"chart": "bars"}
    browser.see("publishable key")
    browser.looks_right("saved-query")
    browser.follow("Open in Explore")
    browser.see_heading("Explore")
    assert browser.value("chart") == "bars"
    browser.page.get_by_label("A cached query").check()
    browser.fill(name="revenue, kept", refresh_minutes="10")
    browser.press("Save")
    browser.see("Answers are kept for 10 minutes")
    browser.go("/console/projects/default/explore?pool=orders&analysis=count&interval=daily&timeframe=this_30_days")
    browser.page.get_by_label("A dataset").check()
    browser.fill(name="orders each day", index_by="customer")
    browser.press("Save")
    browser.see("The dataset is made")
    browser.looks_right("dataset")
    browser.click(browser.page.locator(".back a"))
    browser.see_heading("Saved questions")
    browser.looks_right("saved")
    browser.follow("orders each day")
    browser.fill(value_1="acme")
    browser.press("Show")
    browser.page.locator(".data").wait_for()
    browser.chart_is_there()
    browser.looks_right("dataset-series")
    browser.follow("Delete")
    browser.looks_right("delete-dataset")
    browser.press("Delete this dataset")
    browser.see("It is gone")


def test_a_form_that_is_opened_without_its_question_is_a_page(stage):
    stage.stock()
    browser = stage.owner_in()
    browser.go("/console/projects/default/new-question?pool=orders&analysis=count")
    browser.see_heading("Explore")
    browser.looks_right("new-question")


def test_a_saved_question_is_deleted_without_a_script(stage):
    browser = stage.owner_in(scripts=False)
    browser.go("/console/projects/default/saved")
    browser.follow("revenue, kept")
    browser.follow("Delete")
    browser.see_heading("Delete “revenue, kept”?")
    browser.looks_right("delete-saved")
    browser.press("Delete this saved query")
    browser.see("It is gone")
    assert browser.page.get_by_role("link", name="revenue, kept").count() == 0


def test_the_chart_of_a_saved_question_is_in_another_page_by_a_publishable_key(stage):
    grants = [{"on": "saved:revenue of cities", "actions": ["run"],
               "constraints": [{"field": "customer", "operator": "eq", "value": "globex"}]}]
    key = {"name": "page", "kind": "publishable", "grants": grants,
           "restrictions": {"allowed_domains": [stage.origin.removeprefix("http://")]}}
    browser = stage.owner_in()
    made = browser.page.evaluate(
        """async ([key, code]) => {
          const answer = await fetch('/v1/keys', { method: 'POST', headers: { 'Content-Type': 'application/json' },
            body: JSON.stringify({ ...key, code }) });
          return [answer.status, await answer.json()];
        }""",
        [key, stage.owner.code()],
    )
    assert made[0] == 201, made
    browser.keep_session(stage.owner)
    browser.go("/console/projects/default/saved")
    browser.follow("revenue of cities")
    lines = browser.page.locator(".snippets pre", has_text="PUBLISHABLE_KEY").inner_text()
    lines = lines.replace("PUBLISHABLE_KEY", made[1]["token"]).replace("https://tidegate.example", stage.origin)
    page = stage.browser()
    page.page.route("**/somebodys-page", lambda route: route.fulfill(content_type="text/html", body=lines))
    page.go("/somebodys-page")
    page.page.wait_for_function("() => document.getElementById('tidegate-chart')?.naturalWidth > 0", polling=50)


def test_what_is_asked_is_of_the_rows_of_the_role_alone(stage):
    guest = stage.browser()
    guest.sign_in(stage.hedy)
    guest.go("/console/projects/default/explore?pool=orders&analysis=count&by1=customer")
    guest.chart_is_there()
    text = guest.page.locator("#answer").inner_text()
    assert "globex" in text and "acme" not in text
    assert guest.page.get_by_role("button", name="Save").count() == 0
    guest.looks_right("explore-held")


def test_home_tells_what_is_going_on(stage):
    stage.stock()
    browser = stage.owner_in()
    browser.go("/console/projects/default")
    browser.see("Busiest keys")
    browser.chart_is_there()
    browser.looks_right("home-living")
    browser.page.locator("#now svg").first.wait_for()
    # It is brought anew by itself, and again.
    for _ in range(2):
        turn = browser.page.locator("#now").get_attribute("hx-get")
        assert "turn=" in turn, turn
        browser.page.wait_for_function("(turn) => document.getElementById('now').getAttribute('hx-get') !== turn", arg=turn, polling=50)
    browser.follow("7 days")
    browser.page.wait_for_url(lambda url: "range=7" in url)
    browser.chart_is_there()
