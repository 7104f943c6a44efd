"""Errors of statements and their domains; each names what is wrong and what would be right."""


class StatementError(ValueError):
    """A statement is not well formed. Says nothing about whether what it claims is true."""


class UnknownStatement(KeyError):
    """No statement has this id. Does not mean that the theorem is unknown: `rankproof list` shows what there is."""

    def __str__(self) -> str:
        return str(self.args[0])
