"""How this verifier refuses: every reason of the step at which it stops."""


class Refused(Exception):
    """reasons: (class, text); the class is trust, integrity, floor, machine or input."""

    def __init__(self, reasons):
        super().__init__("; ".join(text for _, text in reasons))
        self.reasons = reasons

    @property
    def classes(self):
        return sorted({kind for kind, _ in self.reasons})


def refuse(kind, text):
    raise Refused([(kind, text)])
