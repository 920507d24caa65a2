"""A browser in front of the console, and what is checked of every page."""

from playwright.sync_api import TimeoutError as PlaywrightTimeout

SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
SCHEMES = ("light", "dark")


class Browser:
    """One browser with its own cookies. Locators are found as people find them: by label and
    by role."""

    def __init__(self, stage, scripts, zone="Europe/Berlin"):
        self.stage = stage
        self.scripts = scripts
        self.faults = []
        self.allowed = []
        self.context = stage.chromium.new_context(
            java_script_enabled=scripts, locale="en-GB", timezone_id=zone,
            viewport=dict(zip(("width", "height"), SIZES["desktop"])), reduced_motion="reduce",
        )
        self.context.set_default_timeout(10_000)
        self.page = self.context.new_page()
        self.page.on("pageerror", lambda error: self._fault(str(error)))
        self.page.on("dialog", lambda dialog: (self._fault(dialog.message), dialog.dismiss()))
        self.page.on("console", lambda said: said.type == "error" and self._fault(said.text))

    def _fault(self, text):
        # A status of 4xx is what a journey asks for, and a browser writes it down, too.
        if "Failed to load resource" in text or any(part in text for part in self.allowed):
            return
        self.faults.append(text)

    def go(self, path):
        """Opens an address, as one that is typed."""
        return self.page.goto(self.stage.origin + path)

    @property
    def path(self):
        return self.page.url.removeprefix(self.stage.origin)

    def heading(self):
        return self.page.locator("main h1").inner_text()

    def see(self, text):
        """Waits until the page shows this text."""
        self.page.get_by_text(text).first.wait_for()

    def see_heading(self, text):
        self.page.get_by_role("heading", level=1, name=text, exact=True).wait_for()

    def fill(self, **fields):
        """Types into fields by their names."""
        for name, value in fields.items():
            self.page.locator(f"main [name={name}]").fill(value)

    def unchecked(self):
        """Lets the form of the page be sent without the browser's own checks."""
        self.page.locator("main form").evaluate("form => form.noValidate = true")

    def value(self, name):
        return self.page.locator(f"main [name={name}]").input_value()

    def press(self, label):
        self.page.get_by_role("button", name=label, exact=True).click()

    def follow(self, label):
        """Follows a link, and is back when the page it leads to is there: what is looked for
        next may stand on the page before, too."""
        with self.page.expect_navigation():
            self.page.get_by_role("link", name=label, exact=True).first.click()

    def follow_living(self, label, then):
        """Follows a link in a part that comes anew every few seconds, until the link `then` is
        there: a click just when it comes hits nothing, and whoever clicked clicks again."""
        link, there = (self.page.get_by_role("link", name=name, exact=True) for name in (label, then))
        for _ in range(3):
            link.or_(there).first.wait_for()
            if not there.count():
                link.first.click()
            try:
                there.first.wait_for(timeout=4_000)
                return
            except PlaywrightTimeout:
                continue
        raise AssertionError(f"{label} leads nowhere")

    def follow_to(self, section):
        """Goes to a section of the navigation."""
        with self.page.expect_navigation():
            self.page.get_by_role("navigation").get_by_role("link", name=section, exact=True).click()

    def error_of(self, name):
        """The rule that a field is marked with."""
        error = self.page.locator(f"#e-{name}")
        error.wait_for()
        assert self.page.locator(f"#f-{name}").get_attribute("aria-invalid") == "true", name
        return error.inner_text()

    def chart_is_there(self):
        """Waits until the first chart of the page is drawn."""
        image = self.page.locator(".drawn img").first
        image.scroll_into_view_if_needed()
        self.page.wait_for_function(
            "() => { const one = document.querySelector('.drawn img'); return one && one.complete && one.naturalWidth > 0; }"
        )

    def sign_in(self, person, expect=True):
        """Signs in with a recovery code: those of the app count once in 30 seconds."""
        self.go("/console/sign-in")
        self.type_sign_in(person)
        self.press("Sign in")
        if expect:
            self.page.wait_for_url(lambda url: "/sign" not in url)

    def keep_session(self, person):
        """Keeps the session for the person's next browser: a change that was proven gave it
        another cookie."""
        # Who takes the cookie along from an answer that is not there yet takes the one before.
        self.page.wait_for_load_state()
        person.cookies = self.context.cookies()

    def is_in(self):
        """Whether somebody is signed in."""
        self.go("/console/account")
        return self.path == "/console/account"

    def type_sign_in(self, person):
        self.fill(sign_in=person.sign_in, password=person.password)
        self.page.get_by_text("I do not have the app").click()
        self.fill(recovery_code=person.recovery.pop())

    def looks_right(self, name):
        """Pictures of the page in every size and scheme, for people to look at; no serious
        finding of axe in any of them, and nothing that is wider than the window."""
        for size, (width, height) in SIZES.items():
            self.page.set_viewport_size({"width": width, "height": height})
            for scheme in SCHEMES:
                self.page.emulate_media(color_scheme=scheme)
                if self.scripts:
                    # Pictures are others in another width and scheme.
                    self.page.evaluate("Promise.all([...document.images].map((one) => one.decode().catch(() => {})))")
                self.page.screenshot(
                    path=self.stage.pictures / f"{name}-{size}-{scheme}.png", full_page=True,
                    # Hiding it would be a style in the page, which its policy forbids.
                    caret="initial",
                )
                if self.scripts:
                    self._accessible(f"{name} {size} {scheme}")
            if self.scripts:
                wide = self.page.evaluate("document.documentElement.scrollWidth")
                assert wide <= width, f"{name} {size} is {wide} wide"
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size(dict(zip(("width", "height"), SIZES["desktop"])))

    def _accessible(self, what):
        if not self.page.evaluate("typeof axe === 'object'"):
            self.page.evaluate(self.stage.axe)
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        serious = [
            f"{one['id']}: {one['help']}: {[node['html'][:200] for node in one['nodes'][:3]]}"
            for one in found["violations"]
        ]
        assert not serious, (what, serious)
