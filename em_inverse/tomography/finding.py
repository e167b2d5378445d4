"""What the results of all diagnostics share: each says its verdict, and some ring an alarm."""

from __future__ import annotations

__all__ = ["Alarm", "Finding"]


class Finding:
    """A result that prints its verdict.

    Each draws itself besides (``draw()``, with the sentence for blind readers in ``alt``), and
    knows what belongs into the report (``facts``).

    Examples
    --------
    >>> class Quiet(Finding):
    ...     verdict = "nothing was found"
    >>> print(Quiet())
    nothing was found
    """

    @property
    def verdict(self) -> str:
        """What was found, in words."""
        raise NotImplementedError(f"{type(self).__name__} must define verdict")

    def __str__(self) -> str:
        return self.verdict


class Alarm(Finding):
    """A finding that is true in an ``if`` when something speaks for the fault it looks for.

    Attributes
    ----------
    reasons : tuple of str
        What speaks for it; empty when nothing does.

    Examples
    --------
    >>> class Smoke(Alarm):
    ...     reasons = ("there is a smell",)
    >>> bool(Smoke())
    True
    """

    reasons: tuple[str, ...]

    @property
    def alarm(self) -> bool:
        """Whether anything speaks for the fault."""
        return bool(self.reasons)

    def __bool__(self) -> bool:
        return self.alarm
