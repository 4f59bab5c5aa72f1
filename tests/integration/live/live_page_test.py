#!/usr/bin/env python3
"""The page of `qck bench … --ui` in headless Chromium: live_page_test.py QCK [PICTURE.png]

Watches a run of agents, sees its rates change, presses the button, and reads the report that follows; then a run
that ends by itself. Drives the browser over WebDriver (W3C) with nothing but urllib. Exits with 77 where there is
no chromedriver: Ubuntu has Chromium as a snap only.
"""
import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

PATIENCE_S = 40
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key of an element's id, WebDriver section 12


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(what, check):
    """The first true result of `check`, which is asked until it comes or patience ends."""
    until = time.monotonic() + PATIENCE_S
    seen = None
    while time.monotonic() < until:
        try:
            seen = check()
            if seen:
                return seen
        except (OSError, KeyError, ValueError) as failure:
            seen = failure
        time.sleep(0.1)
    raise AssertionError(f"never: {what} (last seen: {seen})")


class Browser:
    def __init__(self, driver, browser, folder):
        self.port = free_port()
        self.log = open(os.path.join(folder, "driver.log"), "wb")
        environment = dict(os.environ, HOME=folder)
        self.driver = subprocess.Popen([driver, f"--port={self.port}"], stdout=self.log, stderr=self.log, env=environment)
        eventually("the driver is ready", lambda: self.ask("GET", "/status")["ready"])
        arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage",
                     "--disable-background-networking", "--disable-component-update", "--disable-sync",
                     "--window-size=1144,1250", f"--user-data-dir={folder}/profile"]
        wanted = {"browserName": "chrome", "goog:chromeOptions": {"binary": browser, "args": arguments},
                  "goog:loggingPrefs": {"browser": "ALL"}}
        self.session = "/session/" + self.ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]

    def ask(self, method, path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method,
                                         data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as refusal:
            raise OSError(f"{method} {path}: {refusal.read().decode()[:300]}") from refusal

    def of(self, method, path, body=None):
        return self.ask(method, self.session + path, body)

    def open(self, url):
        self.of("POST", "/url", {"url": url})

    def script(self, code):
        return self.of("POST", "/execute/sync", {"script": code, "args": []})

    def text(self, name):
        return self.script(f"return document.getElementById('{name}').textContent")

    def element(self, css):
        return self.of("POST", "/element", {"using": "css selector", "value": css})[ELEMENT]

    def click(self, name):
        self.of("POST", f"/element/{self.element('#' + name)}/click", {})

    def shows(self, name):
        return self.of("GET", f"/element/{self.element('#' + name)}/displayed")

    def text_of_report(self):
        """What the report within the page says, by going into its frame."""
        self.of("POST", "/frame", {"id": {ELEMENT: self.element("#report")}})
        try:
            return self.script("return document.documentElement.dataset.charts + ' ' + document.body.innerText")
        finally:
            self.of("POST", "/frame", {"id": None})

    def complaints(self):
        return [entry["message"] for entry in self.of("POST", "/se/log", {"type": "browser"})
                if "favicon" not in entry["message"]]

    def picture(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.of("GET", "/screenshot")))

    def end(self):
        try:
            self.ask("DELETE", self.session)
        finally:
            self.driver.terminate()
            self.driver.wait(timeout=PATIENCE_S)
            self.log.close()


class Bench:
    """A run against a service of its own, watched at a free port."""
    started = []

    def __init__(self, qck, folder, name, *words):
        self.place = f"127.0.0.1:{free_port()}"
        command = [qck, "bench", "constant", "--serve", "--rate", "300", "--ui", self.place,
                   "--out", os.path.join(folder, name), *words]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.started.append(self.process)

    def url(self):
        return f"http://{self.place}/"

    def is_up(self):
        with urllib.request.urlopen(self.url(), timeout=5) as answer:
            return answer.status == 200

    def end(self):
        out, _ = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, out


def rates_that_change(browser):
    """Two different figures of requests answered in all, and a chart that has grown between them."""
    def seen():
        return browser.text("answered-share"), int(browser.script("return document.documentElement.dataset.states || 0"))
    first = eventually("a rate is shown", lambda: seen() if seen()[1] >= 2 else None)
    eventually("the figures go on", lambda: seen()[0] != first[0] and seen()[1] > first[1])


def check_stopped_run(browser, bench, picture):
    eventually("the page is there", bench.is_up)
    browser.open(bench.url())
    rates_that_change(browser)
    assert browser.text("scenario") == "constant", browser.text("scenario")
    assert browser.text("target-rate") == "target 300/s", browser.text("target-rate")
    eventually("it is so far", lambda: "so far" in browser.text("so-far") or "only" in browser.text("so-far"))
    eventually("percentiles are shown", lambda: browser.text("p99").endswith(("ms", "µs", "s")))
    agents = browser.script("return document.getElementById('agents').rows.length")
    assert agents == 2, agents
    if picture:
        browser.picture(picture)
        browser.of("POST", "/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": {
            "features": [{"name": "prefers-color-scheme", "value": "dark"}]}})
        browser.picture(picture.replace(".png", "-dark.png"))
        browser.of("POST", "/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": {"features": []}})
    browser.click("stop")
    assert browser.text("stop") == "Press again to stop", browser.text("stop")
    assert bench.process.poll() is None
    browser.click("stop")
    status, out = bench.end()
    assert status == 4 and "INTERRUPTED" in out, (status, out)
    eventually("the page knows of the end", lambda: browser.text("bar-status") == "INTERRUPTED")


def check_report(browser, status):
    """The report, once the process that made it is gone."""
    eventually("the report is shown", lambda: browser.shows("report"))
    report = eventually("its charts are drawn", lambda: browser.text_of_report())
    assert report.startswith("3 "), report[:200]
    assert status in report and "What was run" in report, report
    assert not browser.shows("live") and not browser.shows("stop")
    browser.click("show-live")
    assert browser.shows("live") and not browser.shows("report")
    assert int(browser.script("return document.documentElement.dataset.states")) >= 2
    browser.click("show-report")
    assert browser.shows("report")


def check_served_again(browser, qck, run):
    place = f"127.0.0.1:{free_port()}"
    served = subprocess.Popen([qck, "report", "serve", run, "--ui", place], stdout=subprocess.PIPE, text=True)
    try:
        assert served.stdout.readline() == f"http://{place}/\n"
        browser.open(f"http://{place}/")
        eventually("the report is shown", lambda: browser.shows("report"))
        assert "What was run" in eventually("its text", browser.text_of_report)
        served.terminate()
        assert served.wait(timeout=PATIENCE_S) == 0
    finally:
        served.kill()
        served.wait()


def check_all(qck, folder, browser, picture):
    # Every rate that a run may have here will do: not the machine is judged, but what the page shows of it.
    check_stopped_run(browser, Bench(qck, folder, "stopped", "--duration", "60s", "--agents", "2"), picture)
    check_report(browser, "INTERRUPTED")
    bench = Bench(qck, folder, "whole", "--duration", "4s")
    eventually("the page is there", bench.is_up)
    browser.open(bench.url())
    rates_that_change(browser)
    status, out = bench.end()
    verdict = "VALID" if status == 0 else "INVALID"
    assert status in (0, 4) and f"verdict     {verdict}" in out, (status, out)
    eventually("the page knows of the end", lambda: browser.text("bar-status") == verdict)
    check_report(browser, verdict)
    if picture:
        browser.picture(picture.replace(".png", "-report.png"))
    check_served_again(browser, qck, os.path.join(folder, "whole"))
    complaints = [one for one in browser.complaints() if "ERR_CONNECTION_REFUSED" not in one and
                  "ERR_INCOMPLETE_CHUNKED" not in one and "net::ERR" not in one]
    assert not complaints, complaints


def main():
    qck = os.path.abspath(sys.argv[1])
    picture = sys.argv[2] if len(sys.argv) > 2 else None
    driver = shutil.which("chromedriver")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if driver is None or program is None:
        print("skipped: no chromedriver and Chromium (scripts/deps --test installs them where they are packaged)")
        return 77
    with tempfile.TemporaryDirectory(prefix="qck-live-", ignore_cleanup_errors=True) as folder:
        browser = Browser(driver, program, folder)
        try:
            check_all(qck, folder, browser, picture)
        finally:
            # In order, so that what a bench has started ends with it.
            for process in Bench.started:
                process.terminate()
                process.wait(timeout=PATIENCE_S)
            browser.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
