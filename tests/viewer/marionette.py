"""Firefox, through what every Firefox listens to: Marionette, JSON over a socket of this machine.

Why not a driver: Debian has no geckodriver, and Playwright's own protocol for Firefox asks for more than Debian's
extended support release has. Format: `<length>:[0, id, command, parameters]`, answered with `[1, id, error, result]`
(Firefox source documentation, "Marionette: protocol").
"""

import json
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

FIREFOX = "/usr/bin/firefox-esr"
START_S = 90


class Firefox:
    """A headless Firefox with a profile of its own in ``folder``; a context manager."""

    def __init__(self, folder: Path) -> None:
        profile = folder / "profile"
        profile.mkdir()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        settings = {
            "marionette.port": port,
            "media.autoplay.default": 0,
            "browser.download.folderList": 2,
            "browser.download.dir": str(folder),
            "datareporting.policy.dataSubmissionEnabled": False,
        }
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in settings.items()]
        (profile / "user.js").write_text("\n".join(lines))
        command = [FIREFOX, "--headless", "--marionette", "--remote-allow-system-access", "--profile", str(profile)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._socket = self._connect(port)
        self._number = 0
        self._read()  # its greeting
        self.call("WebDriver:NewSession", capabilities={"alwaysMatch": {"acceptInsecureCerts": False}})
        self.call("WebDriver:SetTimeouts", script=START_S * 1000)

    def __enter__(self) -> "Firefox":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._process.terminate()
        self._process.wait(30)

    def open(self, page: Path) -> None:
        self.call("WebDriver:Navigate", url=page.as_uri())

    def run(self, script: str, *arguments: object) -> Any:
        """The value of a script's ``return``; promises are awaited."""
        return self.call("WebDriver:ExecuteScript", script=script, args=list(arguments), sandbox=None)["value"]

    def until(self, condition: str) -> Any:
        """The first value of an expression that is true."""
        script = (
            f"return new Promise((resolve, reject) => {{ const began = Date.now(); const look = () => {{ "
            f"const value = ({condition}); if (value) resolve(value); "
            f"else if (Date.now() - began > {START_S * 900}) reject(new Error('never came')); "
            f"else setTimeout(look, 50); }}; look(); }})"
        )
        return self.run(script)

    def pick_folder(self, selector: str, folder: Path) -> None:
        """As if ``folder`` had been picked: its real files, by the paths that a picker gives.

        Only a person can use the picker itself; a plain input takes the files, and the page's own is told of them.
        """
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        names = [str(path.relative_to(folder.parent)) for path in paths]
        self.run("const m = document.createElement('input'); m.type = 'file'; m.multiple = true; m.id = 'mule';"
                 "document.body.append(m)")  # fmt: skip
        found = self.call("WebDriver:FindElement", using="css selector", value="#mule")["value"]
        for path in paths:
            self.call("WebDriver:ElementSendKeys", id=next(iter(found.values())), text=str(path))
        self.run(
            "const [selector, names] = arguments; const mule = document.querySelector('#mule');"
            "const files = [...mule.files];"
            "files.forEach((file, n) => Object.defineProperty(file, 'webkitRelativePath', { value: names[n] }));"
            "const input = document.querySelector(selector); Object.defineProperty(input, 'files', { value: files });"
            "mule.remove(); input.dispatchEvent(new Event('change'))",
            selector,
            names,
        )

    def call(self, command: str, **parameters: object) -> Any:
        self._number += 1
        data = json.dumps([0, self._number, command, parameters]).encode()
        self._socket.sendall(b"%d:%s" % (len(data), data))
        _, number, error, result = self._read()
        assert number == self._number
        if error is not None:
            raise RuntimeError(f"{command}: {error}")
        return result

    def _read(self) -> Any:
        length = b""
        while (byte := self._socket.recv(1)) != b":":
            if not byte:
                raise RuntimeError("Firefox has gone")
            length += byte
        data = b""
        while len(data) < int(length):
            data += self._socket.recv(int(length) - len(data))
        return json.loads(data)

    def _connect(self, port: int) -> socket.socket:
        deadline = time.monotonic() + START_S
        while True:
            try:
                return socket.create_connection(("127.0.0.1", port), timeout=START_S)
            except ConnectionRefusedError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
