"""The errors of the project: each names the argument, its value, and what would be right."""


class ArgumentError(ValueError):
    """An argument is outside what it may be. Says nothing about the other arguments."""

    def __init__(self, argument: str, value: object, expected: str) -> None:
        text = str(value)
        shown = text if len(text) <= 60 else f"{text[:57]}..."
        super().__init__(f"{argument}: {shown} is not {expected}")
        self.argument = argument
        self.value = shown
        self.expected = expected

    def __reduce__(self) -> tuple[type, tuple[str, str, str]]:
        """Errors cross process boundaries."""
        return type(self), (self.argument, self.value, self.expected)


class MissingExtra(ArgumentError):
    """The argument asks for an optional library that is not installed; `remedy` is the command that installs it."""

    @property
    def remedy(self) -> str:
        """What to run."""
        return self.expected.partition("run: ")[2]


class PrecisionExhausted(ArithmeticError):
    """A ball stayed wider than asked at the highest working precision allowed.

    Does not mean that the quantity is ill-defined; the message names the knob that buys more precision.
    """

    def __init__(self, quantity: str, bits: int, knob: str) -> None:
        super().__init__(f"{quantity} is not proven to the asked digits at {bits} bits; raise {knob}")
        self.parts = (quantity, bits, knob)

    def __reduce__(self) -> tuple[type, tuple[str, int, str]]:
        """Errors cross process boundaries."""
        return type(self), self.parts
