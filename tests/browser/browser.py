"""A headless Chromium: pages as it builds them, and as it paints them."""

import os
import pathlib
import shutil
import subprocess
import tempfile

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    # Timers and frames run in virtual time: the page is done when this much of it has passed, however slow the machine is.
    "--virtual-time-budget=5000",
)


def missing():
    """What to do where there is no browser; None where there is one."""
    if shutil.which("chromium"):
        return None
    return "chromium is not installed, and pages can't be checked without it. Run: sudo apt-get install -y --no-install-recommends chromium"


def _run(folder, page, address, size, *flags):
    with tempfile.TemporaryDirectory(dir=folder) as profile:
        command = ["chromium", *_FLAGS, f"--user-data-dir={profile}/profile", f"--window-size={size[0]},{size[1]}", *flags]
        result = subprocess.run(
            [*command, pathlib.Path(page).resolve().as_uri() + address],
            capture_output=True,
            check=False,
            timeout=120,
            env={**os.environ, "HOME": profile, "XDG_RUNTIME_DIR": profile},
        )
    if result.returncode != 0:
        raise RuntimeError(f"chromium exited with {result.returncode}: {result.stderr.decode(errors='replace')}")
    return result.stdout.decode()


def dom(folder, page, address="", size=(1600, 1000)):
    """The document as HTML after its scripts have run."""
    return _run(folder, page, address, size, "--dump-dom")


def screenshot(folder, page, address="", size=(1200, 800), dark=False):
    """The bytes of a PNG."""
    image = os.path.join(folder, "screenshot.png")
    scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
    _run(folder, page, address, size, f"--screenshot={image}", scheme)
    with open(image, "rb") as file:
        return file.read()
