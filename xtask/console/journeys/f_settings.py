"""Projects: another one, from one to the other, joined, renamed, deleted."""

from playwright.sync_api import expect

from stage import PASSWORD, Person


def test_a_project_is_made_visited_renamed_and_deleted(stage):
    browser = stage.owner_in()
    browser.follow_to("Settings")
    browser.see_heading("Settings")
    browser.looks_right("settings")
    browser.follow("Make another project")
    browser.fill(name="north/south")
    browser.press("Make the project")
    browser.error_of("name")
    browser.fill(name="north & south")
    browser.press("Make the project")
    browser.error_of("code")
    browser.looks_right("another-project")
    browser.fill(code=stage.owner.code())
    # The second click asks for nothing: the token is in the only answer.
    browser.page.get_by_role("button", name="Make the project").dblclick()
    browser.see_heading("north & south is made")
    browser.looks_right("project-made")
    browser.keep_session(stage.owner)
    assert browser.page.locator(".copy code").inner_text().startswith("tg_")

    browser.follow("To north & south")
    browser.see_heading("north & south")
    browser.page.locator(".projects summary").click()
    browser.looks_right("home-projects")
    browser.click(browser.page.locator(".projects").get_by_role("link", name="default"))
    browser.see_heading("default")

    browser.go("/console/projects/north%20%26%20south/settings")
    browser.fill(name="north")
    browser.press("Rename")
    browser.see("The project has this name now")
    browser.follow("Delete this project")
    browser.see_heading("Delete “north”?")
    browser.looks_right("delete-project")
    browser.press("Delete this project")
    browser.see_heading("default")
    assert browser.page.locator(".projects").count() == 0


def test_the_last_project_stays(stage):
    browser = stage.owner_in()
    browser.go("/console/projects/default/settings/delete")
    browser.press("Delete this project")
    browser.see_heading("Delete “default”?")
    assert browser.page.get_by_role("alert").inner_text()


def invite(browser, sign_in, role):
    """Sends the form of the page that invites."""
    browser.fill(sign_in=sign_in)
    browser.page.locator(f"main [name=role][value={role}]").check()
    browser.press("Make the invitation")


def link_of(browser, stage, sign_in):
    """The path of the link that is shown this one time."""
    browser.see_heading(f"{sign_in} is invited")
    return browser.page.locator("[data-link]").inner_text().removeprefix(stage.origin)


def test_somebody_who_is_here_joins_another_project(stage):
    owner = stage.owner_in()
    owner.go("/console/projects/default/settings/another")
    owner.fill(name="south")
    owner.press("Make the project")
    owner.error_of("code")
    owner.fill(code=stage.owner.code())
    owner.press("Make the project")
    owner.see_heading("south is made")
    # Who knows somebody changes the roles; an invitation is made by who manages that project alone.
    owner.go("/console/projects/south/people/invite")
    invite(owner, "ines@example.com", "admin")
    owner.error_of("code")
    owner.fill(code=stage.owner.code())
    owner.press("Make the invitation")
    link = link_of(owner, stage, "ines@example.com")
    owner.keep_session(stage.owner)
    ines = stage.browser()
    ines.go(link)
    ines.fill(name="Ines", password=PASSWORD)
    ines.press("Join")
    ines.see_heading("Keep your secret and your codes")
    person = Person(
        "ines@example.com",
        ines.page.locator("[data-secret=app]").inner_text(),
        ines.page.locator(".codes code").all_inner_texts(),
    )
    ines.sign_in(person)
    ines.see_heading("south")
    ines.go("/console/projects/south/people/invite")
    invite(ines, stage.bob.sign_in, "viewer")
    link = link_of(ines, stage, stage.bob.sign_in)

    bob = stage.signed_in(stage.bob)
    assert bob.go("/console/projects/south").status == 404
    # One that begins with a digit is no name of a place in the page, and is not looked for.
    for path in ["/console/join#8" + 42 * "x", link]:
        bob.go(path)
        bob.follow("Take the invitation with it")
        bob.see_heading("Join another project")
        token = path.partition("#")[2]
        expect(bob.page.locator("[name=invitation]")).to_have_value(token)
    bob.press("Join")
    bob.see("You joined. The project is among yours now.")
    bob.page.locator(".projects summary").click()
    bob.click(bob.page.locator(".projects").get_by_role("link", name="south"))
    bob.see_heading("south")
    bob.see("You are here as viewer.")
    # It works once.
    bob.go("/console/account/join")
    bob.fill(invitation=token)
    bob.press("Join")
    assert "does not count for you" in bob.error_of("invitation")

    owner.go("/console/projects/south/people")
    owner.follow("Ines")
    owner.follow("Remove Ines")
    owner.press("Remove this person")
    owner.see("The person is gone")
    owner.go("/console/projects/south/settings/delete")
    owner.press("Delete this project")
    owner.see_heading("default")
