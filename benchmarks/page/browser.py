"""A headless Chromium driven over WebDriver with nothing but the standard library: one cold load of a page, and what it cost."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tempfile
import time
import urllib.request

DESKTOP = {"name": "desktop, 1280 × 900", "arguments": ["--window-size=1280,900"]}
PHONE = {
    "name": "phone, 390 × 844",
    "arguments": ["--window-size=500,900"],
    "mobile": {"deviceMetrics": {"width": 390, "height": 844, "pixelRatio": 2.0, "touch": True}},
}

PAINTED = "return performance.getEntriesByName('first-contentful-paint').length === 1 && document.readyState === 'complete'"
LOADED = """
const navigation = performance.getEntriesByType('navigation')[0];
const entries = [navigation, ...performance.getEntriesByType('resource')];
return {
  first_contentful_paint_ms: performance.getEntriesByName('first-contentful-paint')[0].startTime,
  dom_interactive_ms: navigation.domInteractive,
  load_ms: navigation.loadEventEnd,
  bytes: entries.reduce((sum, entry) => sum + entry.transferSize, 0),
  requests: entries.length,
  elsewhere: entries.filter((entry) => !entry.name.startsWith(location.origin)).length,
};
"""
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]
PATIENCE_S = 60


class Browser:
    """A driver; each load is a browser of its own with an empty profile."""

    def __enter__(self):
        # A group of its own, so that no process of the browser outlives the driver.
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                       start_new_session=True)
        for line in self.driver.stdout:
            if found := re.search(r"started successfully on port (\d+)", line):
                self.address = f"http://127.0.0.1:{found[1]}"
                return self
        raise SystemExit("chromedriver does not start; scripts/setup.sh --test installs it")

    def __exit__(self, *_):
        os.killpg(self.driver.pid, signal.SIGKILL)
        self.driver.wait()

    def call(self, method: str, path: str, body: dict | None = None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, {"Content-Type": "application/json"}, method=method)
        return json.load(urllib.request.urlopen(request, timeout=PATIENCE_S))["value"]

    def load(self, url: str, screen: dict, distance: dict | None) -> dict:
        """Loads `url` cold. `distance` slows the network: `latency` in milliseconds, throughputs in bytes a second."""
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            options = {"args": [*FLAGS, *screen["arguments"], f"--user-data-dir={profile}"]}
            if "mobile" in screen:
                options["mobileEmulation"] = screen["mobile"]
            session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}})["sessionId"]
            try:
                if distance:
                    self.call("POST", f"/session/{session}/chromium/network_conditions", {"network_conditions": distance})
                self.call("POST", f"/session/{session}/url", {"url": url})
                return self.measured(session)
            finally:
                self.call("DELETE", f"/session/{session}")

    def measured(self, session: str) -> dict:
        run = lambda script: self.call("POST", f"/session/{session}/execute/sync", {"script": script, "args": []})
        deadline = time.monotonic() + PATIENCE_S
        while not run(PAINTED):
            if time.monotonic() > deadline:
                raise SystemExit("the page paints nothing")
            time.sleep(0.05)
        # What it asks for after it was loaded, such as its limits, counts too.
        time.sleep(0.5)
        return run(LOADED)
