"""`make bench-pages`: the wallet's first visit on a slow phone (E4).

Chromium with an empty cache, the network of Lighthouse's slow 4G (150 ms there and back, 1.6 Mbit/s down,
0.75 up) and a processor four times slower. Usable: the field for the phone number takes what is typed. No
peer: the figures are held against what was asked for.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, sync_playwright

from bench import report
from tests.gateway.world import CITY, World, make_world
from tests.pages.conftest import chromium

ROUNDS: Final = 7
CPU_SLOWER: Final = 4
NETWORK: Final = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1_600_000 / 8,
    "uploadThroughput": 750_000 / 8,
}
MOST_KB: Final = 150
MOST_SECONDS: Final = 1.5
_USABLE: Final = """() => {
    const input = document.querySelector("input[type=tel]");
    return input && input === document.elementFromPoint(...middle(input)) ? performance.now() : null;
    function middle(element) {
        const box = element.getBoundingClientRect();
        return [box.x + box.width / 2, box.y + box.height / 2];
    }
}"""


def visit(browser: Browser, address: str) -> dict[str, float]:
    """One first visit: {kb, usable_ms}."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="ko-KR")
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.send("Network.emulateNetworkConditions", NETWORK)
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": CPU_SLOWER})
    sizes: list[float] = []
    devtools.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(address, wait_until="commit")
    usable = float(page.wait_for_function(_USABLE, polling=10).json_value())
    page.wait_for_load_state("networkidle")
    context.close()
    return {"kb": sum(sizes) / 1024, "usable_ms": usable}


def measure(city: World) -> dict[str, Any]:
    """The result of all rounds."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        address = city.root(f"{CITY}/wallet/")
        visit(browser, address)  # the browser's own beginning is not the page's
        rounds = [visit(browser, address) for _ in range(ROUNDS)]
        browser.close()
    ours = report.middle(rounds, "kb", "usable_ms")
    ratios = {
        "kb_within": round(MOST_KB / ours["kb"], 2),
        "usable_within": round(MOST_SECONDS * 1000 / ours["usable_ms"], 2),
    }
    return {"rounds": rounds, "ours": ours, "peers": {}, "ratios": ratios}


def main() -> None:
    """Measure, tell, write. A folder of a city that is up may be given."""
    with tempfile.TemporaryDirectory() as folder:
        given = Path(sys.argv[1]) if len(sys.argv) > 1 else None
        world = make_world(given or Path(folder))
        with nullcontext(world) if given else world.running() as city:
            result = measure(city)
    print(report.write("pages", result))
    print(result["ours"], result["ratios"])


if __name__ == "__main__":
    main()
