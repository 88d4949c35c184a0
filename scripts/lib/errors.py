"""What a script stops for.

ScriptError
├── Refusal      nothing was sent: the request, the network or the caller is not right    exit code 1
├── CheckFailed  it was sent, and the chain does not say what it should                    exit code 2
└── Waiting      all is well, but a delayed operation has to wait; run the same again later  exit code 3
"""


class ScriptError(Exception):
    """Root of what a script stops for on purpose; its text is for the operator."""

    exit_code = 1


class Refusal(ScriptError):
    """Refused before anything was sent."""

    exit_code = 1


class CheckFailed(ScriptError):
    """The state read back from the chain is not what the plan says."""

    exit_code = 2


class Waiting(ScriptError):
    """A scheduled operation is not due yet."""

    exit_code = 3
