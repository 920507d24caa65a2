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
    guest.page.goto(link)
    assert len(guest.value("invitation")) == 43 and "#" not in guest.page.url
    guest.looks_right("join")
    guest.fill(name="Bob <script>alert(1)</script>", password=PASSWORD)
    guest.press("Join")
    guest.see_heading("Keep these")
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
    guest.looks_right("not-for-you")


def test_a_role_that_reaches_further_asks_for_a_code(stage):
    browser = stage.owner_in()
    browser.go("/console/projects/default/people")
    browser.page.get_by_role("link", name="Bob <script>").click()
    browser.see("bob@example.com")
    browser.looks_right("person")
    browser.page.get_by_label("Role in default").select_option("admin")
    browser.press("Save")
    browser.error_of("code")
    browser.looks_right("person-code")
    browser.fill(code=stage.owner.code())
    browser.press("Save")
    browser.see("The change is in force")
    assert "Admin, default" in browser.page.locator("tbody").first.inner_text()
    # The session goes on, with another cookie.
    browser.go("/console/account")
    browser.see_heading("Ada Lovelace")
    browser.keep_session(stage.owner)


def test_people_are_managed_without_a_script(stage):
    browser = stage.owner_in(scripts=False)
    browser.go("/console/projects/default/people")
    browser.follow("Invite somebody")
    browser.fill(sign_in="carol@example.com")
    browser.press("Make the invitation")
    browser.see_heading("carol@example.com is invited")
    browser.follow("I have handed it over")
    browser.page.get_by_role("link", name="Take back").click()
    browser.page.get_by_role("button", name="Take it back").wait_for()
    browser.looks_right("uninvite")
    browser.press("Take it back")
    browser.see("does not count any more")
