"""Who leaves, at the end: journeys before are made by them, too."""


def test_who_leaves_is_gone_at_once(stage):
    guest = stage.browser()
    guest.sign_in(stage.bob)
    browser = stage.owner_in()
    browser.go("/console/projects/default/people")
    browser.click(browser.page.get_by_role("link", name="Bob <script>"))
    browser.click(browser.page.get_by_role("link", name="Remove Bob"))
    browser.see("is signed out everywhere at once")
    browser.looks_right("remove-person")
    # Somebody else gives him another name meanwhile: that is shown, and he is still there.
    other = stage.owner_in()
    other.go("/console/projects/default/people")
    other.click(other.page.get_by_role("link", name="Bob <script>"))
    other.see("bob@example.com")
    other.fill(name="Bob the second")
    other.press("Save")
    other.see("The change is in force")
    browser.press("Remove this person")
    browser.see("Somebody changed it while you looked at it")
    browser.see("Bob the second")
    browser.looks_right("remove-person-stale")
    browser.press("Remove this person")
    browser.see("The person is gone")
    guest.go("/console/account")
    assert guest.path.startswith("/console/sign-in")
