"""Who works here: invited, joined, changed. Whoever leaves does so in the last file."""

from stage import PASSWORD, Person


def test_somebody_is_invited_joins_and_signs_in(stage):
    browser = stage.owner_in()
    browser.follow_to("People")
    browser.see_heading("People")
    browser.looks_right("people")
    browser.follow("Invite somebody")
    browser.see_heading("Invite somebody")
    browser.looks_right("invite")
    browser.fill(sign_in="not an address")
    browser.unchecked()
    browser.press("Make the invitation")
    browser.error_of("sign_in")
    browser.fill(sign_in="bob@example.com")
    browser.page.get_by_label("Analyst").check()
    browser.press("Make the invitation")
    browser.see_heading("bob@example.com is invited")
    browser.looks_right("invited")
    link = browser.page.locator("[data-link]").inner_text()
    assert link.startswith(f"{stage.origin}/console/join#"), link

    guest = stage.browser()
    guest.go(link.removeprefix(stage.origin))
    assert len(guest.value("invitation")) == 43 and "#" not in guest.page.url
    guest.looks_right("join")
    guest.fill(name="Bob <script>alert(1)</script>", password=PASSWORD)
    guest.press("Join")
    guest.see_heading("Keep your secret and your codes")
    bob = Person(
        "bob@example.com",
        guest.page.locator("[data-secret=app]").inner_text(),
        guest.page.locator(".codes code").all_inner_texts(),
    )
    stage.bob = bob
    guest.follow("I have kept both: sign in")
    guest.see_heading("Sign in")
    guest.fill(sign_in=bob.sign_in, password=PASSWORD, code=bob.code())
    guest.press("Sign in")
    guest.see_heading("default")
    # An analyst manages nobody, and is not led there.
    assert guest.page.get_by_role("link", name="People").count() == 0
    guest.go("/console/projects/default/people")
    assert guest.heading() == "Not for you"
    guest.see("Your role, analyst, does not reach this page.")
    assert guest.page.get_by_role("navigation").get_by_role("link", name="Pools").count() == 1
    guest.looks_right("not-for-you")


def test_a_role_that_reaches_further_asks_for_a_code(stage):
    browser = stage.owner_in()
    browser.go("/console/projects/default/people")
    browser.click(browser.page.get_by_role("link", name="Bob <script>"))
    browser.see("bob@example.com")
    browser.looks_right("person")
    browser.page.get_by_label("Role in default").select_option("admin")
    browser.press("Save")
    browser.error_of("code")
    browser.looks_right("person-code")
    browser.fill(code=stage.owner.code())
    browser.press("Save")
    browser.see("The change is in force")
    assert "Admin in default" in browser.page.locator("tbody").first.inner_text()
    # The session goes on, with another cookie.
    browser.go("/console/account")
    browser.see_heading("Ada Lovelace")
    browser.keep_session(stage.owner)


def test_what_somebody_else_changed_meanwhile_is_shown_beside_what_was_typed(stage):
    for scripts, name in ((True, "Bob <script>alert(1)</script>"), (False, "Bob <script>alert(2)</script>")):
        first, second = stage.owner_in(scripts=scripts), stage.owner_in()
        for browser in (first, second):
            browser.go("/console/projects/default/people")
            browser.click(browser.page.get_by_role("link", name="Bob <script>"))
            browser.see("bob@example.com")
        second.fill(name=name + "!")
        second.press("Save")
        second.see("The change is in force")
        first.fill(name="Bobby")
        first.press("Save")
        first.see("Somebody changed it while you looked at it")
        assert name + "!" in first.error_of("name") and first.heading() == name + "!"
        assert first.value("name") == "Bobby"
        if scripts:
            first.looks_right("person-stale")
        # Who has seen it may save all the same.
        first.fill(name=name)
        first.press("Save")
        first.see("The change is in force")


def test_sessions_of_somebody_are_ended(stage):
    for scripts in (True, False):
        guest = stage.browser()
        guest.sign_in(stage.bob)
        browser = stage.owner_in(scripts=scripts)
        browser.go("/console/projects/default/people")
        browser.click(browser.page.get_by_role("link", name="Bob <script>"))
        browser.see("bob@example.com")
        browser.click(browser.page.get_by_role("link", name="Sign Bob"))
        browser.page.get_by_role("button", name="End all sessions").wait_for()
        browser.looks_right("end-sessions")
        browser.press("End all sessions")
        browser.see("Nobody is signed in as that person any more")
        assert not guest.is_in() and guest.path.startswith("/console/sign-in")
        # The person is still somebody who works here.
        guest.sign_in(stage.bob)
        assert guest.is_in()


def test_people_are_managed_without_a_script(stage):
    browser = stage.owner_in(scripts=False)
    browser.go("/console/projects/default/people")
    browser.follow("Invite somebody")
    browser.fill(sign_in="carol@example.com")
    browser.press("Make the invitation")
    browser.see_heading("carol@example.com is invited")
    browser.follow("I have handed it over")
    browser.click(browser.page.get_by_role("link", name="Take back"))
    browser.page.get_by_role("button", name="Take it back").wait_for()
    browser.looks_right("uninvite")
    browser.press("Take it back")
    browser.see("does not count any more")


def test_somebody_joins_and_is_removed_without_a_script(stage):
    browser = stage.owner_in(scripts=False)
    browser.go("/console/projects/default/people/invite")
    browser.fill(sign_in="ida@example.com")
    browser.press("Make the invitation")
    browser.see_heading("ida@example.com is invited")
    # Nothing puts the address of the server before it.
    link = browser.page.locator("[data-link]").inner_text()
    assert link.startswith("/console/join#"), link
    guest = stage.browser(scripts=False)
    guest.go(link)
    # What is behind the # was sent nowhere, and nothing here reads it: it is typed.
    assert guest.value("invitation") == ""
    guest.fill(invitation=link.partition("#")[2], name="Ida", password=PASSWORD)
    guest.press("Join")
    guest.see_heading("Keep your secret and your codes")
    ida = Person(
        "ida@example.com",
        guest.page.locator("[data-secret=app]").inner_text(),
        guest.page.locator(".codes code").all_inner_texts(),
    )
    guest.follow("I have kept both: sign in")
    guest.see_heading("Sign in")
    guest.fill(sign_in=ida.sign_in, password=PASSWORD, code=ida.code())
    guest.press("Sign in")
    guest.see_heading("default")

    browser.go("/console/projects/default/people")
    browser.follow("Ida")
    browser.see_heading("Ida")
    browser.follow("Remove Ida")
    browser.see_heading("Remove Ida?")
    browser.see("is signed out everywhere at once")
    browser.press("Remove this person")
    browser.see("The person is gone")
    assert browser.page.get_by_role("link", name="Ida", exact=True).count() == 0
    assert not guest.is_in() and guest.path.startswith("/console/sign-in")


def test_an_invitation_survives_a_double_click(stage):
    for scripts, name in ((True, "dora@example.com"), (False, "emil@example.com")):
        browser = stage.owner_in(scripts=scripts)
        browser.go("/console/projects/default/people/invite")
        browser.fill(sign_in=name)
        browser.page.get_by_role("button", name="Make the invitation").dblclick()
        if scripts:
            # The second click asks for nothing: the link is in the only answer.
            browser.see_heading(f"{name} is invited")
            assert "/console/join#" in browser.page.locator("[data-link]").inner_text()
            browser.page.go_back()
            browser.see_heading("Invite somebody")
        else:
            # The second click asks anew, and the browser throws the first answer away: the link
            # is in the one that is shown.
            browser.see_heading(f"{name} is invited")
            assert "/console/join#" in browser.page.locator("[data-link]").inner_text()
            browser.go("/console/projects/default/people/invite")
            browser.fill(sign_in="fred@example.com")
            browser.press("Make the invitation")
            browser.see_heading("fred@example.com is invited")
            browser.page.reload()
            browser.see_heading("That was done already")
            browser.looks_right("invited-already")
        invited = [one["sign_in"] for one in stage.api("GET", "/v1/invitations")["items"]]
        assert invited.count(name) == 1, invited
    assert invited.count("fred@example.com") == 1, invited
