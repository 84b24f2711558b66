"""The one exception of this room: why some bytes, a grid or an edit cannot be believed."""


class Refusal(Exception):
    """This input is not accepted.

    `code` is stable and machine readable (SAFETY section 2 lists those of files); `reason` is one plain English
    sentence for the person who can act. Neither ever holds a path on our disk.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason
