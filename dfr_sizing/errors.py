"""What a user is told when something asked for cannot be done."""


class InputError(Exception):
    """Bad input: one sentence that names the value, the range allowed and the remedy.

    >>> raise InputError("--farmers", "-3", "a count from 1,000 to 200,000,000", "write for instance 2e6 or 2M")
    Traceback (most recent call last):
    dfr_sizing.errors.InputError: --farmers is -3, but must be a count from 1,000 to 200,000,000: write ...
    """

    def __init__(self, name: str, value: object, allowed: str, remedy: str) -> None:
        self.name = name
        self.value = value
        self.allowed = allowed
        self.remedy = remedy
        super().__init__(f"{name} is {value}, but must be {allowed}: {remedy}.")
