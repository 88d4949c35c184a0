"""How PostgreSQL, which refuses to run as root, is run when this program is root.

The ordinary way gives it an ordinary user. That user must be able to reach the program and the data
folder, and below a closed home such as /root it cannot. Opening somebody's home is not ours to do, so
there a user namespace is used instead: inside it the process is an ordinary user, outside it is root
without privileges of its own, and no folder changes.
"""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from gateway.engine.process import EngineError


@dataclass(frozen=True)
class RunAs:
    """The words to put before a command, and the user who must own its files (None: nothing to change)."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None

    def own(self, folder: Path) -> None:
        """Gives a folder and all in it to this user."""
        if self.uid is None or self.gid is None or folder.stat().st_uid == self.uid:
            return
        for parent, _, files in os.walk(folder, topdown=False):
            for name in files:
                os.chown(Path(parent, name), self.uid, self.gid, follow_symlinks=False)
            os.chown(parent, self.uid, self.gid)


def _ordinary_user() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise EngineError("running as root, and there is no user 'postgres' or 'nobody' to run PostgreSQL as")


def _works(prefix: tuple[str, ...], program: Path, folder: Path) -> bool:
    """Tells whether a command with this prefix can run the program and enter the folder."""
    test = ["sh", "-c", '"$0" --version >/dev/null && cd "$1"', str(program), str(folder)]
    try:
        return subprocess.run([*prefix, *test], cwd="/", capture_output=True).returncode == 0
    except FileNotFoundError:
        return False  # no setpriv or no unshare here


def run_as(program: Path, folder: Path) -> RunAs:
    """Finds how to run ``program`` on the data in ``folder``, which must exist.

    Raises:
        EngineError: root, and no way to become an ordinary user who reaches both.
    """
    if os.geteuid() != 0:
        return RunAs()
    user = _ordinary_user()
    ids = (f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}")
    dropped = ("setpriv", *ids, "--clear-groups", "--no-new-privs", "--")
    if shutil.which("setpriv") and _works(dropped, program, folder):
        return RunAs(dropped, user.pw_uid, user.pw_gid)
    mapped = ("unshare", "--user", f"--map-user={user.pw_uid}", f"--map-group={user.pw_gid}", "--")
    if shutil.which("unshare") and _works(mapped, program, folder):
        return RunAs(mapped, 0, 0)
    raise EngineError(
        f"running as root, but the user '{user.pw_name}' cannot reach {program} and {folder}, and user"
        " namespaces are closed here; move the checkout or CAMELLIA_STATE out of the closed folder"
    )
