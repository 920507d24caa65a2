"""A browser in front of the console, and what is checked of every page."""

from playwright.sync_api import Error, expect

# How long anything is waited for, in milliseconds: what comes comes sooner, also on a busy machine.
PATIENCE = 30_000
expect.set_options(timeout=PATIENCE)

SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
SCHEMES = ("light", "dark")

# Whether two frames were drawn within two seconds.
DRAWS = """new Promise((done) => {
    setTimeout(() => done(false), 2000);
    requestAnimationFrame(() => requestAnimationFrame(() => done(true)));
})"""

# Whether the page is all there: loaded, so that its script has run, and without an answer that htmx
# still waits for, puts in or makes ready. Before that a time may be in UTC, a link without its
# server, a form without its script, and the focus about to move.
SETTLED = """() => document.readyState === 'complete'
    && !document.querySelector('.htmx-request, .htmx-swapping, .htmx-settling')"""

# How the browser says that the page went elsewhere by itself before an address was reached.
OVERTAKEN = ("interrupted by another navigation", "net::ERR_ABORTED")

# Keeps parts that come anew by themselves as they are, or lets them go on.
HOLD = """(isHeld) => {
    window.holding ??= (event) => { if (event.detail.elt.matches('[hx-trigger^=every]')) event.preventDefault(); };
    if (isHeld) document.addEventListener('htmx:beforeRequest', window.holding);
    else document.removeEventListener('htmx:beforeRequest', window.holding);
}"""


class Browser:
    """One browser with its own cookies. Locators are found as people find them: by label and
    by role. Whatever is pressed, opened or looked for here leaves a page that is all there, so
    that what is read next is read of it, and not of the page before."""

    def __init__(self, stage, scripts, zone="Europe/Berlin"):
        self.stage = stage
        self.scripts = scripts
        self.faults = []
        self.allowed = []
        self.context = stage.chromium.new_context(
            java_script_enabled=scripts, locale="en-GB", timezone_id=zone,
            viewport=dict(zip(("width", "height"), SIZES["desktop"])), reduced_motion="reduce",
        )
        self.context.set_default_timeout(PATIENCE)
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
        self.settled()
        try:
            answer = self.page.goto(self.stage.origin + path)
        except Error as error:
            # A part that comes anew may find out at this very moment that nobody is signed in any
            # more, and loads its page: the address is typed once more.
            if not any(part in error.message for part in OVERTAKEN):
                raise
            answer = self.page.goto(self.stage.origin + path)
        self.settled()
        return answer

    def settled(self):
        """Waits until the page is all there. What was pressed is on its way from that moment on,
        so that this waits for its answer, too."""
        if self.scripts:
            # By the clock: a browser that draws no frame would wait for ever.
            self.page.wait_for_function(SETTLED, polling=50)
        else:
            self.page.wait_for_load_state()

    @property
    def path(self):
        return self.page.url.removeprefix(self.stage.origin)

    def heading(self):
        self.settled()
        return self.page.locator("main h1").inner_text()

    def see(self, text):
        """Waits until the page shows this text."""
        self._appears(self.page.get_by_text(text).first)

    def see_heading(self, text):
        self._appears(self.page.get_by_role("heading", level=1, name=text, exact=True))

    def _appears(self, locator):
        # The page before may show it, too.
        self.settled()
        locator.wait_for()
        self.settled()

    def fill(self, **fields):
        """Types into fields by their names."""
        for name, value in fields.items():
            self.page.locator(f"main [name={name}]").fill(value)

    def unchecked(self):
        """Lets the form of the page be sent without the browser's own checks."""
        self.page.locator("main form").evaluate("form => form.noValidate = true")

    def value(self, name):
        self.settled()
        return self.page.locator(f"main [name={name}]").input_value()

    def click(self, locator):
        """Clicks what asks the server for something, and is back when the answer is there."""
        if self.scripts:
            locator.click()
        else:
            # Nothing but another page can come of it.
            with self.page.expect_navigation():
                locator.click()
        self.settled()

    def press(self, label):
        """Presses a button, and is back when what came of it is there."""
        self.click(self.page.get_by_role("button", name=label, exact=True))

    def follow(self, label):
        """Follows a link, and is back when the page it leads to is there: what is looked for
        next may stand on the page before, too."""
        self._follow(self.page.get_by_role("link", name=label, exact=True).first)

    def follow_to(self, section):
        """Goes to a section of the navigation."""
        self._follow(self.page.get_by_role("navigation").get_by_role("link", name=section, exact=True))

    def _follow(self, link):
        with self.page.expect_navigation():
            link.click()
        self.settled()

    def error_of(self, name):
        """The rule that a field is marked with."""
        error = self.page.locator(f"#e-{name}")
        self._appears(error)
        assert self.page.locator(f"#f-{name}").get_attribute("aria-invalid") == "true", name
        return error.inner_text()

    def chart_is_there(self):
        """Waits until the first chart of the page is drawn."""
        self.settled()
        image = self.page.locator(".drawn img").first
        image.scroll_into_view_if_needed()
        self.page.wait_for_function(
            "() => { const one = document.querySelector('.drawn img'); return one && one.complete && one.naturalWidth > 0; }",
            polling=50,
        )

    def sign_in(self, person, expect=True):
        """Signs in with a recovery code: those of the app count once in 30 seconds."""
        self.go("/console/sign-in")
        self.type_sign_in(person)
        self.press("Sign in")
        if expect:
            self.page.wait_for_url(lambda url: "/sign" not in url)
            self.settled()

    def keep_session(self, person):
        """Keeps the session for the person's next browser: a change that was proven gave it
        another cookie."""
        # Who takes the cookie along from an answer that is not there yet takes the one before.
        self.settled()
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
        self.settled()
        if self.scripts:
            # Neither axe nor a picture is of two states of a page.
            self.page.evaluate(HOLD, True)
        checked = self.page if self.scripts else self._with_scripts()
        for size, (width, height) in SIZES.items():
            for page in {self.page, checked}:
                page.set_viewport_size({"width": width, "height": height})
            for scheme in SCHEMES:
                for page in {self.page, checked}:
                    page.emulate_media(color_scheme=scheme)
                # Pictures are others in another width and scheme.
                checked.evaluate("Promise.all([...document.images].map((one) => one.decode().catch(() => {})))")
                self.page.screenshot(
                    path=self.stage.pictures / f"{name}-{size}-{scheme}.png", full_page=True,
                    # Hiding it would be a style in the page, which its policy forbids.
                    caret="initial",
                )
                self._accessible(checked, f"{name} {size} {scheme}")
            wide = checked.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{name} {size} is {wide} wide"
        self.stage.looked.append((name, self.path))
        if checked is not self.page:
            checked.context.close()
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size(dict(zip(("width", "height"), SIZES["desktop"])))
        if self.scripts:
            self.draws_again()
            self.page.evaluate(HOLD, False)

    def draws_again(self):
        """A headless Chromium whose window changes its size stops drawing now and then until
        somebody watches it, and a click waits for frames: so somebody does."""
        for _ in range(15):
            if self.page.evaluate(DRAWS):
                return
            print(f"the browser did not draw {self.path}", flush=True)
            session = self.context.new_cdp_session(self.page)
            session.send("Page.startScreencast", {"format": "jpeg", "quality": 1})
            session.send("Page.stopScreencast")
            session.detach()
        raise AssertionError(f"the browser does not draw {self.path}")

    def _with_scripts(self):
        """The same page where axe, which is a script, may run; those of the page do not."""
        html, here = self.page.content(), self.page.url
        context = self.stage.chromium.new_context(
            locale="en-GB", timezone_id="Europe/Berlin", reduced_motion="reduce",
        )
        context.add_cookies(self.context.cookies())
        page = context.new_page()

        def answer(route):
            if route.request.is_navigation_request():
                route.fulfill(content_type="text/html", body=html)
            elif route.request.resource_type == "script":
                route.abort()
            else:
                route.continue_()

        page.route("**/*", answer)
        page.goto(here)
        return page

    def _accessible(self, page, what):
        if not page.evaluate("typeof axe === 'object'"):
            page.evaluate(self.stage.axe)
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        serious = [
            f"{one['id']}: {one['help']}: {[node['html'][:200] for node in one['nodes'][:3]]}"
            for one in found["violations"]
        ]
        assert not serious, (what, serious)
