"""Pictures of the studio's pages, for docs/studio.md.

    python benchmarks/studio_pictures.py runs/demo --photo photo.png

The run is shown as "digits"; the photo is opened for restoring, with a stroke of the brush.
"""

import argparse
import io
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from studio import studio

import elegan

SIZE = {"width": 1120, "height": 780}
SHOWN, COLOURS = 760, 160  # pixels across, and in the palette, so that a picture is small


def keep(page: Any, path: Path) -> None:
    """Takes a picture of what is on the screen, smaller and in few colours."""
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    height = round(image.height * SHOWN / image.width)
    small = image.resize((SHOWN, height), Image.Resampling.LANCZOS)
    few = small.quantize(COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.save(path, optimize=True)


def played(page: Any) -> None:
    """Plays the game for some hundred steps."""
    page.get_by_role("slider").fill("4")
    page.get_by_role("button", name="Run").click()
    page.wait_for_timeout(5_000)
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Both", exact=True).click()
    page.wait_for_timeout(2300)
    page.locator(".game").evaluate("(game) => game.scrollIntoView()")


def looked(page: Any) -> None:
    """Has the digits looked at."""
    page.get_by_label("Known data sets").select_option("mnist-5k")
    page.locator("img[alt='Some of the images']").wait_for()
    page.wait_for_timeout(500)


def brushed(photo: Path) -> Callable[[Any], None]:
    """Opens the photo and paints on it."""

    def act(page: Any) -> None:
        page.locator("input[type=file]").first.set_input_files(str(photo))
        page.get_by_role("button", name=f"Open {photo.name}").click()
        page.get_by_label("Paint a mask").check()
        canvas = page.locator("canvas").first
        canvas.wait_for()
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        across = [(box["x"] + box["width"] * k, box["y"] + box["height"] * 0.5) for k in (0.3, 0.6)]
        page.mouse.move(*across[0])
        page.mouse.down()
        page.mouse.move(*across[1], steps=12)
        page.mouse.up()
        page.wait_for_timeout(500)

    return act


def posed(page: Any) -> None:
    """Opens the first character that is drawn."""
    page.get_by_role("button", name="Character 1:").click()
    page.locator(".pose img").wait_for()
    page.wait_for_timeout(3000)
    page.locator(".pose img").scroll_into_view_if_needed()


def main() -> None:
    """Takes a picture of each page."""
    words = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    words.add_argument("run", type=Path, help="a run folder")
    words.add_argument("--photo", type=Path, required=True)
    words.add_argument("--out", type=Path, default=Path("docs/figures"))
    options = words.parse_args()
    from playwright.sync_api import sync_playwright

    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        home = Path(folder)
        shutil.copytree(options.run, home / "runs" / "digits")
        elegan.report(home / "runs" / "digits")
        pages: dict[str, tuple[str, Callable[[Any], None] | None]] = {
            "runs": ("runs", None),
            "new": ("new", looked),
            "watch": ("watch/digits", None),
            "teach": ("teach", played),
            "generate": ("use/digits", None),
            "photos": ("use/restore", brushed(options.photo)),
            "characters": ("use/characters", posed),
            "report": ("report/digits", None),
        }
        with studio(home) as start:
            browser = playwright.chromium.launch(
                executable_path=browser_path, args=["--no-sandbox"]
            )
            page = browser.new_page(viewport=SIZE, locale="en-US")
            page.set_default_timeout(120_000)
            page.goto(start)
            for name, (place, act) in pages.items():
                page.goto(f"{start.split('/?')[0]}/#/{place}")
                page.locator("main h1").first.wait_for()
                page.wait_for_timeout(2500)
                if act is not None:
                    act(page)
                keep(page, options.out / f"studio-{name}.png")
            browser.close()


if __name__ == "__main__":
    main()
