"""Records what goes wrong on pages."""

from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Request, Response

# Chromium also logs most violations to its console, but not those of a report-only policy.
TELL = """addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) =>
    console.error(`${effectiveDirective} refuses ${blockedURI}`), true)"""
NETWORK = "Failed to load resource"  # also logged for pages and forms that are refused on purpose


class Witness:
    """Records errors, warnings, missing files and foreign hosts, on all pages of a context."""

    def __init__(self, context: BrowserContext) -> None:
        self.heard: list[str] = []
        self.policies: set[str] = set()  # of all pages
        context.add_init_script(TELL)
        context.on("console", self._listen)
        context.on("weberror", lambda error: self._note(error.error))
        context.on("request", self._follow)
        context.on("response", self._look)

    def _note(self, what: str | Error) -> None:
        self.heard.append(str(what))

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(NETWORK):
            self._note(f"{message.text} ({message.page and message.page.url})")

    def _follow(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme not in ("data", "blob") and url.hostname not in ("localhost", "127.0.0.1"):
            self._note(f"{request.url} is asked for.")

    def _look(self, response: Response) -> None:
        kind = response.request.resource_type
        if kind == "document":
            self.policies.add(response.headers.get("content-security-policy", "none"))
        elif kind != "fetch" and response.status >= 400:
            self._note(f"{response.url} is answered with {response.status}.")
