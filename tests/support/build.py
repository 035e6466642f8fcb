"""The build that is tested: where its programs are and how it was configured."""
import functools
import json
import os
import shutil
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


class Build:
    def __init__(self, directory):
        self.directory = os.path.realpath(directory)

    def binary(self, name):
        """Absolute path of a built program; fails with what to do when it is not there."""
        path = os.path.join(self.directory, name)
        if os.access(path, os.X_OK) and os.path.isfile(path):
            return path
        for entry in self._targets:
            if os.path.basename(entry) == name and os.path.isfile(entry) and os.access(entry, os.X_OK):
                return entry
        raise FileNotFoundError(f"{name} is not built in {self.directory}: run ninja -C {self.directory}")

    def is_readable_for_others(self):
        """Whether another user can run what was built."""
        return subprocess.run(["test", "-x", self.binary("cell")], user=65534, group=65534, extra_groups=[],
                              check=False).returncode == 0

    @functools.cached_property
    def _targets(self):
        return [f for t in self._introspect("--targets") for f in t["filename"]]

    def _introspect(self, what):
        meson = shutil.which("meson") or "/usr/bin/meson"
        out = subprocess.run([meson, "introspect", what, self.directory], capture_output=True, check=True)
        return json.loads(out.stdout)

    @functools.cached_property
    def _options(self):
        return {o["name"]: o["value"] for o in self._introspect("--buildoptions")}

    def option(self, name):
        """A meson option as this build has it: "prefix", "libexecdir"."""
        return self._options[name]

    @property
    def sanitizers(self):
        """"none" or what was compiled in, for example "address,undefined"."""
        return self.option("b_sanitize")


def find():
    """$CELL_TEST_BUILD, else the first build directory of the tree that has programs in it."""
    for directory in (os.environ.get("CELL_TEST_BUILD"), os.path.join(ROOT, "build-asan"),
                      os.path.join(ROOT, "build")):
        if directory and os.path.exists(os.path.join(directory, "build.ninja")):
            return Build(directory)
    raise FileNotFoundError("no build to test: set CELL_TEST_BUILD to a meson build directory")
